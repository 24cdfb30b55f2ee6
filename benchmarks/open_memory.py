"""Memory that opening takes: held afterwards, and at the peak."""

from __future__ import annotations

from typing import Any

from benchmarks.opening import prepare
from benchmarks.stage import Stage
from benchmarks.table import Row, pairs

__all__ = ["prepare", "rows"]

_ME = "open_memory"


def rows(stage: Stage, repeat: int) -> list[Row]:
    """Measure a small header and one above 1 MB."""
    found = []
    for name in ("basic", "extended", "sparse"):
        header = stage.slide(name).pixel_data_offset
        bound = 3 * header if header > 1_000_000 else 4_000_000

        def job(name: str = name) -> dict[str, Any]:
            slide = stage.remote(name, cache_dir=stage.new_cache())
            return {"slide": slide, "memory": True}

        ours, theirs, *_ = pairs(
            repeat,
            lambda: stage.measure(_ME, "ours", job()),
            lambda: stage.measure(_ME, "theirs", job()),
        )
        limits = {
            f"{what} {ours.facts[what] / 1e6:.1f} MB (they: {theirs.facts[what] / 1e6:.1f}) "
            f"below {bound / 1e6:.1f}": ours.facts[what] < bound
            for what in ("held", "peak")
        }
        work = f"open, memory ({name}, header of {header / 1e6:.2f} MB)"
        found.append(Row(work, ours, theirs, None, limits))
    return found
