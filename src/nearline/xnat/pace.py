"""How many requests run at once: fewer when the server is in trouble, more again when it is not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["MOST", "Pace", "Stopped"]

MOST = 8
"""Requests at once."""


class Stopped(Exception):
    """Nobody waits any more for what was to be asked."""


class Pace:
    """A bound on requests under way, shared by threads.

    It halves when a request meets an overloaded server, once for all requests that were under
    way then, and grows by one after as many good answers as it allows at once.

    Parameters
    ----------
    most : int
        Never more than these.
    """

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self.limit = most
        self._under_way = 0
        self._era = 0
        self._good = 0
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, stop: threading.Event | None = None) -> Iterator[int]:
        """Wait for a turn; gives the era, to be handed to `trouble`.

        Raises
        ------
        Stopped
            `stop` was set meanwhile.
        """
        with self._changed:
            while self._under_way >= self.limit:
                if stop is not None and stop.is_set():
                    raise Stopped
                self._changed.wait(0.2)
            self._under_way += 1
            era = self._era
        try:
            yield era
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def trouble(self, era: int) -> None:
        """Halve, unless another request of that era has done so."""
        with self._changed:
            if era == self._era:
                self.limit = max(self.limit // 2, 1)
                self._era += 1
            self._good = 0

    def good(self) -> None:
        """Record a good answer."""
        with self._changed:
            self._good += 1
            if self._good >= self.limit and self.limit < self.most:
                self.limit += 1
                self._good = 0
                self._changed.notify_all()
