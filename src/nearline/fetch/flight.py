"""Requests under way for one version of an object, shared by all who ask for their bytes."""

from __future__ import annotations

import mmap
from bisect import insort
from typing import TYPE_CHECKING

from nearline.fetch.download import Download
from nearline.fetch.engine import Lane, engine
from nearline.fetch.events import Data, Failed, Replan, Sink
from nearline.fetch.keeper import keeper
from nearline.fetch.plan import PlannedRequest
from nearline.fetch.request import Request
from nearline.ranges import ByteRange
from nearline.storage.source import Answer, Buffer

if TYPE_CHECKING:
    from nearline.fetch.version import ClaimShare, ObjectVersion

__all__ = ["Flight"]

_NOTHING = memoryview(b"")

_OF_ITS_OWN = 256 << 10
"""Bytes from which on a buffer is a mapping, which the system has back as soon as it is free.

A C library keeps what its threads freed for each of them, which adds up to several times the
bytes that are under way.
"""


class Flight(Request):
    """One planned request and the buffer that it fills.

    Pieces are handed on as they land: a waiter gets a view of the buffer as
    soon as the last byte of its part is there. It can be joined until the cache
    has its bytes.

    Attributes
    ----------
    wanted : tuple of ByteRange
        The bytes that it is there for; the rest are gaps joined across.
    holders : set
        Callers that wait for it or keep it; an unfinished flight that loses the
        last of them is given up.
    """

    def __init__(
        self,
        version: ObjectVersion,
        planned: PlannedRequest,
        *,
        lane: Lane,
        cache: bool,
        buffer: memoryview | None = None,
    ) -> None:
        super().__init__(
            version.source, *planned.span, lane=lane, pin=version.pin, gate=version.gate
        )
        self.version = version
        self.wanted = planned.wanted
        self.holders: set[object] = set()
        self.claim: ClaimShare | None = None
        self._cache = cache
        self._over = False
        self._lender: object = None
        self._buffer = _NOTHING if buffer is None else buffer
        self._view = self._buffer.toreadonly()
        self._sinks: list[Sink] = []

    @classmethod
    def ended(cls, version: ObjectVersion, start: int, view: memoryview) -> Flight:
        """Return one whose bytes are there already; it is kept, and can be joined until then."""
        span = ByteRange(start, start + len(view))
        flight = cls(
            version,
            PlannedRequest(span, (span,)),
            lane=Lane(version.settings),
            cache=True,
            buffer=view,
        )
        flight.position = span.stop
        with engine().lock:
            version.under_way.add(flight)
        flight.landed()
        return flight

    @property
    def span(self) -> ByteRange:
        """The bytes that it brings."""
        return ByteRange(self.start, self.stop)

    # --- callers; the lock is held ----------------------------------------

    @property
    def cached(self) -> bool:
        """Whether it is only there until the cache has its bytes."""
        return not self.holders and self.position >= self.stop

    def join(self, sink: Sink) -> None:
        """Hand bytes on to `sink` as soon as they are there."""
        if sink.stop <= self.position:
            sink.events.put(self._data(sink))
        else:
            insort(self._sinks, sink, key=_descending)

    def drop(self, holder: object) -> bool:
        """Lose a holder; True when `interrupt` must be called after the lock is released."""
        if holder not in self.holders:
            return False
        self.holders.discard(holder)
        if self.holders or self.cancelled:
            return False
        if self._over:
            self._leave_engine()
            self._forget()
            return False
        if self.position >= self.stop:
            return False
        self.cancelled = True
        self._leave_engine()
        return True

    def lend(self, holder: object) -> None:
        """Let a holder keep it only until the cache has its bytes."""
        self._lender = holder
        if self._over:
            self.drop(holder)

    def give_back(self) -> None:
        """Let another process fetch the bytes: waiters plan again. It was not submitted."""
        self.cancelled = True
        self._leave_engine()
        self._replan()

    # --- workers ----------------------------------------------------------

    def take(self, answer: Answer) -> bool:
        """Take a range; an entire object becomes the one download of it."""
        self.version.notice_balancer()
        if answer.kind != "whole":
            return True
        with engine().lock:
            if Download.adopt(self.version, answer):
                self._answer = None
            self._over = True
            self._leave_engine()
            self._replan()
        self._let_go()
        return False

    def land(self, chunk: Buffer) -> None:
        """Fill the buffer and hand on what is complete."""
        if not self._buffer:
            # Not before: of a large object all requests are planned at once.
            self._buffer = _room(self.stop - self.start)
            self._view = self._buffer.toreadonly()
        offset = self.position - self.start
        self._buffer[offset : offset + len(chunk)] = chunk
        ready = []
        with engine().lock:
            self.position += len(chunk)
            while self._sinks and self._sinks[-1].stop <= self.position:
                ready.append(self._sinks.pop())
        for sink in ready:
            sink.events.put(self._data(sink))

    def landed(self) -> None:
        """Have what came kept."""
        if self.position < self.stop:
            self.failed(self.version.truncated(self.position))
        elif self._cache and self.version.keeps_in_store:
            bound = self.version.settings.max_bytes_in_flight // 2
            keeper().add(self._settle, self.stop - self.start, bound=bound)
        else:
            self._settle()

    def _settle(self) -> None:
        try:
            self._keep()
        finally:
            with engine().lock:
                self._over = True
                self.holders.discard(self._lender)
                if not self.holders:
                    self._leave_engine()
                    self._forget()
            self._let_go()

    def failed(self, error: BaseException) -> None:
        """Tell all who wait, and keep what came before."""
        with engine().lock:
            waiting, self._sinks = self._sinks, []
            if not self.cancelled:
                self.cancelled = self._over = True
                self._leave_engine()
        for events in {id(sink.events): sink.events for sink in waiting}.values():
            events.put(Failed(self, error))
        try:
            if self.position > self.start:
                self._keep()
        finally:
            self._let_go()

    def interrupt(self) -> None:
        """Cut the answer under way, or settle what will never run."""
        if self.running:
            super().interrupt()
        else:
            self._let_go()

    def _data(self, sink: Sink) -> Data:
        view = self._view[sink.start - self.start : sink.stop - self.start]
        return Data(self, sink.slot, sink.start, view)

    def _keep(self) -> None:
        if self._cache:
            self.version.put(self.start, self._view[: self.position - self.start])

    def _let_go(self) -> None:
        claim, self.claim = self.claim, None
        if claim is not None:
            claim.release()

    def _leave_engine(self) -> None:
        self.version.under_way.remove(self)
        engine().release(self)

    def _forget(self) -> None:
        """Free the bytes, although whoever began this keeps it until all else has landed."""
        self._buffer = self._view = _NOTHING

    def _replan(self) -> None:
        for events in {id(sink.events): sink.events for sink in self._sinks}.values():
            events.put(Replan(self))
        self._sinks.clear()


def _room(length: int) -> memoryview:
    if length < _OF_ITS_OWN or not hasattr(mmap, "MAP_ANONYMOUS"):
        return memoryview(bytearray(length))
    return memoryview(mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))


def _descending(sink: Sink) -> int:
    return -sink.stop
