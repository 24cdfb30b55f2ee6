"""highdicom over `nearline.open`, beside highdicom over s3fs with blocks of 500 kB."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.readers import clock
from benchmarks.region import NEAR, WIDE
from benchmarks.stage import Stage
from benchmarks.table import Row, pairs

__all__ = ["prepare", "rows"]

_ME = "highdicom_over_open"


def _opener(which: str, target: dict[str, Any]) -> Callable[[], Any]:
    """Return what opens the file; clients are made beforehand and cost nobody anything."""
    if which == "ours":
        import nearline as nl

        def open_file() -> Any:
            with nl.settings(**target["settings"]):
                return nl.open(target["url"], storage_options=target["options"])

        return open_file
    import s3fs

    fs = s3fs.S3FileSystem(**target["options"], default_block_size=500_000)
    fs.connect()
    return lambda: fs.open(target["url"], mode="rb")


def _read(file: Any, region: tuple[int, int, int, int]) -> Any:
    import highdicom

    image = highdicom.imread(file, lazy_frame_retrieval=True)
    return image.get_total_pixel_matrix(*region, dtype=np.uint8)


def prepare(which: str, job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Warm up on another object, and return the work; ``again``: the second reading of the file."""
    _read(_opener(which, job["warm"])(), NEAR)
    open_file, region = _opener(which, job["slide"]), tuple(job["region"])

    def work() -> dict[str, Any]:
        began = clock()
        file = open_file()
        pixels = _read(file, region)
        ended = clock()
        if job.get("again"):
            began = clock()
            pixels = _read(file, region)
            ended = clock()
        return {"began": began, "ended": ended, "mean": float(np.mean(pixels))}

    return work


def rows(stage: Stage, repeat: int) -> list[Row]:
    """Measure the first reading, and the second of the same file."""

    def job(**more: Any) -> dict[str, Any]:
        slide = stage.remote("basic", cache_dir=stage.new_cache())
        return {"slide": slide, "region": WIDE, **more}

    ours, theirs, one, two = pairs(
        repeat,
        lambda: stage.measure(_ME, "ours", job()),
        lambda: stage.measure(_ME, "theirs", job()),
    )
    most, least = max(m.bytes for m in one), min(m.bytes for m in two)
    limits = {f"bytes at most theirs ({most / least:.2f})": most <= least}
    found = [Row("highdicom over nearline.open, cold 4096 x 4096", ours, theirs, 1.3, limits)]
    ours, theirs, one, _ = pairs(
        repeat,
        lambda: stage.measure(_ME, "ours", job(again=True)),
        lambda: stage.measure(_ME, "theirs", job(again=True)),
    )
    limits = {"no request": not any(m.requests for m in one)}
    return [*found, Row("the same, second time", ours, theirs, None, limits)]
