"""Claims: who is fetching what, so that ten processes fetch a piece once."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from nearline.ranges import ByteRange, merge, subtract

__all__ = ["LEASE", "Claim", "Claimed", "Holder", "alive", "divide", "here"]

LEASE = 30.0
"""Seconds after which a claim ends unless its process renews it."""


class Holder(NamedTuple):
    """A process, told apart from a later one that got the same pid.

    Attributes
    ----------
    host : str
        Boot and pid namespace: pids mean something only within both.
    pid : int
        Process id.
    started : int
        Clock ticks since boot when it started (``/proc/<pid>/stat``); 0 where
        the system does not tell.
    """

    host: str
    pid: int
    started: int


class Claimed(NamedTuple):
    """A claim as the catalogue holds it."""

    id: int
    range: ByteRange
    holder: Holder
    lease: float


def _start_time(pid: int) -> int | None:
    """Return when a process started, 0 if unknown, None if there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
        # The command's name is in parentheses and may itself hold spaces and parentheses.
        state, *fields = stat[stat.rindex(b")") + 2 :].split()
        return None if state in (b"Z", b"X") else int(fields[18])
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
    except (OSError, ValueError, IndexError):
        pass
    if os.name != "posix":
        return 0
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        pass
    return 0


@lru_cache(maxsize=1)
def _host() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}:{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        import platform  # not needed on Linux

        return platform.node()


@lru_cache(maxsize=4)
def _holder(pid: int) -> Holder:
    return Holder(_host(), pid, _start_time(pid) or 0)


def here() -> Holder:
    """Return this process (a forked child is another one)."""
    return _holder(os.getpid())


def alive(claimed: Claimed, now: float, seen: dict[Holder, bool] | None = None) -> bool:
    """Whether a claim still stands: lease running, holder not known to be dead.

    Of a process in another container or from before a reboot only the lease
    is known.

    Parameters
    ----------
    claimed : Claimed
        The claim.
    now : float
        Seconds since the epoch.
    seen : dict, optional
        Holders that were looked for a moment ago, and whether they live: one may hold hundreds
        of claims, and asking the system costs more than all else about them.
    """
    if not now < claimed.lease <= now + 2 * LEASE:
        return False
    holder = claimed.holder
    if holder.host != _host():
        return True
    found = None if seen is None else seen.get(holder)
    if found is None:
        found = _start_time(holder.pid) == holder.started
        if seen is not None:
            seen[holder] = found
    return found


def divide(
    wanted: Sequence[ByteRange], held: Sequence[ByteRange], others: Sequence[Claimed]
) -> tuple[list[ByteRange], list[ByteRange], list[int]]:
    """Say what to fetch, what to leave to others, and whose claims to wait for.

    Bytes that arrived in the meantime count as left to others: there is
    nothing to wait for, and they are found when asked for again.

    Returns
    -------
    mine, others : list of ByteRange
        Together they are `wanted`, merged.
    ids : list of int
        Of the claims that overlap.
    """
    mine = subtract(wanted, [*held, *(one.range for one in others)])
    ids = [one.id for one in others if any(one.range.overlaps(w) for w in wanted)]
    return mine, subtract(merge(wanted), mine), ids


class Claim:
    """What one fetch may bring, and what other processes are bringing now.

    Release it when the bytes have been put, or will not come; it also ends
    with the process. A context manager does so.

    Attributes
    ----------
    mine : list of ByteRange
        To be fetched by the caller.
    others : list of ByteRange
        Being fetched by another living process, or held since a moment ago:
        after `wait_others` ask the store again, then claim what is missing.
    """

    __slots__ = ("_release", "_wait", "mine", "others")

    def __init__(
        self,
        mine: list[ByteRange],
        others: list[ByteRange],
        *,
        release: Callable[[], None] | None = None,
        gone: Callable[[], bool] | None = None,
    ) -> None:
        self.mine = mine
        self.others = others
        self._release = release
        self._wait = gone

    def release(self) -> None:
        """Let others have what is still missing; what was put is visible to them first."""
        release, self._release = self._release, None
        if release is not None:
            release()

    def wait_others(self, timeout: float) -> bool:
        """Wait until nobody else fetches any of `others`.

        Parameters
        ----------
        timeout : float
            Seconds.

        Returns
        -------
        bool
            False if somebody still did when the time was up.
        """
        deadline = time.monotonic() + timeout
        pause = 0.002
        while self._wait is not None and not self._wait():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, 0.05)
        return True

    def __enter__(self) -> Claim:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
