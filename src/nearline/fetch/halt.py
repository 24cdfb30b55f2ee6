"""Ending, from another thread, reads that wait for a server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from queue import SimpleQueue
from typing import Any

__all__ = ["Halt", "Halted", "halt_of", "heeding"]


class Halted(BaseException):
    """What a read raises that was ended; no fault, so that nothing takes it for one."""


class Halt:
    """Ends the reads of all contexts that heed it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[int, SimpleQueue[Any]] = {}
        self._called = False

    @property
    def called(self) -> bool:
        """Whether reads are being ended."""
        return self._called

    def call(self) -> None:
        """End what waits, and whatever would begin to."""
        with self._lock:
            self._called = True
            for events in self._waiting.values():
                events.put(Halted())

    def check(self) -> None:
        """Raise if reads are being ended."""
        if self._called:
            raise Halted

    @contextmanager
    def watching(self, events: SimpleQueue[Any]) -> Iterator[None]:
        """Have a `Halted` put where a read waits for its events."""
        with self._lock:
            self.check()
            self._waiting[id(events)] = events
        try:
            yield
        finally:
            with self._lock:
                del self._waiting[id(events)]


class _Never(Halt):
    """That of contexts that heed none."""

    @contextmanager
    def watching(self, events: SimpleQueue[Any]) -> Iterator[None]:  # noqa: ARG002
        """Watch nothing."""
        yield


_NEVER = _Never()
_heeded: ContextVar[Halt | None] = ContextVar("nearline_halt", default=None)


def halt_of() -> Halt:
    """Return what reads begun in this context heed."""
    return _heeded.get() or _NEVER


@contextmanager
def heeding(halt: Halt) -> Iterator[None]:
    """Have the reads within the block end when `halt` is called."""
    token = _heeded.set(halt)
    try:
        yield
    finally:
        _heeded.reset(token)
