"""Memory that reading a volume takes at its peak, the result included."""

from __future__ import annotations

from typing import Any

from benchmarks import enhanced_volume, series
from benchmarks.stage import Measured, Stage
from benchmarks.table import Row, pairs
from benchmarks.volume import prepare
from made.ct import Syntax
from made.shapes import write_whole_body

__all__ = ["prepare", "rows"]

_ME = "volume_memory"
_IN_FLIGHT = 128 << 20
_AT_MOST = 1.5


def rows(stage: Stage, repeat: int) -> list[Row]:
    """Measure enhanced CT, native and compressed, all segments, and a series."""
    found = []
    jobs: dict[str, tuple[str, str, str, dict[str, Any]]] = {}
    syntaxes: tuple[Syntax, ...] = ("native", "jpegls")
    for syntax in syntaxes:
        name = enhanced_volume.make(stage, syntax)
        other = enhanced_volume.OTHER.format(syntax)
        jobs[f"500 frames, {syntax}"] = (name, other, "imread", {"dtype": "float32"})
    if stage.lists:
        name, other = series.make(stage)
        jobs["series of 300"] = (name, other, "open_series", {"dtype": "float32"})
    stage.made("whole-body.dcm", write_whole_body)
    stage.made(
        "other-body.dcm",
        lambda path: write_whole_body(path, segments=6, frames=30, slices=10, size=64),
    )
    combined = {"combine_segments": True}
    jobs["60 segments combined"] = ("whole-body.dcm", "other-body.dcm", "segread", combined)
    for title, (name, other, read, ask) in jobs.items():
        # Their 2 minutes for all segments over the slow line would tell nothing about memory.
        local = read == "segread"

        def measure(
            which: str,
            name: str = name,
            other: str = other,
            read: str = read,
            ask: dict[str, Any] = ask,
            local: bool = local,
        ) -> Measured:
            cache = stage.new_cache()
            place = stage.beside if local and which == "theirs" else stage.at
            job = {
                "warm": stage.at(other, read, cache_dir=cache),
                "object": place(name, read, cache_dir=cache),
                "ask": ask,
                "memory": True,
            }
            return stage.measure(_ME, which, job)

        ours, theirs, *_ = pairs(min(repeat, 3), lambda: measure("ours"), lambda: measure("theirs"))
        result = ours.facts["result"]
        bound = _AT_MOST * result + _IN_FLIGHT
        peak = ours.facts["peak"]
        limit = (
            f"peak {peak / 1e6:.0f} MB for a result of {result / 1e6:.0f} MB "
            f"(they: {theirs.facts['peak'] / 1e6:.0f}), at most {bound / 1e6:.0f}"
        )
        found.append(Row(f"volume, memory ({title})", ours, theirs, None, {limit: peak <= bound}))
    return found
