"""Work of several headlines: only open a slide, so far that any frame could be read."""

from __future__ import annotations

import ctypes
import gc
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.readers import clock, side

__all__ = ["prepare"]

_BACKGROUND_S = 1.0


def _memory(name: str) -> int:
    """Return a figure of this process in bytes: VmRSS or VmHWM."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)


def _give_back() -> None:
    """Return freed memory to the system.

    What the warming up freed would be used unseen; what the opening freed would count as held.
    """
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def prepare(which: str, job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Warm up on another object (Job: ``warm``), and return the work: open ``slide``."""
    reader = side(which)
    reader.prepare(job["warm"])()
    open_slide = reader.prepare(job["slide"])

    def work() -> dict[str, Any]:
        facts: dict[str, Any] = {}
        if job.get("memory"):
            _give_back()
            before = _memory("VmRSS")
            Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
        began = clock()
        image = open_slide()
        ended = clock()
        if job.get("memory"):
            # What is written in the background counts towards the peak, and is not held after.
            time.sleep(_BACKGROUND_S)
            peak = _memory("VmHWM") - before
            # What the allocator merely has not returned yet is no longer held by anybody.
            _give_back()
            held = _memory("VmRSS") - before
            facts = {"held": held, "peak": max(peak, held)}
        return {"began": began, "ended": ended, "frames": int(image.NumberOfFrames), **facts}

    return work
