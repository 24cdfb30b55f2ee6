"""Work on frames as they land, in the decoding pool, with little handing over."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextvars import copy_context
from functools import partial
from typing import Any

from nearline.image.reading.pool import decode_pool, workers

__all__ = ["run_each"]

_WAITING = 8
"""Items per worker that may wait: fetching goes on only as far ahead of decoding as this."""

_TURN = 16
"""Items that a worker takes before others who use the pool have their turn."""


def run_each(items: Iterable[Any], work: Callable[[Any], None]) -> None:
    """Run `work` on each item in the decoding pool, while later items are still coming.

    Raises the first fault, of the items or of the work; what has not begun is given up.
    """
    crew = _Crew(work)
    try:
        for item in items:
            crew.give(item)
        crew.finish()
    except BaseException:
        crew.give_up()
        raise


class _Crew:
    """The workers of one caller: each takes item after item, so that few tasks are queued.

    A task and a future per frame would cost, under the GIL, a good part of decoding it.
    """

    def __init__(self, work: Callable[[Any], None]) -> None:
        self._work = work
        self._most = workers()
        self._changed = threading.Condition()
        self._waiting: deque[Any] = deque()
        self._busy = 0
        self._fault: BaseException | None = None

    def give(self, item: Any) -> None:
        """Hand an item over; waits while too many are there."""
        with self._changed:
            while len(self._waiting) >= _WAITING * self._most and self._fault is None:
                self._changed.wait()
            self._raise_fault()
            self._waiting.append(item)
            idle = self._busy < self._most
            self._busy += idle
        if idle:
            self._send_worker()

    def finish(self) -> None:
        """Wait until every item is done."""
        # It is left to the workers: more threads than processors would wait for the interpreter.
        with self._changed:
            while self._busy and self._fault is None:
                self._changed.wait()
            self._raise_fault()

    def give_up(self) -> None:
        """Drop what waits; what is under way ends by itself."""
        with self._changed:
            self._waiting.clear()

    def _raise_fault(self) -> None:
        if self._fault is not None:
            raise self._fault

    def _send_worker(self) -> None:
        # A context cannot be entered twice at a time; copying one costs next to nothing.
        decode_pool().submit(partial(copy_context().run, self._take_turn))

    def _take_turn(self) -> None:
        for _ in range(_TURN):
            with self._changed:
                if not self._waiting:
                    self._busy -= 1
                    self._changed.notify_all()
                    return
                item = self._waiting.popleft()
                if len(self._waiting) == _WAITING * self._most // 2:
                    self._changed.notify_all()
            try:
                self._work(item)
            except BaseException as fault:  # noqa: BLE001 - raised where the caller waits
                with self._changed:
                    self._fault = self._fault or fault
                    self._waiting.clear()
        self._send_worker()
