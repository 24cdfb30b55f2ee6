"""Work of the headlines of annotations and reports, on both sides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.readers import clock

__all__ = ["prepare"]


def prepare(which: str, job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Warm up on another object (Job: ``warm``), and return the work on ``object``.

    Both share a cache folder, which is there then and does not know the second object.
    """
    make = _ours if which == "ours" else _theirs
    make(job["task"], job["warm"])()
    task = make(job["task"], job["object"])

    def work() -> dict[str, Any]:
        began = clock()
        found = task()
        return {"began": began, "ended": clock(), "found": found}

    return work


def _ours(task: str, target: dict[str, Any]) -> Callable[[], int]:
    import nearline as nl

    where = target.get("path") or target["url"]
    options = target.get("options")

    def report() -> int:
        return len(nl.sr.measurements(where, storage_options=options))

    def one_group() -> int:
        found = nl.annread(where, storage_options=options).get_annotation_group(number=2)
        return len(found.get_graphic_data("2D"))

    def all_groups() -> int:
        found = nl.annread(where, storage_options=options).get_annotation_groups()
        return sum(len(one.get_graphic_data("2D")) for one in found)

    chosen = {"report": report, "one group": one_group, "all groups": all_groups}[task]

    def run() -> int:
        with nl.settings(**target["settings"]):
            return chosen()

    return run


def _theirs(task: str, target: dict[str, Any]) -> Callable[[], int]:
    import highdicom
    import pandas as pd

    if "path" in target:

        def opened() -> Any:
            return target["path"]
    else:
        import s3fs

        fs = s3fs.S3FileSystem(**target["options"], default_block_size=500_000)
        fs.connect()

        def opened() -> Any:
            return fs.open(target["url"], mode="rb")

    def report() -> int:
        document = highdicom.sr.srread(opened())
        rows = [
            {
                "tracking_identifier": group.tracking_identifier,
                "tracking_uid": group.tracking_uid,
                "finding_type": group.finding_type.meaning,
                "finding_sites": [site.value.meaning for site in group.finding_sites],
                "measurement": one.name.meaning,
                "value": one.value,
                "unit": one.unit.value,
            }
            for group in document.content.get_planar_roi_measurement_groups()
            for one in group.get_measurements()
        ]
        return len(pd.DataFrame(rows))

    def one_group() -> int:
        found = highdicom.ann.annread(opened()).get_annotation_group(number=2)
        return len(found.get_graphic_data("2D"))

    def all_groups() -> int:
        found = highdicom.ann.annread(opened()).AnnotationGroupSequence
        return sum(len(one.get_graphic_data("2D")) for one in found)

    return {"report": report, "one group": one_group, "all groups": all_groups}[task]
