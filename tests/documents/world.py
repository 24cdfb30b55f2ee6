"""The bucket and the XNAT that the documents speak of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom

from end_to_end.job import Job
from made import Phantom, ct_series, enhanced_ct, parametric_map
from made.annotations import AREA, annotations, group, polygons
from made.reports import planar, report
from made.segmentation import describe_segment
from nearline.testing.xnat import Archive, SimulatedXnat, ashs_session, freesurfer_session
from servers.s3 import S3Server

__all__ = ["fill_bucket", "project"]

PHANTOM = Phantom(64, 48, 150)
_DEVICE = {"manufacturer": "nearline", "manufacturer_model_name": "tests"}


def _segmentation(series: list[pydicom.Dataset]) -> pydicom.Dataset:
    masks = PHANTOM.label_volume()
    numbers = [number for number in (1, 2, 3) if (masks == number).any()]
    return highdicom.seg.Segmentation(
        source_images=series,
        pixel_array=np.stack([masks == number for number in numbers], -1).astype(np.uint8),
        segmentation_type="BINARY",
        segment_descriptions=[
            describe_segment(at, label)
            for at, label in enumerate(("Liver", "Spleen", "Kidney")[: len(numbers)], 1)
        ],
        series_instance_uid=highdicom.UID(),
        series_number=2,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        software_versions="1",
        device_serial_number="1",
        **_DEVICE,
    )


def fill_bucket(store: S3Server, folder: Path) -> None:
    """Put everything that the documents read into a public bucket named ``bucket``."""
    store.make_bucket("bucket", public=True)
    store.put("bucket", "slide.dcm", Job.prepare(folder).path)
    rng, areas = np.random.default_rng(0), np.array([3.0, 5.0, 4.0])
    series = list(ct_series(PHANTOM))
    made: dict[str, Any] = {f"series/{number}.dcm": one for number, one in enumerate(series)}
    made |= {
        "segmentation.dcm": _segmentation(series),
        "enhanced-ct.dcm": enhanced_ct(PHANTOM),
        "map.dcm": parametric_map(PHANTOM),
        "nuclei.dcm": annotations([group(1, "POLYGON", polygons(rng, 3), {AREA: areas})]),
        "report.dcm": report([planar(rng, number) for number in range(3)]),
    }
    for key, dataset in made.items():
        path = folder / "object.dcm"
        dataset.save_as(path, enforce_file_format=True)
        store.put("bucket", key, path)


@contextmanager
def project() -> Iterator[SimulatedXnat]:
    """Serve a project ALFA of three sessions, and a project BETA without any."""
    archive = Archive()
    for name in ("ALFA", "BETA"):
        archive.add_project(name)
    for number in range(1, 4):
        session = archive.add_session("ALFA", subject=f"{number:04d}", label=f"{number:04d}_MR1")
        for resource in ("FREESURFER6", "FREESURFER7"):
            files = freesurfer_session(number, subject=f"{number:04d}")
            archive.put_files(session, resource, files)
        archive.put_files(session, "ASHS", ashs_session(number, subject=f"{number:04d}"))
    with SimulatedXnat(archive) as server:
        yield server
