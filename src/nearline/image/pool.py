"""The threads that decode, one set for the process; the decoders release the GIL."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

__all__ = ["decode_pool", "workers"]

_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None


def workers() -> int:
    """How many frames are decoded at once."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def decode_pool() -> ThreadPoolExecutor:
    """Return the pool of this process, started when it is first needed."""
    global _pool
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(workers(), thread_name_prefix="nearline-decode")
        return _pool


def _forget() -> None:
    # The threads of the parent do not exist in a forked child.
    global _lock, _pool
    _lock, _pool = threading.Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
