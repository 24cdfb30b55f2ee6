"""What the process is fetching of one version of an object, whoever asked for it."""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING
from weakref import WeakSet, WeakValueDictionary

from nearline.fetch.kept import Kept
from nearline.fetch.plan import PlannedRequest
from nearline.ranges import ByteRange

if TYPE_CHECKING:
    from nearline.fetch.download import Download
    from nearline.fetch.flight import Flight

__all__ = ["Part", "UnderWay", "shared"]

Part = tuple[ByteRange, int]
"""Bytes, and the index of the caller's range that they belong to."""


class UnderWay:
    """Flights, and the one download where the server ignores ranges. The engine's lock guards it.

    Attributes
    ----------
    ignores_ranges : bool
        The server answered a range with the entire object.
    download : Download or None
        The one under way; it may not have been submitted yet.
    memory : Kept
        Bytes kept while the object is open, where no cache keeps them.
    artefacts : dict of str to bytes
        Those that the cache does not have yet.
    """

    def __init__(self) -> None:
        self.ignores_ranges = False
        self.download: Download | None = None
        self.memory = Kept()
        self.artefacts: dict[str, bytes] = {}
        self._flights: list[Flight] = []
        _all.add(self)

    def add(self, flight: Flight) -> None:
        """Let others join a flight."""
        self._flights.append(flight)

    def remove(self, flight: Flight) -> None:
        """Let nobody join any more."""
        if flight in self._flights:
            self._flights.remove(flight)

    def landed(self) -> list[ByteRange]:
        """Return what has come and may not be kept yet."""
        return [
            ByteRange(flight.start, flight.position)
            for flight in self._flights
            if flight.position > flight.start
        ]

    def joinable(self, parts: Iterable[Part]) -> tuple[list[tuple[Part, Flight]], list[Part]]:
        """Return which parts flights bring already, cut at their ends, and which remain."""
        if not self._flights:
            return [], list(parts)
        joined: list[tuple[Part, Flight]] = []
        remaining: list[Part] = []
        flights = sorted(self._flights, key=lambda flight: flight.start)
        longest = max(flight.stop - flight.start for flight in flights)
        starts = [flight.start for flight in flights]
        for (start, stop), index in parts:
            position = start
            for flight in flights[bisect_left(starts, start - longest) :]:
                if flight.start >= stop or position >= stop:
                    break
                if flight.stop <= position:
                    continue
                if flight.start > position:
                    remaining.append((ByteRange(position, flight.start), index))
                    position = flight.start
                end = min(stop, flight.stop)
                joined.append(((ByteRange(position, end), index), flight))
                position = end
            if position < stop:
                remaining.append((ByteRange(position, stop), index))
        return joined, remaining

    def forget(self) -> None:
        """Drop what belongs to the parent of this process."""
        self._flights = []
        self.download = None
        self.artefacts = {}


_all: WeakSet[UnderWay] = WeakSet()
_shared: WeakValueDictionary[tuple[int, str, str], UnderWay] = WeakValueDictionary()


def shared(store: object, identity: str, key: str) -> UnderWay:
    """Return what is under way for a version in one cache; private where nothing identifies it."""
    if not key:
        return UnderWay()
    return _shared.setdefault((id(store), identity, key), UnderWay())


def distribute(parts: Sequence[Part], requests: Sequence[PlannedRequest]) -> list[tuple[Part, int]]:
    """Cut parts at the ends of the requests that bring them; returns them with request numbers.

    `requests` are sorted and disjoint, and together bring every byte of `parts`.
    """
    stops = [request.span.stop for request in requests]
    assigned: list[tuple[Part, int]] = []
    for (start, stop), index in parts:
        number = bisect_right(stops, start)
        while start < stop:
            end = min(stop, stops[number])
            assigned.append(((ByteRange(start, end), index), number))
            start = end
            number += 1
    return assigned


def _after_fork() -> None:
    for one in list(_all):
        one.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
