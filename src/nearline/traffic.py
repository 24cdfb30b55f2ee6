"""What a block of code cost: requests, bytes, and the work that was done with them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

__all__ = ["Traffic", "count", "counters", "traffic", "using"]


@dataclass
class Traffic:
    """Counters of one `traffic()` block; all are totals since the block began.

    Attributes
    ----------
    requests : int
        Requests sent to a server, retries included.
    bytes : int
        Body bytes received.
    cached_bytes : int
        Bytes served from the local cache instead.
    revalidations : int
        Conditional requests that the server answered with "not modified".
    retries : int
        Requests repeated after a passing fault.
    decoded_frames : int
        Frames that a decoder was run for.
    parsed_headers : int
        DICOM headers parsed (0 for an object whose header is known).
    """

    requests: int = 0
    bytes: int = 0
    cached_bytes: int = 0
    revalidations: int = 0
    retries: int = 0
    decoded_frames: int = 0
    parsed_headers: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add(self, name: str, amount: int) -> None:
        """Add to one counter; safe from any thread."""
        with self._lock:
            setattr(self, name, getattr(self, name) + amount)


_open: ContextVar[tuple[Traffic, ...]] = ContextVar("nearline_traffic", default=())


@contextmanager
def traffic() -> Iterator[Traffic]:
    """Count what the block costs, its worker threads included; blocks may nest."""
    counter = Traffic()
    token = _open.set((*_open.get(), counter))
    try:
        yield counter
    finally:
        _open.reset(token)


def counters() -> tuple[Traffic, ...]:
    """Return the counters open here, to be carried into a worker by `using`."""
    return _open.get()


@contextmanager
def using(carried: tuple[Traffic, ...]) -> Iterator[None]:
    """Count, in this thread, for blocks that another thread opened."""
    token = _open.set(carried)
    try:
        yield
    finally:
        _open.reset(token)


def count(name: str, amount: int = 1) -> None:
    """Add to one counter of every block open here."""
    for counter in _open.get():
        counter.add(name, amount)
