"""Byte ranges: half-open intervals of one object, and their set operations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["ByteRange", "merge", "subtract", "total"]


class ByteRange(NamedTuple):
    """Bytes `start` (included) to `stop` (excluded) of an object."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        """Number of bytes."""
        return self.stop - self.start

    def overlaps(self, other: ByteRange) -> bool:
        """Whether the two share a byte."""
        return self.start < other.stop and other.start < self.stop


def merge(ranges: Iterable[ByteRange], *, gap: int = 0) -> list[ByteRange]:
    """Sort by offset and join ranges that overlap, touch or lie within `gap` bytes.

    Empty ranges vanish.
    """
    joined: list[ByteRange] = []
    for one in sorted(r for r in ranges if r.stop > r.start):
        if joined and one.start <= joined[-1].stop + gap:
            if one.stop > joined[-1].stop:
                joined[-1] = ByteRange(joined[-1].start, one.stop)
        else:
            joined.append(ByteRange(*one))
    return joined


def subtract(ranges: Iterable[ByteRange], held: Iterable[ByteRange]) -> list[ByteRange]:
    """Return the parts of `ranges` that no range of `held` covers, sorted and merged."""
    holes = merge(held)
    missing: list[ByteRange] = []
    first = 0
    for start, stop in merge(ranges):
        while first < len(holes) and holes[first].stop <= start:
            first += 1
        position = start
        for hole in holes[first:]:
            if hole.start >= stop:
                break
            if hole.start > position:
                missing.append(ByteRange(position, hole.start))
            position = max(position, hole.stop)
        if position < stop:
            missing.append(ByteRange(position, stop))
    return missing


def total(ranges: Iterable[ByteRange]) -> int:
    """Sum of the lengths, overlaps counted twice."""
    return sum(stop - start for start, stop in ranges)
