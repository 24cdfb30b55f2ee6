"""The one download of an object whose server ignores ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nearline.fetch.engine import Lane, engine
from nearline.fetch.events import Data, Failed, Sink
from nearline.fetch.request import Request
from nearline.storage.source import Answer, Buffer

if TYPE_CHECKING:
    from nearline.fetch.version import ObjectVersion

__all__ = ["Download"]

_FIRST_BLOCK = 256 << 10
_BLOCK = 1 << 20


class Download(Request):
    """Reads an object from its first byte on, for all who wait for parts of it.

    It goes on to the end when the object can be kept, and otherwise as long as
    somebody waits; it never holds more than a block of its own.

    Parameters
    ----------
    version : ObjectVersion
    answer : Answer
        The answer that showed that ranges are ignored; its body is read, so
        that finding out costs no download of its own.
    """

    def __init__(self, version: ObjectVersion, answer: Answer | None) -> None:
        super().__init__(
            version.source,
            0,
            version.size,
            lane=Lane(version.settings),
            pin=version.pin,
            gate=version.gate,
        )
        self.version = version
        self.weight = _BLOCK
        self.holders: set[object] = set()
        self.submitted = False
        self._adopted = answer
        self._block = bytearray()
        self._flushed = 0
        self._sinks: list[Sink] = []
        self._completes = version.can_keep_all

    @classmethod
    def adopt(cls, version: ObjectVersion, answer: Answer) -> bool:
        """Make an answer that brings the entire object the one download; False if there is one.

        Under the engine's lock.
        """
        under_way = version.under_way
        under_way.ignores_ranges = True
        if under_way.download is not None:
            return False
        under_way.download = cls(version, answer)
        return True

    # --- callers; the lock is held ----------------------------------------

    def passes(self, start: int) -> bool:
        """Whether byte `start` is still to come."""
        return start >= self._flushed

    def join(self, sink: Sink) -> None:
        """Hand bytes on to `sink` as they come by."""
        self._sinks.append(sink)

    def drop(self, holder: object) -> bool:
        """Lose a holder; True when `interrupt` must be called after the lock is released."""
        self.holders.discard(holder)
        if self.holders or self._completes or self.cancelled:
            return False
        self._end()
        return True

    # --- workers ----------------------------------------------------------

    def take(self, answer: Answer) -> bool:  # noqa: ARG002 - ranges and entire objects alike
        """Take whatever comes; a server may have learnt ranges."""
        return True

    def land(self, chunk: Buffer) -> None:
        """Collect blocks."""
        view = memoryview(chunk)
        while view:
            size = _FIRST_BLOCK if self._flushed < _BLOCK else _BLOCK
            room = size - len(self._block)
            self._block += view[:room]
            self.position += len(view[:room])
            view = view[room:]
            if len(self._block) >= size:
                self._flush()

    def landed(self) -> None:
        """Hand the rest on."""
        self._flush()
        with engine().lock:
            waiting = self._sinks
            self._end()
        if waiting:
            self._tell(waiting, self.version.truncated(self.position))

    def failed(self, error: BaseException) -> None:
        """Tell all who wait."""
        with engine().lock:
            waiting = self._sinks
            self._end()
        self._tell(waiting, error)

    def interrupt(self) -> None:
        """Cut the answer under way."""
        super().interrupt()
        if self._adopted is not None:
            self._adopted.close()

    def _ask(self) -> Answer | None:
        if self._adopted is None:
            return super()._ask()
        answer, self._adopted = self._adopted, None
        return answer

    def _flush(self) -> None:
        if not self._block:
            return
        start, view = self._flushed, memoryview(bytes(self._block))
        stop = start + len(view)
        # Kept first: who comes too late to join must find it there.
        self.version.put(start, view)
        with engine().lock:
            self._flushed = stop
            ready = [s for s in self._sinks if s.start < stop and s.stop > start]
            self._sinks = [s for s in self._sinks if s.stop > stop]
        self._block = bytearray()
        for sink in ready:
            first, last = max(sink.start, start), min(sink.stop, stop)
            sink.events.put(Data(self, sink.slot, first, view[first - start : last - start]))

    def _end(self) -> None:
        self.cancelled = True
        self._sinks = []
        if self.version.under_way.download is self:
            self.version.under_way.download = None
        engine().release(self)

    def _tell(self, waiting: list[Sink], error: BaseException) -> None:
        for events in {id(sink.events): sink.events for sink in waiting}.values():
            events.put(Failed(self, error))
