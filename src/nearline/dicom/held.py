"""Bytes of an object that were read here and there, and reading more of them at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from nearline.dicom.byte_reader import Buffer, ByteReader
from nearline.dicom.window import Ended, Oversized
from nearline.ranges import ByteRange

__all__ = ["Held", "Need"]

_MOST_BYTES = 64 << 20

Need = tuple[int, int, int]
"""Where bytes are needed from and up to, and how many more are welcome."""


class Held:
    """Parts of an object that were read; `Oversized` once they are too many bytes."""

    def __init__(self, reader: ByteReader, first: Buffer, base: int) -> None:
        self._reader = reader
        self._starts = [base]
        self._parts = [memoryview(first)]
        self._fetched = 0

    def part(self, position: int) -> tuple[int, memoryview]:
        """Return what is at hand around `position`, with its offset; maybe nothing."""
        index = bisect_right(self._starts, position) - 1
        if index < 0 or self._starts[index] + len(self._parts[index]) < position:
            return position, memoryview(b"")
        return self._starts[index], self._parts[index]

    def fetch(self, needs: Sequence[Need], guesses: Sequence[ByteRange]) -> None:
        """Have what is needed at hand, and what may be."""
        size = self._reader.size
        wanted, held = [], []
        for position, needed, welcome in needs:
            if needed > size:
                raise Ended(needed, size)
            base, view = self.part(position)
            wanted.append(ByteRange(base + len(view), min(needed + welcome, size)))
            # Before anything new is put beside it.
            held.append((position, view[position - base :]))
        spans = [*wanted, *guesses]
        self._fetched += sum(one.length for one in spans)
        if self._fetched > _MOST_BYTES:
            raise Oversized
        views = self._reader.read_many(spans)
        for (position, old), new in zip(held, views, strict=False):
            self._put(position, memoryview(b"".join((old, new)) if len(old) else new))
        for guess, new in zip(guesses, views[len(wanted) :], strict=True):
            self._put(guess.start, memoryview(new))

    def _put(self, start: int, data: memoryview) -> None:
        index = bisect_right(self._starts, start)
        self._starts.insert(index, start)
        self._parts.insert(index, data)
