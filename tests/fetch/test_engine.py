"""The engine runs every job once, on threads that come and go."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from nearline.fetch import engine as module
from nearline.fetch.engine import Engine, Gate, Lane
from nearline.settings import Settings


class Count:
    """A job that says when it ran."""

    def __init__(self, lane: Lane, done: threading.Semaphore, gate: Gate | None = None) -> None:
        self.lane = lane
        self.gate = gate
        self.weight = 10
        self.charged = 0
        self.cancelled = False
        self.running = False
        self.runs = 0
        self._done = done

    def run(self) -> None:
        self.runs += 1
        self._done.release()

    def interrupt(self) -> None:
        pass


def wait_for(done: threading.Semaphore, times: int) -> None:
    for _ in range(times):
        assert done.acquire(timeout=30)


def test_no_job_is_lost_while_idle_threads_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_IDLE_S", 0.001)
    engine, done = Engine(), threading.Semaphore(0)
    for n in range(300):
        job = Count(Lane(Settings()), done)
        engine.submit([job])
        wait_for(done, 1)
        with engine.lock:
            engine.release(job)
        time.sleep(0.0005 * (n % 5))


def test_idle_threads_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_IDLE_S", 0.01)
    engine, done = Engine(), threading.Semaphore(0)
    jobs = [Count(Lane(Settings()), done) for _ in range(8)]
    engine.submit(jobs)
    wait_for(done, 8)
    for job in jobs:
        with engine.lock:
            engine.release(job)
    while engine._threads:
        time.sleep(0.005)


def test_no_more_threads_than_requests_may_run() -> None:
    engine, done = Engine(), threading.Semaphore(0)
    lane = Lane(Settings(max_requests=3))
    with ThreadPoolExecutor(4) as pool:
        for _ in range(10):
            pool.submit(engine.submit, [Count(lane, done) for _ in range(5)])
    wait_for(done, 50)
    assert len(engine._threads) <= 3


def test_lanes_take_turns() -> None:
    engine, done = Engine(), threading.Semaphore(0)
    order: list[str] = []

    class Named(Count):
        def run(self) -> None:
            order.append(self.name)
            super().run()

        name = ""

    settings = Settings(max_requests=1)
    first, second = Lane(settings), Lane(settings)
    jobs = []
    for name, lane in [*[("a", first)] * 5, *[("b", second)] * 5]:
        job = Named(lane, done)
        job.name = name
        jobs.append(job)
    engine.submit(jobs)
    wait_for(done, 10)
    assert "".join(order) == "ababababab"


def test_later_waits_and_then_runs() -> None:
    engine, done = Engine(), threading.Semaphore(0)

    class Again(Count):
        times: list[float]

        def run(self) -> None:
            self.times.append(time.monotonic())
            if len(self.times) < 3:
                engine.later(self, 0.1)
            super().run()

    job = Again(Lane(Settings(max_requests=1)), done)
    job.times = []
    engine.submit([job])
    wait_for(done, 3)
    assert all(b - a >= 0.1 for a, b in pairwise(job.times))


def test_cancelled_jobs_do_not_run() -> None:
    engine, done = Engine(), threading.Semaphore(0)
    gate = Gate()
    gate.busy = True
    blocked = Count(Lane(Settings()), done, gate)
    engine.submit([blocked])
    with engine.lock:
        blocked.cancelled = True
        gate.busy = False
    other = Count(Lane(Settings()), done)
    engine.submit([other])
    wait_for(done, 1)
    assert (blocked.runs, other.runs) == (0, 1)
