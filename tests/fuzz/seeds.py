"""The first inputs of each target, as other programs write them; ``python -m fuzz.seeds``."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import highdicom
import numpy as np

from dicom.test_columns_equal_pydicom import many
from dicom.written import encapsulated, jpeg
from fuzz.targets import CORPUS
from made import Phantom, ct_series
from made.annotations import AREA, annotations, group, polygons
from made.reports import planar, report
from made.segmentation import describe_segment
from nearline.dicom.header_reading import read_header
from nearline.testing.slides import Recipe, write_slide
from nearline.testing.xnat.freesurfer import freesurfer_session

FRAMES = [[jpeg(b"aa"), b"more"], [jpeg(b"bbbb")], [jpeg(b"cccccc")]]
TINY = {"rows": 32, "columns": 32, "tile_rows": 16, "tile_columns": 16}


def _written(dataset: Any) -> bytes:
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _slide(**recipe: Any) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "slide.dcm"
        write_slide(path, Recipe(**TINY, **recipe))
        return path.read_bytes()


def _segmentation(kind: str) -> bytes:
    phantom = Phantom(5, 7, 3)
    masks = np.zeros((3, 5, 7), np.uint8)
    masks[:, 1:3, 2:5] = 1
    return _written(
        highdicom.seg.Segmentation(
            source_images=list(ct_series(phantom)),
            pixel_array=masks,
            segmentation_type=kind,
            segment_descriptions=[describe_segment(1, "Liver")],
            series_instance_uid=highdicom.UID(),
            series_number=2,
            sop_instance_uid=highdicom.UID(),
            instance_number=1,
            manufacturer="nearline",
            manufacturer_model_name="tests",
            software_versions="1",
            device_serial_number="1",
        )
    )


def _groups(kind: str, first: int) -> bytes:
    from dicom.memory_reader import MemoryReader

    found = read_header(MemoryReader(many(20, kind))).functional_groups
    return bytes([first]) + bytes(found or b"")


def seeds() -> dict[str, list[bytes]]:
    """Return them by target."""
    rng = np.random.default_rng(0)
    nuclei = group(1, "POLYGON", polygons(rng, 3), {AREA: np.array([3.0, 5.0, 4.0])})
    table = {"ResultSet": {"Result": [{"ID": "E1", "URI": "/data/experiments/E1"}]}}
    files = {
        "ResultSet": {
            "totalRecords": "1",
            "Result": [
                {
                    "Name": "aseg.stats",
                    "Size": "812",
                    "URI": "/data/experiments/E1/resources/7/files/s%20/stats/aseg.stats",
                    "digest": "00ff",
                    "xnat_abstractresource_id": "7",
                    "file_count": "1",
                }
            ],
        }
    }
    stats = freesurfer_session(1, subject="s")
    s3 = (
        "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>a</NextContinuation"
        "Token><Contents><Key>a/b.dcm</Key><Size>7</Size><ETag>&quot;x&quot;</ETag><LastModified>"
        "2026-11-21T10:00:00.000Z</LastModified></Contents></ListBucketResult>"
    )
    azure = (
        "<EnumerationResults><Blobs><Blob><Name>a.dcm</Name><Properties><Content-Length>7"
        "</Content-Length><Etag>0x8</Etag></Properties></Blob></Blobs><NextMarker/></Enumeration"
        "Results>"
    )
    google = {"items": [{"name": "a", "size": "7", "etag": "x", "generation": "1"}]}
    return {
        "image": [
            encapsulated(FRAMES),
            encapsulated(FRAMES, table="right"),
            encapsulated([one[:1] for one in FRAMES], extended=([0, 14, 30], [6, 8, 10])),
            many(5, "explicit"),
            many(5, "implicit", open_=True),
            many(5, "big endian"),
            many(5, "deflated"),
            _slide(codec="jpeg", offset_table="tiff"),
        ],
        "groups": [_groups("explicit", 20 << 2), _groups("implicit", 20 << 2 | 1)],
        "annotations": [_written(annotations([nuclei]))],
        "report": [_written(report([planar(rng, 0, 1)]))],
        "segmentation": [_segmentation("BINARY"), _segmentation("LABELMAP")],
        "stats": [stats[f"s/stats/{name}.stats"] for name in ("aseg", "lh.aparc")],
        "xnat": [json.dumps(one).encode() for one in (table, files)],
        "listing": [s3.encode(), azure.encode(), json.dumps(google).encode()],
    }


def main() -> None:
    """Write those that are not there."""
    for target, found in seeds().items():
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(found):
            path = folder / f"seed-{number}"
            if not path.exists():
                path.write_bytes(data)


if __name__ == "__main__":
    main()
