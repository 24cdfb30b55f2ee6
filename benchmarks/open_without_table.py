"""Open a slide that has neither a table nor TIFF tags: they read the whole file every time."""

from __future__ import annotations

from typing import Any

from benchmarks.opening import prepare
from benchmarks.stage import Measured, Stage
from benchmarks.table import Row, pairs

__all__ = ["prepare", "rows"]

_ME = "open_without_table"


def rows(stage: Stage, repeat: int) -> list[Row]:
    """Measure the first opening and a later one in a new process."""

    def measure(which: str, **settings: Any) -> Measured:
        settings = {"cache_dir": stage.new_cache()} | settings
        return stage.measure(_ME, which, {"slide": stage.remote("none", **settings)})

    ours, theirs, *_ = pairs(repeat, lambda: measure("ours"), lambda: measure("theirs"))
    whole = {"the whole file": ours.bytes >= stage.slide("none").size}
    first = Row("open, neither table nor TIFF tags, first time", ours, theirs, 15, whole)

    kept = stage.new_cache()
    measure("ours", cache_dir=kept)
    ours, theirs, *_ = pairs(
        repeat, lambda: measure("ours", cache_dir=kept), lambda: measure("theirs")
    )
    later = Row(
        "the same from then on, new process",
        *(ours, theirs, 80),
        {"no scan": ours.bytes == 0},
    )
    return [first, later]
