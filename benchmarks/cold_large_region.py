"""Cold open and a region of 4096 x 4096, with and without the colour profile."""

from __future__ import annotations

from typing import Any

from benchmarks.region import WIDE, frame_bytes, prepare, tile_bytes
from benchmarks.stage import Stage
from benchmarks.table import Row, pairs

__all__ = ["prepare", "rows"]

_ME = "cold_large_region"


def rows(stage: Stage, repeat: int) -> list[Row]:
    """Measure JPEG with and without ICC, and JPEG 2000."""
    found = []
    for name, icc, floor in (("basic", True, 4), ("basic", False, 5), ("JPEG 2000", True, None)):

        def job(name: str = name, icc: bool = icc) -> dict[str, Any]:
            slide = stage.remote(name, cache_dir=stage.new_cache())
            return {"slide": slide, "region": WIDE, "icc": icc}

        ours, theirs, one, _ = pairs(
            repeat,
            lambda: stage.measure(_ME, "ours", job()),
            lambda: stage.measure(_ME, "theirs", job()),
        )
        own = frame_bytes(stage.slide(name), WIDE)
        limits = {}
        if floor:
            share = max(tile_bytes(measured) for measured in one) / own
            limits = {f"tile bytes {share:.3f} of the frames' own (1.15)": share <= 1.15}
        what = f"{name}, ICC" if icc else f"{name}, no ICC"
        found.append(Row(f"cold open + 4096 x 4096 region ({what})", ours, theirs, floor, limits))
    return found
