"""The region of 512 x 512 once more: same process, new process, new process and immutable."""

from __future__ import annotations

from typing import Any

from benchmarks.region import SMALL, prepare
from benchmarks.stage import BUCKET, Measured, Stage
from benchmarks.table import Row, pairs

__all__ = ["prepare", "rows"]

_ME = "region_again"


def rows(stage: Stage, repeat: int) -> list[Row]:
    """Measure all three."""

    def measure(which: str, **changes: Any) -> Measured:
        settings = {"cache_dir": stage.new_cache()} | changes.pop("settings", {})
        slide = stage.remote("basic", **settings)
        return stage.measure(_ME, which, {"slide": slide, "region": SMALL} | changes)

    ours, theirs, *_ = pairs(
        repeat, lambda: measure("ours", again=True), lambda: measure("theirs", again=True)
    )
    same = Row(
        "the 512 x 512 region again, same process",
        *(ours, theirs, 12),
        {"no request": ours.requests == 0},
    )

    kept: dict[str, Any] = {"cache_dir": stage.new_cache()}
    measure("ours", settings=kept)
    ours, theirs, *_ = pairs(
        repeat, lambda: measure("ours", settings=kept), lambda: measure("theirs")
    )
    new = Row(
        "the same, new process",
        *(ours, theirs, None),
        {"one request without a body": (ours.requests, ours.bytes) == (1, 0)},
    )

    kept |= {"immutable": (f"s3://{BUCKET}/*",)}
    ours, theirs, *_ = pairs(
        repeat, lambda: measure("ours", settings=kept), lambda: measure("theirs")
    )
    immutable = Row(
        "the same, new process, immutable object",
        *(ours, theirs, None),
        {"no request": ours.requests == 0},
    )
    return [same, new, immutable]
