"""Work of several headlines: only open an object, so far that any frame could be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.memory import measured
from benchmarks.readers import clock, side

__all__ = ["prepare"]


def prepare(which: str, job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Warm up on another object (Job: ``warm``), and return the work: open ``slide``."""
    reader = side(which)
    reader.prepare(job["warm"])()
    open_slide = reader.prepare(job["slide"])

    def opened() -> dict[str, Any]:
        began = clock()
        image = open_slide()
        return {"began": began, "ended": clock(), "image": image}

    def work() -> dict[str, Any]:
        facts: dict[str, Any] = {}
        if job.get("memory"):
            with measured() as facts:
                times = opened()
        else:
            times = opened()
        return times | {"frames": int(times.pop("image").NumberOfFrames)} | facts

    return work
