"""Forked children read on their own; processes that share a cache fetch a piece once."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fetch.conftest import CONTENT, Open
from nearline.ranges import ByteRange
from nearline.testing import RangeServer, faults

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks") if os.name == "nt" else []

RANGES = [ByteRange(n, n + 10_000) for n in range(300_000, 2_900_000, 200_000)]
EXPECTED = [CONTENT[a:b] for a, b in RANGES]
GO = " ".join(str(span.start) for span in RANGES) + "\n"


def in_child(work: object) -> None:
    """Run a callable in a forked child, which must end well and in time."""
    child = multiprocessing.get_context("fork").Process(target=work)  # type: ignore[arg-type]
    child.start()
    child.join(60)
    if child.is_alive():
        child.kill()
    assert child.exitcode == 0


@pytest.mark.parametrize("cache", ["disk", "memory", "off"])
def test_reader_works_on_in_a_forked_child(open_reader: Open, cache: str) -> None:
    reader = open_reader(cache=cache)
    reader.read_many(RANGES[:3])

    def work() -> None:
        assert [bytes(view) for view in reader.read_many(RANGES)] == EXPECTED

    in_child(work)
    assert [bytes(view) for view in reader.read_many(RANGES)] == EXPECTED


def test_child_forked_while_other_threads_fetch_reads_on_its_own(
    server: RangeServer, open_reader: Open
) -> None:
    reader = open_reader(cache="off")
    server.misbehave("/a", faults.stall(0.2))
    thread = threading.Thread(target=reader.read_many, args=(RANGES,))
    thread.start()
    while len(server.requests) < 4:
        time.sleep(0.01)

    def work() -> None:
        assert [bytes(view) for view in reader.read_many(RANGES)] == EXPECTED

    in_child(work)
    thread.join()


def test_stream_begun_before_a_fork_is_finished_in_the_child(open_reader: Open) -> None:
    stream = open_reader(cache="off", max_requests=2).stream(RANGES)
    found = dict([next(stream)])

    def work() -> None:
        found.update(stream)
        assert [bytes(found[i]) for i in range(len(RANGES))] == EXPECTED

    in_child(work)


READ = """
import sys
from pathlib import Path
from nearline.fetch.reader import Reader
from nearline.ranges import ByteRange
from nearline.settings import Settings
from nearline.storage.http import HttpSource

reader = Reader(HttpSource(sys.argv[1]), Settings(cache_dir=Path(sys.argv[2])))
print("ready", flush=True)
starts = sys.stdin.readline()
ranges = [ByteRange(int(n), int(n) + 10_000) for n in starts.split()]
for view in reader.read_many(ranges):
    sys.stdout.write(bytes(view).hex())
"""


def started(command: list[str]) -> subprocess.Popen[str]:
    """Return a process that has opened the object and waits to be told what to read."""
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def tell(child: subprocess.Popen[str], starts: str) -> None:
    assert child.stdin is not None
    child.stdin.write(starts)
    child.stdin.flush()


def test_ten_processes_fetch_a_piece_once(server: RangeServer, tmp_path: Path) -> None:
    command = [sys.executable, "-c", READ, server.url("/a"), str(tmp_path / "cache")]
    children = [started(command) for _ in range(10)]
    server.clear_log()
    # Slow answers, so that all ask before the first has been answered.
    server.misbehave("/a", faults.stall(0.5))
    for child in children:
        tell(child, GO)
    found = {child.communicate(timeout=120)[0] for child in children}
    assert found == {b"".join(EXPECTED).hex()}
    assert Counter(request.range for request in server.requests).most_common(1)[0][1] == 1
    assert server.sent == sum(span.length for span in RANGES)


def test_what_was_given_up_holds_no_other_process_up(
    server: RangeServer, open_reader: Open, tmp_path: Path
) -> None:
    reader = open_reader()
    server.clear_log()
    server.misbehave("/a", faults.fail(503, retry_after=50))
    ahead = reader.ahead(RANGES)
    while len(server.requests) < len(RANGES):
        time.sleep(0.01)
    ahead.release()
    server.behave()
    command = [sys.executable, "-c", READ, server.url("/a"), str(tmp_path / "cache")]
    done = subprocess.run(command, input=GO, capture_output=True, text=True, timeout=25, check=True)
    assert done.stdout == "ready\n" + b"".join(EXPECTED).hex()


@contextmanager
def fetching(server: RangeServer, cache: Path, starts: str, requests: int) -> Iterator[Any]:
    """Give another process whose requests, all of them sent, get no answer."""
    with started([sys.executable, "-c", READ, server.url("/a"), str(cache)]) as child:
        server.clear_log()
        server.misbehave("/a", faults.stall())
        tell(child, starts)
        while len(server.requests) < requests:
            time.sleep(0.01)
        server.behave()
        yield child


def test_process_that_dies_while_it_fetches_holds_nobody_up(
    server: RangeServer, open_reader: Open, tmp_path: Path
) -> None:
    reader = open_reader()
    with fetching(server, tmp_path / "cache", GO, len(RANGES)) as child:
        threading.Timer(1.0, child.kill).start()
        assert [bytes(view) for view in reader.read_many(RANGES)] == EXPECTED


def test_gap_that_another_process_is_fetching_is_fetched_across(
    server: RangeServer, open_reader: Open, tmp_path: Path
) -> None:
    reader = open_reader()
    with fetching(server, tmp_path / "cache", "1010000\n", 1) as child:
        around = [ByteRange(950_000, 1_010_000), ByteRange(1_020_000, 1_080_000)]
        found = reader.read_many(around)
        assert [bytes(view) for view in found] == [CONTENT[a:b] for a, b in around]
        assert [request.range for request in server.requests[1:]] == ["bytes=950000-1079999"]
        child.kill()
