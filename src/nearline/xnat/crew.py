"""Threads that call one function for many items, and stop when nobody waits any more."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterable, Iterator, Sized
from queue import SimpleQueue
from typing import TypeVar

from nearline.errors import NearlineError
from nearline.traffic import counters, using

from .pace import Stopped

__all__ = ["each", "pause", "stopped"]

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

_AHEAD = 4
"""Results per worker that may wait for the caller."""


class _Stop(threading.Event):
    """Set when nobody waits any more; stops the crews as well that its workers have set up."""

    def __init__(self) -> None:
        super().__init__()
        self._then: list[Callable[[], None]] = []
        self._adding = threading.Lock()

    def also(self, act: Callable[[], None]) -> None:
        """Do this too when it is set, or now if it is."""
        with self._adding:
            self._then.append(act)
        if self.is_set():
            act()

    def set(self) -> None:
        super().set()
        with self._adding:
            acts, self._then = self._then, []
        for act in acts:
            act()


_stop: contextvars.ContextVar[_Stop | None] = contextvars.ContextVar(
    "nearline_xnat_stop", default=None
)


def stopped() -> threading.Event | None:
    """Return the event that tells a worker to stop; None outside of a crew."""
    return _stop.get()


def pause(seconds: float) -> None:
    """Sleep, and wake up when the crew is stopped.

    Raises
    ------
    Stopped
        It was.
    """
    stop = _stop.get() or threading.Event()
    if stop.wait(seconds):
        raise Stopped


def each(
    function: Callable[[Item], Outcome], items: Iterable[Item], *, workers: int
) -> Iterator[tuple[Item, Outcome | NearlineError]]:
    """Call a function for every item; see `nearline.xnat.client.Client.each`."""
    workers = min(workers, len(items)) if isinstance(items, Sized) else workers
    source = iter(items)
    taking = threading.Lock()
    room = threading.Semaphore(workers * _AHEAD)
    stop = _Stop()
    done: SimpleQueue[tuple[Item, Outcome | NearlineError] | BaseException | None] = SimpleQueue()
    carried = counters()

    def work() -> None:
        _stop.set(stop)
        try:
            with using(carried):
                while room.acquire() and not stop.is_set():
                    with taking:
                        try:
                            item = next(source)
                        except StopIteration:
                            break
                    if stop.is_set():
                        break
                    try:
                        done.put((item, function(item)))
                    except NearlineError as error:
                        done.put((item, error))
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001 (raised where the results are taken)
            done.put(error)
        finally:
            done.put(None)

    # Daemons: nobody waits for a request under way when the program wants to end.
    crew = [
        threading.Thread(target=work, name="nearline-xnat", daemon=True) for _ in range(workers)
    ]
    for thread in crew:
        thread.start()

    def halt() -> None:
        stop.set()
        for _ in crew:
            room.release()

    outer = _stop.get()
    if outer is not None:
        # What is iterated in a worker of another crew ends with that one.
        outer.also(halt)
        outer.also(lambda: done.put(Stopped()))
    try:
        running = len(crew)
        while running:
            result = done.get()
            if result is None:
                running -= 1
                room.release()
            elif isinstance(result, BaseException):
                raise result
            else:
                room.release()
                yield result
    finally:
        halt()
