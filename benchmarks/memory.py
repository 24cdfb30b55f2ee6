"""What a process holds, and what it held at most, as the system counts it."""

from __future__ import annotations

import ctypes
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["measured"]

_BACKGROUND_S = 1.0


def _memory(name: str) -> int:
    """Return a figure of this process in bytes: VmRSS or VmHWM."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)


def _give_back() -> None:
    """Return freed memory to the system.

    What the warming up freed would be used unseen; what the work freed would count as held.
    """
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def measured() -> Iterator[dict[str, int]]:
    """Measure a block; afterwards the dictionary has ``held`` and ``peak``, in bytes added."""
    facts: dict[str, int] = {}
    _give_back()
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    yield facts
    # What is written in the background counts towards the peak, and is not held after.
    time.sleep(_BACKGROUND_S)
    peak = _memory("VmHWM") - before
    # What the allocator merely has not returned yet is no longer held by anybody.
    _give_back()
    held = _memory("VmRSS") - before
    facts |= {"held": held, "peak": max(peak, held)}
