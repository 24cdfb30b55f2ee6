"""Open a BINARY segmentation of 31,200 frames: the first time, again, and in memory."""

from __future__ import annotations

from typing import Any

from benchmarks.opening import prepare
from benchmarks.stage import Measured, Stage
from benchmarks.table import Row, pairs
from made.shapes import write_many_frames

__all__ = ["prepare", "rows"]

_ME = "open_segmentation"
_AT_MOST = 3  # they need 14 s for each


def _small(path: Any) -> Any:
    return write_many_frames(path, segments=6, slices=4)


def rows(stage: Stage, repeat: int) -> list[Row]:
    """Measure a local file, and for information the same over the slow line."""
    repeat = min(repeat, _AT_MOST)
    stage.made("many-frames.dcm", write_many_frames)
    stage.made("other-few-frames.dcm", _small)
    warm = stage.at("other-few-frames.dcm", "segread", cache_dir=stage.new_cache())

    def measure(which: str, slide: dict[str, Any], **more: Any) -> Measured:
        return stage.measure(_ME, which, {"warm": warm, "slide": slide} | more)

    def local(cache: str | None = None) -> dict[str, Any]:
        return stage.beside("many-frames.dcm", "segread", cache_dir=cache or stage.new_cache())

    def remote(cache: str | None = None) -> dict[str, Any]:
        return stage.at("many-frames.dcm", "segread", cache_dir=cache or stage.new_cache())

    first = pairs(repeat, lambda: measure("ours", local()), lambda: measure("theirs", local()))
    found = [Row("open SEG, 31,200 frames, local file", first[0], first[1], 60, {})]

    kept = stage.new_cache()
    measure("ours", remote(kept))
    far, peer, *_ = pairs(
        repeat, lambda: measure("ours", remote()), lambda: measure("theirs", remote())
    )
    again, *_ = pairs(2 * repeat, lambda: measure("ours", remote(kept)), lambda: first[3][0])
    found.append(Row("the same over S3, 20 ms away", far, peer, None, {}))
    found.append(
        Row(
            "the same again, new process",
            *(again, peer, None),
            {"one request without a body": (again.requests, again.bytes) == (1, 0)},
        )
    )
    kept_nearby = stage.new_cache()
    measure("ours", local(kept_nearby))
    again, *_ = pairs(2 * repeat, lambda: measure("ours", local(kept_nearby)), lambda: first[3][0])
    found.append(Row("local file again, new process", again, first[1], 300, {}))

    ours, theirs, *_ = pairs(
        repeat,
        lambda: measure("ours", local(), memory=True),
        lambda: measure("theirs", local(), memory=True),
    )
    limits = {
        f"{what} {ours.facts[what] / 1e6:.1f} MB (they: {theirs.facts[what] / 1e6:.0f}), "
        "10 times less": ours.facts[what] * 10 <= theirs.facts[what]
        for what in ("held", "peak")
    }
    found.append(Row("open SEG, 31,200 frames, memory", ours, theirs, None, limits))
    return found
