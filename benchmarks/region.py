"""Work of several headlines: open a slide cold and read one region of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.readers import Region, clock, side
from benchmarks.stage import Measured

__all__ = ["NEAR", "SMALL", "WIDE", "frame_bytes", "prepare", "tile_bytes"]

SMALL: Region = (15000, 15512, 17000, 17512)
WIDE: Region = (9000, 13096, 11000, 15096)
NEAR: Region = (100, 612, 100, 612)


def prepare(which: str, job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Warm up on another object, and return the work: open, read, and perhaps read again.

    Job: ``slide``, ``region``, ``icc``; ``again`` measures the second reading instead.
    """
    reader = side(which)
    reader.region(reader.prepare(job["warm"])(), NEAR, icc=True)
    open_slide = reader.prepare(job["slide"])
    region, icc = tuple(job["region"]), job.get("icc", True)

    def work() -> dict[str, Any]:
        began = clock()
        image = open_slide()
        opened = clock()
        pixels = reader.region(image, region, icc=icc)
        ended = clock()
        facts = {"opened": opened, "mean": float(np.mean(pixels))}
        if job.get("again"):
            began = clock()
            reader.region(image, region, icc=icc)
            ended = clock()
        return {"began": began, "ended": ended, **facts}

    return work


def frame_bytes(slide: Any, region: Region) -> int:
    """Return the bytes of the frames that a region touches."""
    top, bottom, left, right = (edge - 1 for edge in region)
    size = slide.recipe.tile_rows, slide.recipe.tile_columns
    return sum(
        int(length)
        for place, length in zip(slide.places, slide.item_lengths[:, 0], strict=True)
        if top // size[0] <= place.tile_row <= (bottom - 1) // size[0]
        and left // size[1] <= place.tile_column <= (right - 1) // size[1]
    )


def tile_bytes(measured: Measured) -> int:
    """Return the bytes that came after the slide was open."""
    opened = measured.facts["opened"]
    return sum(request.sent for request in measured.log if request.arrived >= opened)
