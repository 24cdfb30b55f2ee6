"""A ByteReader over bytes at hand, which remembers what it was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nearline.errors import TruncatedObject
from nearline.ranges import ByteRange


class MemoryReader:
    """`first`: how much of the object the first read brought; `window`: what a scan yields."""

    def __init__(self, data: bytes, *, first: int = 256 * 1024, window: int = 1 << 20) -> None:
        self.url = "memory:object"
        self.data = memoryview(data)
        self.size = len(data)
        self.reads: list[ByteRange] = []
        self.together: list[int] = []
        self.scans: list[ByteRange] = []
        self._first = first
        self._window = window

    @property
    def prefix(self) -> memoryview:
        return self.data[: self._first]

    def read(self, start: int, stop: int) -> memoryview:
        if not 0 <= start <= stop <= self.size:
            raise TruncatedObject(f"{self.url} has {self.size} bytes, not {stop}.")
        self.reads.append(ByteRange(start, stop))
        return self.data[start:stop]

    def read_many(self, ranges: Sequence[ByteRange]) -> list[memoryview]:
        self.together.append(len(ranges))
        return [self.read(*one) for one in ranges]

    def scan(self, start: int, stop: int) -> Iterator[memoryview]:
        self.scans.append(ByteRange(start, stop))
        for position in range(start, stop, self._window):
            yield self.data[position : min(stop, position + self._window)]
