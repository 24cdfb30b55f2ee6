"""Read one group of ten, of a million points in all: from a file, and over the slow line."""

from __future__ import annotations

from functools import partial
from typing import Any

from benchmarks.objects import prepare
from benchmarks.stage import Measured, Stage
from benchmarks.table import Row, pairs
from made.annotations import write_cells

__all__ = ["GROUPS", "POINTS", "prepare", "rows"]

GROUPS, POINTS = 10, 100_000
_BYTES = POINTS * 2 * 4


def rows(stage: Stage, repeat: int) -> list[Row]:
    """Measure with an empty cache; the bytes are those of opening and reading together."""
    stage.made("points.dcm", partial(write_cells, graphic_type="POINT", groups=GROUPS, each=POINTS))
    stage.made("other-points.dcm", partial(write_cells, graphic_type="POINT", groups=2, each=9))

    def measure(which: str, at: Any) -> Measured:
        cache = stage.new_cache()
        job = {
            "task": "one group",
            "warm": stage.at("other-points.dcm", "annread", cache_dir=cache),
            "object": at("points.dcm", "annread", cache_dir=cache),
        }
        return stage.measure("annotation_group", which, job)

    found = []
    for title, at, floor in (
        ("annread of 1 million points in ten groups, one group, local file", stage.beside, 20),
        ("the same over S3, 20 ms away", stage.at, None),
    ):
        ours, theirs, *_ = pairs(
            repeat, lambda at=at: measure("ours", at), lambda at=at: measure("theirs", at)
        )
        limits = {} if floor else {"1.2 of the group's bytes": ours.bytes <= 1.2 * _BYTES}
        found.append(Row(title, ours, theirs, floor, limits))
    return found
