"""Whether a server is still there: one that stopped answering is not asked for each thing anew."""

from __future__ import annotations

import threading
import time

__all__ = ["Watch"]

_GONE = 8
"""Requests given up in a row, with all their repetitions, until the server counts as gone."""

_LOOK_S = 2.0
"""Seconds until somebody looks whether it is back."""


class Watch:
    """Counts requests that were given up since the server last answered.

    Parameters
    ----------
    longest_s : float
        How long one look at a server may take that counts as gone.
    """

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._given_up = 0
        self._look_at = 0.0
        self._lock = threading.Lock()

    def answered(self) -> None:
        """Record that the server is there, whatever it said."""
        self._given_up = 0

    def given_up(self) -> None:
        """Record a request that was repeated in vain."""
        with self._lock:
            self._given_up += 1
            if self._given_up >= _GONE:
                self._look_at = time.monotonic() + _LOOK_S

    def attempts(self, retries: int) -> int:
        """Return how often to ask for one thing.

        Returns
        -------
        int
            1 + `retries` of a server that is there; 1 for who looks whether it is back, and 0
            for everybody else meanwhile.
        """
        with self._lock:
            if self._given_up < _GONE:
                return 1 + retries
            now = time.monotonic()
            if now < self._look_at:
                return 0
            self._look_at = now + self._longest_s
            return 1
