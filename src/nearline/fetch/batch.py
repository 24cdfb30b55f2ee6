"""One caller's ranges, from the cache and from what is under way, handed over as they land."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager
from queue import SimpleQueue

from nearline.fetch.engine import Lane, engine
from nearline.fetch.events import Carrier, Data, Event, Failed
from nearline.fetch.halt import Halted, halt_of
from nearline.fetch.launch import Launch, launch, let_go
from nearline.fetch.request import copy_error
from nearline.fetch.under_way import Part
from nearline.fetch.version import ClaimShare, ObjectVersion
from nearline.ranges import ByteRange, subtract

__all__ = ["Ahead", "collect"]

_READ_AT_ONCE = 1 << 20
"""Bytes of a local file that are read together; a longer range is read whole."""

_FRUITLESS = 3
"""Rounds that may bring nothing, as when what others claim never comes, before all is fetched."""


def collect(
    version: ObjectVersion, ranges: Sequence[ByteRange], *, cache: bool = True
) -> Iterator[tuple[int, memoryview]]:
    """Yield the index and the bytes of each range, in the order in which they are there.

    Every range lies in the object and holds at least a byte. Closing the
    generator gives up what is still under way.
    """
    if version.in_place:
        yield from _in_place(version, ranges)
        return
    batch = _Batch(version, ranges, cache=cache)
    try:
        with batch.ended_by_halt():
            while batch.pending:
                yield from batch.round()
    finally:
        batch.give_up()


def _in_place(
    version: ObjectVersion, ranges: Sequence[ByteRange]
) -> Iterator[tuple[int, memoryview]]:
    """Read ranges that follow each other as one: each read opens the file anew."""
    first = 0
    while first < len(ranges):
        start, stop = ranges[first]
        following = first + 1
        while (
            following < len(ranges)
            and ranges[following].start == stop
            and ranges[following].stop - start <= _READ_AT_ONCE
        ):
            stop = ranges[following].stop
            following += 1
        view = version.read_in_place(ByteRange(start, stop))
        for index in range(first, following):
            span = ranges[index]
            yield index, view[span.start - start : span.stop - start]
        first = following


class Ahead:
    """Bytes fetched before anybody asks, ready to be joined until `release`.

    Parameters
    ----------
    version : ObjectVersion
    ranges : sequence of ByteRange
    cache : bool
        Whether they are kept.
    hold : bool
        Whether they stay in memory even when the cache has them.
    lane : Lane, optional
        Whose turn it is; by default, after all that somebody waits for.
    claim : ClaimShare, optional
        One that covers the ranges; by default they are claimed here.
    """

    def __init__(
        self,
        version: ObjectVersion,
        ranges: Sequence[ByteRange],
        *,
        cache: bool = True,
        hold: bool = False,
        lane: Lane | None = None,
        claim: ClaimShare | None = None,
    ) -> None:
        self._engine = engine()
        self._started = Launch()
        if version.in_place or version.under_way.ignores_ranges or not ranges:
            return
        span = ByteRange(min(r.start for r in ranges), max(r.stop for r in ranges))
        missing = [(part, 0) for part in subtract(ranges, version.held(span))]
        if missing:
            lane = lane or Lane(version.settings, foreground=False)
            events: SimpleQueue[Event] = SimpleQueue()
            try:
                launch(
                    self._started,
                    version,
                    missing,
                    lane=lane,
                    events=events,
                    cache=cache,
                    deliver=False,
                    claim=claim,
                )
            except BaseException:
                self.release()
                raise
            if cache and not hold and version.keeps_in_store:
                with self._engine.lock:
                    for carrier in self._started.own:
                        carrier.lend(self._started)

    def release(self) -> None:
        """Give up what has not landed, and let go of what has."""
        if engine() is self._engine:
            let_go(self._started)


class _Batch:
    def __init__(self, version: ObjectVersion, ranges: Sequence[ByteRange], *, cache: bool) -> None:
        self.pending = dict.fromkeys(range(len(ranges)))
        self._version = version
        self._ranges = ranges
        self._cache = cache
        self._lane = Lane(version.settings)
        self._engine = engine()
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._started = Launch()
        self._partial: dict[int, tuple[bytearray, list[ByteRange]]] = {}
        self._patient = True
        self._missing = 0
        self._fruitless = 0

    def round(self) -> Iterator[tuple[int, memoryview]]:
        """Take what the cache holds, then what can be fetched now."""
        missing = yield from self._from_cache()
        if not missing:
            return
        self._notice_progress(sum(part.length for part, _ in missing))
        self._started = Launch()
        launch(
            self._started,
            self._version,
            missing,
            lane=self._lane,
            events=self._events,
            cache=self._cache,
            patient=self._patient and self._fruitless < _FRUITLESS,
        )
        while self._started.due:
            if engine() is not self._engine:
                # This is a forked child: its parent's workers bring nothing here.
                self._start_anew()
                return
            yield from self._take(self._events.get())
        claim, self._started.claim = self._started.claim, None
        if claim is not None:
            try:
                self._patient = claim.claim.wait_others(self._version.settings.timeout)
            finally:
                claim.release()

    def ended_by_halt(self) -> AbstractContextManager[None]:
        """Raise `Halted` within the block, wherever it waits for events, if it is to end."""
        return halt_of().watching(self._events)

    def give_up(self) -> None:
        """Let go of everything."""
        if engine() is self._engine:
            let_go(self._started)

    def _notice_progress(self, missing: int) -> None:
        self._fruitless = self._fruitless + 1 if missing == self._missing else 0
        self._missing = missing

    def _from_cache(self) -> Generator[tuple[int, memoryview], None, list[Part]]:
        missing: list[Part] = []
        ranges = self._ranges
        span = ByteRange(
            min(ranges[i].start for i in self.pending), max(ranges[i].stop for i in self.pending)
        )
        # What others keep meanwhile is found when the rest is claimed.
        held = self._version.held(span, fresh=not self._patient)
        starts = [one.start for one in held]
        for index in list(self.pending):
            unfilled = [ranges[index]]
            if index in self._partial:
                unfilled = subtract(unfilled, self._partial[index][1])
            for part in unfilled:
                position = part.start
                for hole in held[max(bisect_right(starts, part.start) - 1, 0) :]:
                    if hole.start >= part.stop:
                        break
                    one = ByteRange(max(hole.start, position), min(hole.stop, part.stop))
                    if one.length <= 0:
                        continue
                    view = self._version.get(one)
                    if view is None:
                        continue
                    if position < one.start:
                        missing.append((ByteRange(position, one.start), index))
                    position = one.stop
                    yield from self._place(index, one.start, view)
                if position < part.stop:
                    missing.append((ByteRange(position, part.stop), index))
        return missing

    def _take(self, event: Event) -> Iterator[tuple[int, memoryview]]:
        if isinstance(event, Halted):
            raise event
        carrier = event.carrier
        due = self._started.due
        if isinstance(event, Data):
            due[carrier] -= len(event.view)
            if not due[carrier]:
                self._drop(carrier)
            yield from self._place(event.slot, event.start, event.view)
        elif carrier in due:
            self._drop(carrier)
            if isinstance(event, Failed):
                raise copy_error(event.error) from None

    def _drop(self, carrier: Carrier) -> None:
        with self._engine.lock:
            interrupted = carrier.drop(self._started)
        del self._started.due[carrier]
        if interrupted:
            carrier.interrupt()

    def _place(self, index: int, start: int, view: memoryview) -> Iterator[tuple[int, memoryview]]:
        whole = self._ranges[index]
        if len(view) == whole.length:
            del self.pending[index]
            yield index, view
            return
        if index not in self._partial:
            self._partial[index] = (bytearray(whole.length), [])
        buffer, filled = self._partial[index]
        buffer[start - whole.start : start - whole.start + len(view)] = view
        filled.append(ByteRange(start, start + len(view)))
        if not subtract([whole], filled):
            del self.pending[index], self._partial[index]
            yield index, memoryview(buffer).toreadonly()

    def _start_anew(self) -> None:
        self._engine = engine()
        self._lane = Lane(self._version.settings)
        self._events = SimpleQueue()
        self._started = Launch()
