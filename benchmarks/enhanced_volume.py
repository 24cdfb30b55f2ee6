"""The volume of an enhanced CT of 500 frames of 512 x 512, compressed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

from benchmarks.stage import Measured, Stage
from benchmarks.table import Row, pairs
from benchmarks.volume import prepare
from made import Phantom, write_enhanced_ct
from made.ct import Syntax

__all__ = ["OTHER", "make", "prepare", "rows"]

_ME = "enhanced_volume"
_FLOORS: dict[Syntax, float] = {"jpegls": 5, "htj2k": 3, "jpeg2000": 1.8}
_NAMES: dict[Syntax, str] = {
    "jpegls": "JPEG-LS",
    "htj2k": "HTJ2K",
    "jpeg2000": "JPEG 2000",
    "native": "uncompressed",
}
_AT_MOST = 3  # they need 17 s for one

OTHER = "other-ct-{}.dcm"


def make(stage: Stage, syntax: Syntax) -> str:
    """Put up the object of a syntax and a small one to warm up on; return the name of the first."""
    assert syntax in get_args(Syntax)

    def large(path: Path) -> Path:
        phantom = Phantom(512, 512, 500, (0.8, 0.8, 0.8))
        return write_enhanced_ct(path, phantom, syntax=syntax, distinct=40)

    def small(path: Path) -> Path:
        return write_enhanced_ct(path, Phantom(64, 64, 5), syntax=syntax)

    name = f"ct-{syntax}.dcm"
    stage.made(name, large)
    stage.made(OTHER.format(syntax), small)
    return name


def rows(stage: Stage, repeat: int) -> list[Row]:
    """Measure three syntaxes, as float32."""
    found = []
    for syntax, floor in _FLOORS.items():
        name = make(stage, syntax)

        def measure(which: str, name: str = name, syntax: Syntax = syntax) -> Measured:
            cache = stage.new_cache()
            job: dict[str, Any] = {
                "warm": stage.at(OTHER.format(syntax), "imread", cache_dir=cache),
                "object": stage.at(name, "imread", cache_dir=cache),
                "ask": {"dtype": "float32"},
            }
            return stage.measure(_ME, which, job)

        ours, theirs, *_ = pairs(
            min(repeat, _AT_MOST), lambda: measure("ours"), lambda: measure("theirs")
        )
        if ours.facts["sum"] != theirs.facts["sum"]:
            raise RuntimeError(f"Other pixels than highdicom's: {ours.facts}, {theirs.facts}")
        work = f"open + volume of 500 frames of 512 x 512, {_NAMES[syntax]}"
        found.append(Row(work, ours, theirs, floor, {}))
    return found
