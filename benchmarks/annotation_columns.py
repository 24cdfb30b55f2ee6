"""Read the coordinates of all annotations of a file, as arrays and offsets."""

from __future__ import annotations

from functools import partial

from benchmarks.annotation_group import GROUPS, POINTS
from benchmarks.objects import prepare
from benchmarks.stage import Measured, Stage
from benchmarks.table import Row, pairs
from made.annotations import write_cells

__all__ = ["prepare", "rows"]

_POLYGONS = 50_000


def rows(stage: Stage, repeat: int) -> list[Row]:
    """Measure points, then polygons of 3 to 24 corners."""
    found = []
    for name, kind, each, floor in (
        ("points", "POINT", POINTS, 20),
        ("polygons", "POLYGON", _POLYGONS, 8),
    ):
        stage.made(f"{name}.dcm", partial(write_cells, graphic_type=kind, groups=GROUPS, each=each))
        stage.made(f"other-{name}.dcm", partial(write_cells, graphic_type=kind, groups=2, each=9))

        def measure(which: str, name: str = name) -> Measured:
            cache = stage.new_cache()
            job = {
                "task": "all groups",
                "warm": stage.at(f"other-{name}.dcm", "annread", cache_dir=cache),
                "object": stage.beside(f"{name}.dcm", "annread", cache_dir=cache),
            }
            return stage.measure("annotation_columns", which, job)

        ours, theirs, *_ = pairs(repeat, partial(measure, "ours"), partial(measure, "theirs"))
        title = f"all coordinates of {GROUPS * each:,} {name}, local file"
        found.append(Row(title, ours, theirs, floor, {}))
    return found
