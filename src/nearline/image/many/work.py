"""The threads that open, fetch and decode ahead of whoever takes the regions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from contextvars import copy_context
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from nearline.errors import NearlineError
from nearline.fetch.halt import Halt, Halted, heeding
from nearline.image.many.unit import Choice, Planned, Unit, plan_region
from nearline.image.many.wanted import Chunk, Wanted, cut
from nearline.image.reading.pool import workers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nearline.image.many.shelf import Shelf

__all__ = ["Result", "Work"]

_OPENERS = 16
_CHUNKS_AHEAD = 32
_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Result:
    """A region, or why there is none.

    Attributes
    ----------
    size : int
        Bytes to be counted as taken.
    """

    wanted: Wanted
    value: NDArray[Any] | BaseException
    size: int


@dataclass(slots=True)
class _Opened:
    """A chunk whose image is open."""

    units: list[Unit]
    lease: ExitStack
    left: int = 0
    begun: int = 0


@dataclass(slots=True)
class _Begun:
    """What is fetched ahead for a unit."""

    releases: list[Callable[[], None]] = field(default_factory=list)
    size: int = 0


class Work:
    """Goes through chunks in order: openers, then as many readers as there are processors.

    Parameters
    ----------
    chunks : sequence of Chunk
    groups : sequence of int, optional
        For each chunk, the group that it belongs to: once one has been begun, all of it is
        read, however much waits to be taken.
    shelf : Shelf
    choice : Choice
    bound : int
        Bytes of regions that wait to be taken, and twice the bytes fetched ahead.
    """

    def __init__(
        self,
        chunks: Sequence[Chunk],
        groups: Sequence[int] | None,
        shelf: Shelf,
        choice: Choice,
        bound: int,
    ) -> None:
        self._results: SimpleQueue[Result | BaseException] = SimpleQueue()
        self._chunks = chunks
        self._groups = groups
        self._shelf = shelf
        self._choice = choice
        self._bound = bound
        self._halt = Halt()
        self._changed = threading.Condition()
        self._opened: dict[int, _Opened] = {}
        self._next_to_open = self._turn = self._turn_unit = 0
        self._group: int | None = None
        self._waiting_size = 0
        self._ahead = threading.Lock()
        self._begun: dict[int, _Begun] = {}
        self._room = bound // 2
        self._threads = [
            threading.Thread(
                target=copy_context().run, args=(self._guarded, run), name=name, daemon=True
            )
            for run, name, number in (
                (self._open_chunks, "nearline-open", min(_OPENERS, len(chunks))),
                (self._read_units, "nearline-read", workers() + 1),
            )
            for _ in range(number)
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def take(self) -> Result:
        """Wait for the next region, in the order in which they are complete.

        Raises
        ------
        BaseException
            What ended one of the threads.
        """
        result = self._results.get()
        if isinstance(result, BaseException):
            raise result
        with self._changed:
            self._waiting_size -= result.size
            self._changed.notify_all()
        return result

    def stop(self) -> None:
        """Give up what is under way, and wait for the threads to notice."""
        self._halt.call()
        with self._changed:
            self._changed.notify_all()
        with self._ahead:
            begun, self._begun, self._room = self._begun, {}, 0
        for one in begun.values():
            for release in one.releases:
                release()
        deadline = time.monotonic() + _PATIENCE_S
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(deadline - time.monotonic(), 0.0))
        for opened in self._opened.values():
            opened.lease.close()

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            with heeding(self._halt):
                run()
        except Halted:
            pass
        except BaseException as error:  # noqa: BLE001 - raised by whoever takes the regions
            self._results.put(error)

    # --- opening ----------------------------------------------------------

    def _open_chunks(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: (
                        self._halt.called
                        or self._next_to_open >= len(self._chunks)
                        or self._next_to_open < self._turn + _CHUNKS_AHEAD
                    )
                )
                self._halt.check()
                number = self._next_to_open
                if number >= len(self._chunks):
                    return
                self._next_to_open += 1
            opened = self._open(self._chunks[number])
            with self._changed:
                self._opened[number] = opened
                self._changed.notify_all()
            self._begin_ahead()

    def _open(self, chunk: Chunk) -> _Opened:
        lease = ExitStack()
        try:
            image = lease.enter_context(self._shelf.image(chunk))
        except NearlineError as error:
            for wanted in chunk.regions:
                self._results.put(Result(wanted, error, 0))
            return _Opened([], lease)
        planned: list[Planned] = []
        for wanted in chunk.regions:
            try:
                planned.append(plan_region(image, wanted, self._choice))
            except NearlineError as error:
                self._results.put(Result(wanted, error, 0))
        planned.sort(key=lambda one: one.first_byte)
        runs = cut([one.size for one in planned], self._bound // 2)
        units = [Unit(image, planned[run]) for run in runs]
        if not units:
            lease.close()
        return _Opened(units, lease, left=len(units))

    # --- fetching ahead ---------------------------------------------------

    def _begin_ahead(self) -> None:
        """Begin to fetch for units that will be read soon, in their order, while there is room."""
        while True:
            with self._changed:
                unit = self._next_to_begin()
            if unit is None:
                return
            with self._ahead:
                begun = self._begun.get(id(unit))
                if begun is None:
                    continue  # It has been read already.
                if self._room <= 0:
                    return
                begun.releases, begun.size = unit.begin(self._room)
                self._room -= begun.size
                if not begun.size:
                    return

    def _next_to_begin(self) -> Unit | None:
        """Mark the next unit as begun. The lock is held."""
        if self._room <= 0 or self._halt.called:
            return None
        number = self._turn
        while (opened := self._opened.get(number)) is not None:
            if opened.begun < len(opened.units):
                unit = opened.units[opened.begun]
                opened.begun += 1
                self._begun[id(unit)] = _Begun()
                return unit
            number += 1
        return None

    def _release(self, unit: Unit) -> None:
        with self._ahead:
            begun = self._begun.pop(id(unit), _Begun())
            self._room += begun.size
        for release in begun.releases:
            release()
        self._begin_ahead()

    # --- reading ----------------------------------------------------------

    def _read_units(self) -> None:
        while (taken := self._next_unit()) is not None:
            opened, unit = taken
            try:
                self._read(unit)
            finally:
                self._release(unit)
                with self._changed:
                    opened.left -= 1
                    last = not opened.left
                if last:
                    opened.lease.close()

    def _next_unit(self) -> tuple[_Opened, Unit] | None:
        """Wait for the next unit, and until there is room for its regions."""
        with self._changed:
            while True:
                self._halt.check()
                if self._turn == len(self._chunks):
                    return None
                opened = self._opened.get(self._turn)
                if opened is None:
                    self._changed.wait()
                    continue
                if self._turn_unit == len(opened.units):
                    del self._opened[self._turn]
                    self._turn += 1
                    self._turn_unit = 0
                    self._changed.notify_all()
                    continue
                unit = opened.units[self._turn_unit]
                fits = self._waiting_size + unit.size <= self._bound or not self._waiting_size
                group = self._groups[self._turn] if self._groups else None
                if not fits and (group is None or group != self._group):
                    self._changed.wait()
                    continue
                self._turn_unit += 1
                opened.begun = max(opened.begun, self._turn_unit)
                self._group = group
                self._waiting_size += unit.size
                return opened, unit

    def _read(self, unit: Unit) -> None:
        """Read the regions of a unit; where that fails, each for itself."""
        lock = threading.Lock()
        pending = {one.wanted.number: one for one in unit.planned}

        def done(wanted: Wanted, array: NDArray[Any]) -> None:
            with lock:
                planned = pending.pop(wanted.number, None)
            # None: given up meanwhile, because another part of the unit failed.
            if planned is not None:
                self._results.put(Result(wanted, array, planned.size))

        try:
            unit.read(self._choice, done, self._halt)
        except Exception as error:  # noqa: BLE001 - raised or yielded in place of the region
            with lock:
                left = list(pending.values())
                pending.clear()
            if len(unit.planned) == 1:
                for one in left:
                    self._results.put(Result(one.wanted, error, one.size))
                return
            for one in left:
                self._halt.check()
                self._read(Unit(unit.image, [one]))
