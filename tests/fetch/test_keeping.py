"""What is fetched is written to the cache while nobody waits, and is there all the same."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from nearline.cache.disk import DiskStore
from nearline.fetch.engine import engine
from nearline.fetch.keeper import Keeper, keeper
from nearline.fetch.reader import Reader
from nearline.ranges import ByteRange, total
from nearline.settings import Settings
from nearline.storage.http import HttpSource
from nearline.testing import RangeServer

from .conftest import CONTENT, Open

READ_AND_LEAVE = """
import sys
from pathlib import Path
from nearline.fetch.reader import Reader
from nearline.settings import Settings
from nearline.storage.http import HttpSource
reader = Reader(HttpSource(sys.argv[1]), Settings(cache_dir=Path(sys.argv[2])))
for start in range(0, reader.size, 100_000):
    reader.read(start, min(start + 100_000, reader.size))
reader.keep("frames", b"index")
"""


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Let nothing be written before the event is set."""
    go = threading.Event()
    write = DiskStore._store

    def later(*args: object) -> None:
        assert go.wait(20)
        write(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(DiskStore, "_store", later)
    return go


def test_readers_do_not_wait_for_the_disk(
    server: RangeServer, open_reader: Open, slow_disk: threading.Event
) -> None:
    reader = open_reader()
    reader.keep("frames", b"index")
    assert bytes(reader.read(1_000_000, 2_000_000)) == CONTENT[1_000_000:2_000_000]
    assert reader.artefact("frames") == b"index"
    slow_disk.set()


def test_what_waits_to_be_written_is_not_asked_for_again(
    server: RangeServer, open_reader: Open, slow_disk: threading.Event
) -> None:
    open_reader().read(1_000_000, 2_000_000)
    server.clear_log()
    reader = open_reader()
    assert bytes(reader.read(1_500_000, 1_600_000)) == CONTENT[1_500_000:1_600_000]
    assert bytes(reader.read(1000, 2000)) == CONTENT[1000:2000]
    assert server.sent == 0
    slow_disk.set()


def test_prefix_leaves_memory_once_it_is_kept(open_reader: Open) -> None:
    reader = open_reader()
    assert bytes(reader.prefix) == CONTENT[: 256 << 10]
    assert keeper().drain(20)
    assert reader._prefix.in_memory is None
    assert bytes(reader.prefix) == CONTENT[: 256 << 10]


def test_process_that_leaves_at_once_leaves_all_it_read(
    server: RangeServer, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", READ_AND_LEAVE, server.url("/a"), str(tmp_path / "cache")]
    subprocess.run(command, check=True, timeout=60)
    server.clear_log()
    reader = Reader(HttpSource(server.url("/a")), Settings(cache_dir=tmp_path / "cache"))
    assert bytes(reader.read(0, reader.size)) == CONTENT
    assert reader.artefact("frames") == b"index"
    assert server.sent == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_fork_waits_for_what_waits(server: RangeServer, open_reader: Open) -> None:
    open_reader().read(1_000_000, 2_000_000)
    child = os.fork()
    if not child:
        held = open_reader()._version.held(ByteRange(1_000_000, 2_000_000))
        os._exit(0 if total(held) == 1_000_000 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_scan_of_an_object_claims_it_once(
    server: RangeServer, open_reader: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed: list[list[ByteRange]] = []
    claim = DiskStore.claim

    def counted(self: DiskStore, version: object, wanted: list[ByteRange]) -> object:
        claimed.append(list(wanted))
        return claim(self, version, wanted)  # type: ignore[arg-type]

    monkeypatch.setattr(DiskStore, "claim", counted)
    reader = open_reader()
    assert b"".join(reader.scan(300_000, reader.size, window=100_000)) == CONTENT[300_000:]
    assert claimed == [[ByteRange(300_000, reader.size)]]


def test_work_waits_for_a_pause_and_no_longer_than_its_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(type(engine()), "busy", property(lambda _: True))
    monkeypatch.setattr("nearline.fetch.keeper._OLDEST_S", 60.0)
    done: list[int] = []
    one = Keeper(bound=250)
    for n in range(2):
        one.add(lambda n=n: done.append(n), 100)  # type: ignore[misc]
    time.sleep(0.1)
    assert done == []
    one.add(lambda: done.append(2), 100)
    while not done:
        time.sleep(0.001)
    time.sleep(0.1)
    assert done == [0]  # until no more than its bound waits
    assert one.drain(20)
    assert done == [0, 1, 2]


def test_work_that_fails_stops_nothing() -> None:
    done: list[int] = []
    one = Keeper(bound=0)
    one.add(lambda: 1 // 0, 1)
    one.add(lambda: done.append(1), 1)
    assert one.drain(20)
    assert done == [1]
