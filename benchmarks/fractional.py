"""All segments of a FRACTIONAL segmentation in RLE: 240 frames that are few bytes each."""

from __future__ import annotations

from typing import Any

from benchmarks.stage import Measured, Stage
from benchmarks.table import Row, pairs
from benchmarks.volume import prepare
from made.shapes import write_fractional

__all__ = ["prepare", "rows"]

_ME = "fractional"


def _small(path: Any) -> Any:
    return write_fractional(path, segments=6, slices=4, size=64)


def rows(stage: Stage, repeat: int) -> list[Row]:
    """Measure the bytes, and the time."""
    made = stage.made("fractional.dcm", write_fractional)
    stage.made("other-fractional.dcm", _small)

    def measure(which: str) -> Measured:
        cache = stage.new_cache()
        job = {
            "warm": stage.at("other-fractional.dcm", "segread", cache_dir=cache),
            "object": stage.at("fractional.dcm", "segread", cache_dir=cache),
            "ask": {},
        }
        return stage.measure(_ME, which, job)

    ours, theirs, *_ = pairs(min(repeat, 3), lambda: measure("ours"), lambda: measure("theirs"))
    if ours.facts["sum"] != theirs.facts["sum"]:
        raise RuntimeError(f"Other pixels than highdicom's: {ours.facts}, {theirs.facts}")
    shares = [side.bytes / made.size for side in (ours, theirs)]
    limit = f"{shares[0]:.2f} of the file (they: {shares[1]:.0f}), at most 1.1"
    return [
        Row(
            "open + all FRACTIONAL segments, RLE, 240 frames",
            *(ours, theirs, None),
            {limit: shares[0] <= 1.1},
        )
    ]
