"""Bytes of one object kept in memory while it is open."""

from __future__ import annotations

from bisect import bisect_right

from nearline.ranges import ByteRange, merge
from nearline.storage.source import Buffer

__all__ = ["Kept"]


class Kept:
    """Disjoint pieces, sorted by offset. The engine's lock guards it."""

    def __init__(self) -> None:
        self.size = 0
        self._starts: list[int] = []
        self._pieces: list[memoryview] = []

    def put(self, start: int, data: Buffer) -> None:
        """Keep the bytes of `data` that are not kept yet."""
        view = memoryview(data)
        stop = start + len(view)
        position = start
        for held in [*self.held(ByteRange(start, stop)), ByteRange(stop, stop)]:
            if held.start > position:
                at = bisect_right(self._starts, position)
                piece = memoryview(bytes(view[position - start : held.start - start]))
                self._starts.insert(at, position)
                self._pieces.insert(at, piece)
                self.size += len(piece)
            position = held.stop

    def held(self, wanted: ByteRange) -> list[ByteRange]:
        """Return the parts of `wanted` that are kept, sorted and merged."""
        found = []
        for i in range(max(bisect_right(self._starts, wanted.start) - 1, 0), len(self._starts)):
            start = self._starts[i]
            if start >= wanted.stop:
                break
            found.append(
                ByteRange(max(start, wanted.start), min(start + len(self._pieces[i]), wanted.stop))
            )
        return merge(found)

    def get(self, wanted: ByteRange) -> memoryview | None:
        """Return bytes, None if one is missing."""
        if self.held(wanted) != [wanted]:
            return None
        first = bisect_right(self._starts, wanted.start) - 1
        offset = wanted.start - self._starts[first]
        if len(self._pieces[first]) - offset >= wanted.length:
            return self._pieces[first][offset : offset + wanted.length]
        joined = bytearray()
        for piece in self._pieces[first:]:
            joined += piece[offset : offset + wanted.length - len(joined)]
            offset = 0
            if len(joined) == wanted.length:
                break
        return memoryview(joined).toreadonly()
