"""Sources in memory that do what servers cannot be made to do on command."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count

from nearline.provenance import Validator
from nearline.ranges import ByteRange
from nearline.storage.source import Answer, Buffer, Transient

PIECE = 1 << 16


@dataclass
class MemorySource:
    """Bytes in memory; `before` is called with each range asked for, in the thread that asks."""

    content: bytes
    etag: str | None = '"1"'
    tells_size: bool = True
    concurrent: bool = True
    in_place: bool = False
    signed: bool = False
    url: str = "memory://object"
    before: Callable[[ByteRange], None] = lambda span: None
    asked: list[ByteRange] = field(default_factory=list)
    pins: list[Validator | None] = field(default_factory=list)
    running: int = 0
    most_running: int = 0
    bytes_running: int = 0
    most_bytes_running: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    # Not its id, which is used again by objects that come later.
    _number: int = field(default_factory=count().__next__)

    @property
    def identity(self) -> str:
        return f"{self.url}#{self._number}"

    def read(
        self,
        start: int,
        stop: int | None,
        *,
        pin: Validator | None = None,
        unless: Validator | None = None,
        timeout: float = 30.0,
    ) -> Answer:
        stop = len(self.content) if stop is None else min(stop, len(self.content))
        start = min(start, stop)
        validator = Validator(size=len(self.content), etag=self.etag)
        span = ByteRange(start, stop)
        with self._lock:
            self.asked.append(span)
            self.pins.append(pin)
            self.running += 1
            self.most_running = max(self.most_running, self.running)
            self.bytes_running += span.length
            self.most_bytes_running = max(self.most_bytes_running, self.bytes_running)
        closed = threading.Event()
        try:
            self.before(span)
        except BaseException:
            self._leave(span, closed)
            raise
        if unless is not None and unless.same_version(validator):
            self._leave(span, closed)
            return Answer("unchanged", 0, 0, validator)
        if not self.tells_size and span.length:
            validator = replace(validator, size=None)
        return Answer(
            "partial",
            start,
            stop,
            validator,
            self._chunks(span, closed),
            lambda: self._leave(span, closed),
        )

    def _chunks(self, span: ByteRange, closed: threading.Event) -> Iterator[Buffer]:
        for position in range(span.start, span.stop, PIECE):
            if closed.is_set():
                raise Transient("Given up.")
            yield self.content[position : min(position + PIECE, span.stop)]

    def _leave(self, span: ByteRange, closed: threading.Event) -> None:
        with self._lock:
            if not closed.is_set():
                closed.set()
                self.running -= 1
                self.bytes_running -= span.length

    def close(self) -> None:
        pass
