"""The bucket and the XNAT that the documents speak of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
from highdicom.sr.coding import CodedConcept
from pydicom.sr.codedict import codes

from end_to_end.job import Job
from made import Phantom, ct_series, enhanced_ct, parametric_map
from made.segmentation import describe_segment
from nearline.testing.slides import Recipe, write_slide
from nearline.testing.xnat import Archive, SimulatedXnat, ashs_session, freesurfer_session
from servers.s3 import S3Server

__all__ = ["annotations", "fill_bucket", "project", "report"]

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


def annotations(slide: pydicom.Dataset) -> pydicom.Dataset:
    """Return a group of three nuclei of a slide."""
    rng = np.random.default_rng(0)
    nuclei = [rng.uniform(0, 1000, (n, 2)).astype(np.float32) for n in (5, 9, 4)]
    area = highdicom.ann.Measurements(
        name=codes.SCT.Area, values=np.array([3.0, 5.0, 4.0]), unit=codes.UCUM.SquareMicrometer
    )
    group = highdicom.ann.AnnotationGroup(
        number=1,
        uid=highdicom.UID(),
        label="nuclei",
        annotated_property_category=codes.SCT.AnatomicalStructure,
        annotated_property_type=CodedConcept("84640000", "SCT", "Nucleus"),
        graphic_type=highdicom.ann.GraphicTypeValues.POLYGON,
        graphic_data=nuclei,
        algorithm_type=highdicom.ann.AnnotationGroupGenerationTypeValues.MANUAL,
        measurements=[area],
    )
    return highdicom.ann.MicroscopyBulkSimpleAnnotations(
        source_images=[slide],
        annotation_coordinate_type="2D",
        annotation_groups=[group],
        series_instance_uid=highdicom.UID(),
        series_number=3,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        software_versions="1",
        device_serial_number="1",
        **_DEVICE,
    )


def report(kind: str = "Comprehensive3DSR") -> pydicom.Dataset:
    """Return a TID 1500 report of one measured lesion, as one of highdicom's kinds."""
    series = list(ct_series(PHANTOM))
    tracking = highdicom.sr.TrackingIdentifier(highdicom.UID(), "lesion 1")
    region = highdicom.sr.ImageRegion(
        graphic_type=highdicom.sr.GraphicTypeValues.POLYLINE,
        graphic_data=np.array([[1, 1], [9, 1], [9, 9], [1, 1]]),
        source_image=highdicom.sr.SourceImageForRegion(
            series[0].SOPClassUID, series[0].SOPInstanceUID
        ),
    )
    group = highdicom.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=tracking,
        referenced_region=region,
        finding_type=CodedConcept("108369006", "SCT", "Neoplasm"),
        measurements=[
            highdicom.sr.Measurement(
                name=codes.SCT.Area, value=64.0, unit=codes.UCUM.SquareMillimeter
            )
        ],
    )
    observer = highdicom.sr.ObservationContext(
        observer_person_context=highdicom.sr.ObserverContext(
            observer_type=codes.DCM.Person,
            observer_identifying_attributes=(
                highdicom.sr.PersonObserverIdentifyingAttributes(name="Doe^Jane")
            ),
        )
    )
    content = highdicom.sr.MeasurementReport(
        observation_context=observer,
        procedure_reported=codes.LN.CTUnspecifiedBodyRegion,
        imaging_measurements=[group],
    )
    return getattr(highdicom.sr, kind)(
        evidence=series,
        content=content,
        series_number=4,
        series_instance_uid=highdicom.UID(),
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="nearline",
    )


def fill_bucket(store: S3Server, folder: Path) -> None:
    """Put everything that the documents read into a public bucket named ``bucket``."""
    store.make_bucket("bucket", public=True)
    store.put("bucket", "slide.dcm", Job.prepare(folder).path)
    small = folder / "small.dcm"
    write_slide(small, Recipe(rows=1024, columns=1024))
    series = list(ct_series(PHANTOM))
    made: dict[str, Any] = {f"series/{number}.dcm": one for number, one in enumerate(series)}
    made |= {
        "segmentation.dcm": _segmentation(series),
        "enhanced-ct.dcm": enhanced_ct(PHANTOM),
        "map.dcm": parametric_map(PHANTOM),
        "nuclei.dcm": annotations(pydicom.dcmread(small)),
        "report.dcm": report(),
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
