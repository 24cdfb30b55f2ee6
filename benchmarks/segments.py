"""Volumes of a segmentation of 60 segments, 5,400 frames and 180 MB, over the slow line."""

from __future__ import annotations

from typing import Any

from benchmarks.stage import Measured, Stage
from benchmarks.table import Row, Side, pairs
from benchmarks.volume import LIVER, prepare
from made.shapes import LIVER as LIVER_NUMBER
from made.shapes import write_whole_body

__all__ = ["prepare", "rows"]

_ME = "segments"
_NAME = "whole-body.dcm"
_OTHER = "other-body.dcm"
_TEN = range(145, 155)
_COMBINED = {"combine_segments": True}


def _small(path: Any) -> Any:
    return write_whole_body(path, segments=6, frames=30, slices=10, size=64)


def _share(side: Side, needed: int, limit: float) -> dict[str, bool]:
    share = side.bytes / needed
    return {f"{share:.3f} of {needed / 1e6:.2f} MB, at most {limit}": share <= limit}


def rows(stage: Stage, repeat: int) -> list[Row]:
    """Measure one segment, ten slices, and everything."""
    made = stage.made(_NAME, write_whole_body)
    stage.made(_OTHER, _small)

    def measure(which: str, ask: dict[str, Any], **more: Any) -> Measured:
        job = {
            "warm": stage.at(_OTHER, "segread", cache_dir=stage.new_cache()),
            "object": stage.at(_NAME, "segread", cache_dir=stage.new_cache()),
            "ask": ask,
        }
        return stage.measure(_ME, which, job | more)

    def compare(times: int, ask: dict[str, Any], **more: Any) -> tuple[Side, Side]:
        ours, theirs, *_ = pairs(
            times,
            lambda: measure("ours", ask, **more),
            lambda: measure("theirs", ask, **more),
        )
        if ours.facts["sum"] != theirs.facts["sum"]:
            raise RuntimeError(f"Other pixels than highdicom's: {ours.facts}, {theirs.facts}")
        return ours, theirs

    found = []
    ours, theirs = compare(repeat, {"label": LIVER, **_COMBINED})
    needed = made.header_bytes + made.bytes_of(segments=[LIVER_NUMBER])
    found.append(Row("open SEG + one segment of 60", ours, theirs, 9, _share(ours, needed, 1.1)))

    # highdicom's volumes begin at the head, `made` counts from the feet.
    slices = int(made.slices.max()) + 1
    asked = {"slice_start": _TEN.start, "slice_end": _TEN.stop, "as_indices": True}
    needed = made.bytes_of(slices=range(slices - _TEN.stop, slices - _TEN.start))
    ours, theirs = compare(min(repeat, 3), asked | _COMBINED, opened=True)
    found.append(Row("ten slices, all 60 segments", ours, theirs, 25, _share(ours, needed, 1.3)))

    ours, theirs = compare(1, _COMBINED)
    found.append(
        Row("open + all 60 segments, 180 MB", ours, theirs, 60, _share(ours, made.size, 1.02))
    )
    return found
