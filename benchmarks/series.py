"""A series of 300 single-frame objects to a volume, and the same again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from benchmarks.stage import Measured, Stage
from benchmarks.table import Row, pairs
from benchmarks.volume import prepare
from made import Phantom, write_series

__all__ = ["make", "prepare", "rows"]

_ME = "series"
_NAME, _OTHER = "series", "other-series"


def _large(folder: Path) -> Any:
    return write_series(folder, Phantom(512, 512, 300, (1.25, 0.8, 0.8)), distinct=40)


def _small(folder: Path) -> Any:
    return write_series(folder, Phantom(64, 64, 6), name="small")


def make(stage: Stage) -> tuple[str, str]:
    """Put up the series and a small one to warm up on; return their names."""
    stage.made(_NAME, _large)
    stage.made(_OTHER, _small)
    return _NAME, _OTHER


def rows(stage: Stage, repeat: int) -> list[Row]:
    """Measure cold, and with everything known, in a new process."""
    if not stage.lists:
        print("Left out: the series needs a server that lists (radosgw).", file=sys.stderr)
        return []
    name, other = make(stage)

    def measure(which: str, cache: str | None = None) -> Measured:
        job = {
            "warm": stage.at(other, "open_series", cache_dir=stage.new_cache()),
            "object": stage.at(name, "open_series", cache_dir=cache or stage.new_cache()),
            "ask": {"dtype": "float32"},
        }
        return stage.measure(_ME, which, job)

    ours, theirs, *_ = pairs(repeat, lambda: measure("ours"), lambda: measure("theirs"))
    if ours.facts["sum"] != theirs.facts["sum"]:
        raise RuntimeError(f"Other pixels than highdicom's: {ours.facts}, {theirs.facts}")
    cold = Row("series of 300 objects to a volume", ours, theirs, 3, {})

    kept = stage.new_cache()
    measure("ours", kept)
    again, theirs, *_ = pairs(repeat, lambda: measure("ours", kept), lambda: measure("theirs"))
    warm = Row(
        "the same, new process",
        *(again, theirs, None),
        {"one listing revalidates all 300": again.requests == 1},
    )
    return [cold, warm]
