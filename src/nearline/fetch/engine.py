"""The one pool of the process that requests run on, bounded in number and in bytes.

Work comes in lanes, one for each caller that waits. Lanes take turns; those of
callers go before read-ahead. Jobs never wait inside a worker for other jobs or
for a retry: they come back later.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterable
from heapq import heappop, heappush
from itertools import count
from typing import Protocol

from nearline.settings import Settings

__all__ = ["Engine", "Gate", "Job", "Lane", "engine"]

_IDLE_S = 20.0


class Gate:
    """At most one job at a time, for sources that cannot be read concurrently."""

    __slots__ = ("busy",)

    def __init__(self) -> None:
        self.busy = False


class Job(Protocol):
    """What the engine runs."""

    lane: Lane
    gate: Gate | None
    weight: int
    """Bytes that it will hold until they are handed on."""
    charged: int
    """Bytes that count as held now; set by the engine."""
    cancelled: bool
    running: bool
    """Whether a worker has it now; set by the engine."""

    def run(self) -> None:
        """Do the work, in a worker. Never raises; asks for a later turn by `Engine.later`."""
        ...

    def interrupt(self) -> None:
        """Stop once cancelled; may be called more than once."""
        ...


class Lane:
    """The jobs of one caller, in order.

    Parameters
    ----------
    settings : Settings
        Their caps hold for the jobs of this lane, counted over the process.
    foreground : bool
        Whether somebody waits already.
    """

    def __init__(self, settings: Settings, *, foreground: bool = True) -> None:
        self.settings = settings
        self.foreground = foreground
        self.jobs: deque[Job] = deque()
        self.bytes_held = 0


class Engine:
    """Run jobs on daemon threads that start when needed and end when idle.

    Attributes
    ----------
    lock : threading.RLock
        Guards everything that callers and workers share, lanes and jobs included. The
        garbage collector may close a file within any block that holds it.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.bytes_held = 0
        self._work = threading.Condition(self.lock)
        self._lanes: deque[Lane] = deque()
        self._later: list[tuple[float, int, Job]] = []
        self._number = count()
        self._running = 0
        self._idle = 0
        self._threads: set[threading.Thread] = set()

    @property
    def busy(self) -> bool:
        """Whether a job runs."""
        return self._running > 0

    def submit(self, jobs: Iterable[Job]) -> None:
        """Queue jobs, each in its own lane."""
        threads: list[threading.Thread] = []
        try:
            with self.lock:
                added = cap = 0
                for job in jobs:
                    self._enqueue(job)
                    cap = max(cap, job.lane.settings.max_requests)
                    added += 1
                self._work.notify(added)
                missing = min(added - self._idle, cap - len(self._threads))
                threads.extend(self._thread() for _ in range(missing))
                self._threads.update(threads)
            for thread in threads:
                thread.start()
        except BaseException:
            # Ctrl-C, or no more threads to be had: what did not start must not be counted.
            with self.lock:
                self._threads.difference_update(one for one in threads if one.ident is None)
            raise

    def later(self, job: Job, delay_s: float) -> None:
        """Give a job that is running another turn, `delay_s` seconds from now."""
        with self.lock:
            heappush(self._later, (time.monotonic() + delay_s, next(self._number), job))
            self._work.notify()

    def promote(self, job: Job, lane: Lane) -> None:
        """Move a job that may still be queued into the lane of a caller. The lock is held."""
        if job.lane.foreground or not lane.foreground:
            return
        try:
            job.lane.jobs.remove(job)
        except ValueError:
            return
        job.lane = lane
        self._enqueue(job)
        self._work.notify()

    def release(self, job: Job) -> None:
        """Count the bytes of a job as handed on. The lock is held."""
        self.bytes_held -= job.charged
        job.lane.bytes_held -= job.charged
        job.charged = 0
        self._rouse()

    def _rouse(self) -> None:
        """Have an idle thread look whether what waits may run now. The lock is held."""
        if self._idle and (self._lanes or self._later):
            self._work.notify()

    def _enqueue(self, job: Job) -> None:
        lane = job.lane
        if not lane.jobs and lane not in self._lanes:
            self._lanes.append(lane)
        lane.jobs.append(job)

    def _thread(self) -> threading.Thread:
        return threading.Thread(target=self._serve, name="nearline-fetch", daemon=True)

    def _serve(self) -> None:
        while True:
            with self.lock:
                job = self._wait_for_job()
                if job is None:
                    self._threads.discard(threading.current_thread())
                    return
            try:
                job.run()
            finally:
                with self.lock:
                    self._running -= 1
                    job.running = False
                    if job.gate is not None:
                        job.gate.busy = False
                    self._rouse()
                if job.cancelled:
                    # Whoever gave it up while it ran left the rest to this thread.
                    job.interrupt()
            # A job holds buffers, which must not live as long as an idle thread.
            del job

    def _wait_for_job(self) -> Job | None:
        """Return the next job, None when there has been nothing to do for long."""
        leaving = False
        while True:
            job = self._next_job()
            if job is not None:
                self._running += 1
                job.running = True
                if job.gate is not None:
                    job.gate.busy = True
                return job
            # Work that waits for room needs a thread that will wake up for it.
            if leaving and (len(self._threads) > 1 or not (self._lanes or self._later)):
                return None
            patience = _IDLE_S
            if self._later:
                patience = min(max(self._later[0][0] - time.monotonic(), 0.0), _IDLE_S)
            self._idle += 1
            woken = self._work.wait(patience)
            self._idle -= 1
            # A notification may come between the end of the wait and the lock: look once more.
            leaving = not woken and patience == _IDLE_S

    def _next_job(self) -> Job | None:
        """Take the first job that the caps allow. The lock is held."""
        while self._later and (
            self._later[0][2].cancelled or self._later[0][0] <= time.monotonic()
        ):
            if self._later[0][2].cancelled:
                heappop(self._later)
                continue
            job = self._later[0][2]
            if not self._may_run(job):
                break
            heappop(self._later)
            return job
        for foreground in (True, False):
            for _ in range(len(self._lanes)):
                lane = self._lanes[0]
                while lane.jobs and lane.jobs[0].cancelled:
                    lane.jobs.popleft()
                if not lane.jobs:
                    self._lanes.popleft()
                    continue
                self._lanes.rotate(-1)
                if lane.foreground is foreground and self._has_room(lane.jobs[0]):
                    job = lane.jobs.popleft()
                    if not lane.jobs:
                        self._lanes.pop()
                    job.charged = job.weight
                    self.bytes_held += job.charged
                    lane.bytes_held += job.charged
                    return job
        return None

    def _may_run(self, job: Job) -> bool:
        return self._running < job.lane.settings.max_requests and not (job.gate and job.gate.busy)

    def _has_room(self, job: Job) -> bool:
        # A caller that holds nothing may always go on: whoever holds the rest may be
        # the same thread, which consumes one stream while another is suspended.
        fits = self.bytes_held + job.weight <= job.lane.settings.max_bytes_in_flight
        return self._may_run(job) and (fits or job.lane.bytes_held == 0)


_engine = Engine()


def engine() -> Engine:
    """Return the engine of this process; a forked child has its own."""
    return _engine


def _after_fork() -> None:
    # The child has none of the threads, and the lock may have been held at the fork.
    global _engine
    _engine = Engine()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
