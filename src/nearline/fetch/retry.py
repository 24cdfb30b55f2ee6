"""When a request is repeated, and how long until then. The only layer that retries."""

from __future__ import annotations

import random

from nearline.storage.source import Transient

__all__ = ["Retries"]

_FIRST_S = 0.1
_LONGEST_S = 10.0
_LONGEST_ASKED_S = 60.0
_PROGRESS = 64 << 10


class Retries:
    """The attempts of one request: exponential backoff with full jitter.

    Parameters
    ----------
    allowed : int
        Failures in a row that are followed by another attempt. A body that
        broke off after a fair part of it had landed begins a new row.
    """

    def __init__(self, allowed: int) -> None:
        self._allowed = allowed
        self._failures = 0
        self._position = 0

    def delay_s(self, fault: Transient, position: int) -> float | None:
        """Return the seconds until the next attempt, None to give up.

        Parameters
        ----------
        fault : Transient
            What happened; its Retry-After is honoured, up to a minute.
        position : int
            Bytes of the body that landed so far.
        """
        if position - self._position >= _PROGRESS:
            self._failures = 0
            self._position = position
        self._failures += 1
        if self._failures > self._allowed:
            return None
        # Jitter keeps the requests that failed together from coming back together.
        ceiling = min(_FIRST_S * 2 ** (self._failures - 1), _LONGEST_S)
        backoff = random.uniform(0, ceiling)  # noqa: S311
        if fault.retry_after is not None:
            return min(max(fault.retry_after, 0.0), _LONGEST_ASKED_S) + backoff
        return backoff
