"""Whether a fault passes, and how long to wait before asking again."""

from __future__ import annotations

import random

__all__ = ["OVERLOAD", "PASSING", "delay_s"]

PASSING = frozenset([408, 425, 429, 500, 502, 503, 504, 507, 509, 520, 521, 522, 523, 524])
"""Statuses that another attempt may cure."""

OVERLOAD = frozenset([408, 429, 503, 504])
"""Statuses of servers that have too much to do."""

_FIRST_S = 0.1
_LONGEST_S = 10.0
_LONGEST_ASKED_S = 60.0


def delay_s(failures: int, asked: float | None = None) -> float:
    """Return how long to wait after so many failures in a row.

    Parameters
    ----------
    failures : int
        At least one.
    asked : float, optional
        Retry-After of the last answer, seconds; heeded up to a minute.
    """
    # Jitter keeps requests that failed together from coming back together.
    ceiling = min(_FIRST_S * 2.0 ** min(failures - 1, 20), _LONGEST_S)
    backoff = random.uniform(0, ceiling)  # noqa: S311
    return backoff if asked is None else min(max(asked, 0.0), _LONGEST_ASKED_S) + backoff
