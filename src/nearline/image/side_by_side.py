"""Opening several objects at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextvars import copy_context
from itertools import count
from queue import SimpleQueue
from typing import TypeVar

__all__ = ["side_by_side"]

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")

_THREADS = 16


def side_by_side(
    work: Callable[[_Given], _Made], given: Iterable[_Given], threads: int = _THREADS
) -> list[_Made]:
    """Call `work` on each item in threads of its own, and return the results in order.

    Parameters
    ----------
    work : callable
    given : iterable
    threads : int
        At once.

    Notes
    -----
    The threads are daemons that nobody joins: after Ctrl-C, and after the first
    exception, which is raised here, what is still under way is left alone.
    """
    items = list(given)
    if len(items) < 2:
        return [work(item) for item in items]
    made: dict[int, _Made] = {}
    ended: SimpleQueue[BaseException | None] = SimpleQueue()
    following = count()
    stopped = threading.Event()

    def run() -> None:
        # One call of `next` is atomic, so that no item is taken twice.
        while (number := next(following)) < len(items) and not stopped.is_set():
            try:
                made[number] = work(items[number])
            except BaseException as error:  # noqa: BLE001 - raised by whoever waits
                ended.put(error)
            else:
                ended.put(None)

    try:
        for _ in range(min(len(items), threads)):
            # A context cannot be entered twice at a time.
            call = copy_context().run
            threading.Thread(target=call, args=(run,), name="nearline-open", daemon=True).start()
        for _ in items:
            error = ended.get()
            if error is not None:
                raise error
    finally:
        stopped.set()
    return [made[number] for number in range(len(items))]
