"""Cold open and a region of 512 x 512, for each way in which frames can be found."""

from __future__ import annotations

from typing import Any

from benchmarks.region import SMALL, prepare
from benchmarks.stage import Stage
from benchmarks.table import Row, pairs

__all__ = ["prepare", "rows"]

_ME = "cold_small_region"
_TRIPS = {"basic": 2, "extended": 2, "dual TIFF": 3}


def rows(stage: Stage, repeat: int) -> list[Row]:
    """Measure with all three tables, and JPEG 2000."""
    found = []
    for name in (*_TRIPS, "JPEG 2000"):

        def job(name: str = name) -> dict[str, Any]:
            return {"slide": stage.remote(name, cache_dir=stage.new_cache()), "region": SMALL}

        ours, theirs, *_ = pairs(
            repeat,
            lambda: stage.measure(_ME, "ours", job()),
            lambda: stage.measure(_ME, "theirs", job()),
        )
        limits = {}
        if name in _TRIPS:
            trips = _TRIPS[name]
            limits = {
                f"at most {trips} round trips": ours.trips <= trips,
                "at most 0.5 MB": ours.bytes <= 500_000,
            }
        floor = 2 if name in ("basic", "extended") else None
        found.append(Row(f"cold open + 512 x 512 region ({name})", ours, theirs, floor, limits))
    return found
