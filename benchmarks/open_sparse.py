"""Open a TILED_SPARSE slide of 6,000 frames from a local file."""

from __future__ import annotations

from typing import Any

from benchmarks.opening import prepare
from benchmarks.stage import Stage
from benchmarks.table import Row, pairs

__all__ = ["prepare", "rows"]

_ME = "open_sparse"


def rows(stage: Stage, repeat: int) -> list[Row]:
    """Measure with an empty cache."""

    def job() -> dict[str, Any]:
        return {"slide": stage.local("sparse", cache_dir=stage.new_cache())}

    ours, theirs, *_ = pairs(
        repeat,
        lambda: stage.measure(_ME, "ours", job()),
        lambda: stage.measure(_ME, "theirs", job()),
    )
    return [Row("open TILED_SPARSE, 6,000 frames, local file", ours, theirs, 25, {})]
