"""kill -9 at any point costs nothing that was fetched; the next run ends as an undisturbed one."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from measurements.sites import Site, assert_values_true, site
from nearline.testing.xnat import faults

COUNT = 16
MEASUREMENTS = ["aseg", "aparc"]
POINTS = 50


class Children:
    """A process that collects in forks of itself."""

    def __init__(self) -> None:
        tests = Path(__file__).parents[1]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "measurements.collecting_children"],
            cwd=tests,
            env=os.environ | {"PYTHONPATH": str(tests)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, held: Site) -> int:
        """Begin to collect, and return the process id."""
        assert self.process.stdin is not None
        order = [held.server.address, str(held.folder), MEASUREMENTS]
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return int(self._line())

    def end(self) -> int:
        """Wait for it, and return its wait status."""
        return int(self._line())

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the process ended"
        return line

    def close(self) -> None:
        """End."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(20)


@pytest.fixture
def children() -> Iterator[Children]:
    made = Children()
    yield made
    made.close()


def kill_at(held: Site, children: Children, number: int, delay_s: float) -> None:
    """Begin a run, and kill it when it has sent so many requests, a moment later."""
    found: list[int] = []
    ready, struck = threading.Event(), threading.Event()

    def strike() -> None:
        ready.wait(10)
        threading.Timer(delay_s, lambda: os.kill(found[0], signal.SIGKILL)).start()
        struck.set()

    script = held.server.misbehave(None, faults.act(strike), requests={number})
    found.append(children.start(held))
    ready.set()
    status = children.end()
    script.stop()
    if struck.is_set():
        assert os.WIFSIGNALED(status) or status == 0
    # Requests that the dead process had sent are still read by the server.
    seen = -1
    while seen != len(held.server.requests) or any(
        one.last_byte is None for one in held.server.requests
    ):
        seen = len(held.server.requests)
        time.sleep(0.02)


def files_of(log: list[Any]) -> list[str]:
    return [one.path for one in log if one.kind == "file"]


def test_kill_at_fifty_points_then_a_second_run(tmp_path: Path, children: Children) -> None:
    draw = random.Random(20240202)
    with site(tmp_path, COUNT) as held:
        undisturbed = [one.frame for one in held.collect(MEASUREMENTS)]
        total = len(held.log)
        assert total > 3 * COUNT
        killed = 0
        for point in range(POINTS):
            shutil.rmtree(held.folder)
            held.server.clear_log()
            # The points are spread over the run, each at random within its part of it.
            number = 1 + int((point + draw.random()) * total / POINTS)
            kill_at(held, children, number, draw.choice([0.0, 0.001, 0.004, 0.01]))
            first = files_of(held.server.requests)
            killed += len(first) < 3 * COUNT or len(held.server.requests) < total
            again = held.collect(MEASUREMENTS)
            second = held.fetched
            # What was under way when the process died has not come: eight at most.
            assert len(set(first) & set(second)) <= 8
            assert len(set(second)) == len(second)
            assert set(first) | set(second) == {
                one.path for one in held.server.requests if one.kind == "file"
            }
            for mine, whole in zip(again, undisturbed, strict=True):
                assert mine.report.complete
                assert mine.frame.equals(whole), f"after {number} requests"
            assert_values_true(again[0], held, range(COUNT))
            held.collect(MEASUREMENTS, verify="fast")
            assert sum(held.asked.values()) <= 2
        assert killed > POINTS * 0.8


def test_what_had_come_is_not_asked_for_again(tmp_path: Path, children: Children) -> None:
    """One request at a time: then at most one file is in doubt."""
    with site(tmp_path, COUNT, latency_s=0.002) as held:
        for number in (12, 25, 40):
            shutil.rmtree(held.folder, ignore_errors=True)
            held.server.clear_log()
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("NEARLINE_MAX_REQUESTS", "1")
                one_by_one = Children()
            kill_at(held, one_by_one, number, 0.0)
            first = files_of(held.server.requests)
            one_by_one.close()
            held.collect(MEASUREMENTS)
            assert len(set(first) & set(held.fetched)) <= 1
            assert len(set(first) | set(held.fetched)) == 3 * COUNT
