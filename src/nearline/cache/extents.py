"""Which bytes of an object are held, and by what: sorted spans in memory."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from nearline.ranges import ByteRange

__all__ = ["Extents"]


class Span(Protocol):
    """Anything from `start` to `stop`."""

    start: int
    stop: int


S = TypeVar("S", bound=Span)


class Extents(Generic[S]):
    """Spans of one object, which may overlap although none lies within another.

    Without containment the starts and the stops rise together, so one
    bisection finds the span that reaches farthest from any byte.
    """

    __slots__ = ("_spans", "_starts", "_stops")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []
        self._spans: list[S] = []

    def __len__(self) -> int:
        return len(self._spans)

    def __iter__(self) -> Iterator[S]:
        return iter(self._spans)

    def add(self, span: S) -> list[S]:
        """Add a span and return those that are no longer needed.

        That is the span itself when another one holds all of it, else the
        ones that lie within it.
        """
        before = bisect_right(self._starts, span.start) - 1
        if span.stop <= span.start or (before >= 0 and self._stops[before] >= span.stop):
            return [span]
        first = bisect_left(self._starts, span.start)
        last = bisect_right(self._stops, span.stop)
        last = max(first, last)
        obsolete = self._spans[first:last]
        self._starts[first:last] = [span.start]
        self._stops[first:last] = [span.stop]
        self._spans[first:last] = [span]
        return obsolete

    def discard(self, span: S) -> None:
        """Remove this very span, if it is here."""
        at = bisect_left(self._starts, span.start)
        if at < len(self._spans) and self._spans[at] is span:
            del self._starts[at], self._stops[at], self._spans[at]

    def cover(self, start: int, stop: int) -> list[S] | None:
        """Return spans, in order, that together hold every byte; None if a byte is missing."""
        chosen: list[S] = []
        reached = start
        while reached < stop:
            at = bisect_right(self._starts, reached) - 1
            if at < 0 or self._stops[at] <= reached:
                return None
            chosen.append(self._spans[at])
            reached = self._stops[at]
        return chosen

    def held(self, start: int, stop: int) -> list[ByteRange]:
        """Return the bytes held between `start` and `stop`: clipped, merged, sorted."""
        found: list[ByteRange] = []
        at = max(bisect_right(self._starts, start) - 1, 0)
        while at < len(self._starts) and self._starts[at] < stop:
            low, high = max(self._starts[at], start), min(self._stops[at], stop)
            if low < high:
                if found and low <= found[-1].stop:
                    found[-1] = ByteRange(found[-1].start, high)
                else:
                    found.append(ByteRange(low, high))
            at += 1
        return found
