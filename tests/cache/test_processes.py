"""Processes that share a folder, and what a kill leaves."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cache.contents import content, disk, open_version, url
from cache.safeguards import turn_off
from nearline.cache import maintenance
from nearline.cache.disk import DiskStore
from nearline.ranges import ByteRange

WORKER = Path(__file__).with_name("worker.py")


def start(what: str, **job: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", str(WORKER), what, json.dumps(job)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(processes: list[subprocess.Popen[str]]) -> tuple[list[int], str]:
    """Return exit codes and what was printed; a traceback fails the test at once."""
    printed = ""
    for one in processes:
        out, err = one.communicate(timeout=240)
        assert "Traceback" not in err, err
        printed += out
    return [one.returncode for one in processes], printed


def fetch_with_ten_processes(folder: Path, *, off: tuple[str, ...] = ()) -> Counter[str]:
    log, go = folder / "fetched", folder / "go"
    job = {"folder": str(folder / "cache"), "log": str(log), "start": str(go), "pieces": 60}
    processes = [start("fetch", **job, off=off) for _ in range(10)]
    go.touch()
    codes, _ = finish(processes)
    assert codes == [0] * 10
    return Counter(log.read_text().split())


def test_ten_cold_processes_fetch_every_piece_once(tmp_path: Path) -> None:
    fetched = fetch_with_ten_processes(tmp_path)
    assert len(fetched) == 60
    assert set(fetched.values()) == {1}


def test_that_suite_fails_without_claims(tmp_path: Path) -> None:
    fetched = fetch_with_ten_processes(tmp_path, off=("claims",))
    assert max(fetched.values()) > 1


def use_together(folder: Path, *, off: tuple[str, ...] = (), seconds: float = 6.0) -> list[int]:
    go = folder / "go"
    roles = ["evictor", "writer", "writer", "reader", "reader"]
    job = {"folder": str(folder / "cache"), "start": str(go), "seconds": seconds, "off": off}
    processes = [
        start("use", **job, role=role, seed=seed, bound=600_000 if role == "evictor" else 1 << 30)
        for seed, role in enumerate(roles)
    ]
    go.touch()
    codes, printed = finish(processes)
    assert sum(map(int, printed.split())) > 50 or off
    return codes


def test_evictor_beside_readers_and_writers_never_gives_a_wrong_byte(tmp_path: Path) -> None:
    assert use_together(tmp_path) == [0] * 5
    assert maintenance.verify(tmp_path / "cache").sound


def test_that_suite_fails_when_pack_ids_return_and_nothing_is_checked(tmp_path: Path) -> None:
    off = ("ids", "checksums")
    attempts = [tmp_path / str(number) for number in range(4)]
    for one in attempts:
        one.mkdir()
    assert any(1 in use_together(one, off=off, seconds=4.0) for one in attempts)


def write_together(folder: Path) -> int:
    go = folder / "go"
    job = {"folder": str(folder / "cache"), "start": str(go), "seconds": 2.0}
    processes = [start("use", **job, role="writer", seed=n, bound=1 << 30) for n in range(4)]
    go.touch()
    finish(processes)
    return len(maintenance.verify(folder / "cache").damaged)


def test_no_two_processes_write_one_pack(tmp_path: Path) -> None:
    assert write_together(tmp_path) == 0


LOOK = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from cache.contents import content, disk, open_version, url
from nearline.ranges import ByteRange
store = disk(Path(sys.argv[2]))
for number in range(int(sys.argv[3])):
    found = store.get(open_version(store, url(number)), ByteRange(0, 9000))
    assert found == content(url(number), 0, 9000), number
store.close()
"""


def test_process_that_ends_takes_nothing_from_those_that_go_on(tmp_path: Path) -> None:
    store = disk(tmp_path)
    for number in range(1, 4):
        version = open_version(store, url(number - 1))
        assert store.held(version, ByteRange(0, 9000)) == []  # reads and writes are under way
        store.put(version, 0, content(url(number - 1), 0, 9000))
        store.flush()
        command = [sys.executable, "-c", LOOK, str(WORKER.parents[1]), str(tmp_path), str(number)]
        subprocess.run(command, check=True, timeout=60)
    store.close()


def take_turns(folder: Path) -> int:
    """Two writers, each beginning while the other has not ended."""
    first, second = disk(folder), disk(folder)
    for number, store in enumerate((first, second, first)):
        store.put(open_version(store, url(number)), 0, content(url(number), 0, 50_000))
        store.flush()
    first.close()
    second.close()
    return len(maintenance.verify(folder).damaged)


def test_pack_of_a_living_writer_is_not_taken_over(tmp_path: Path) -> None:
    assert take_turns(tmp_path) == 0
    assert maintenance.info(tmp_path).packs == 2


def test_pack_of_a_finished_writer_is_taken_over(tmp_path: Path) -> None:
    for _ in range(3):
        take_turns(tmp_path)
    assert maintenance.info(tmp_path).packs == 2


@pytest.mark.parametrize("leaves_it", [False, True])
@pytest.mark.filterwarnings("error::nearline.cache.folder.CacheWarning")
def test_new_pack_may_be_taken_over_before_its_maker_has_locked_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leaves_it: bool
) -> None:
    maker, other = disk(tmp_path), disk(tmp_path)
    lock = fcntl.flock

    def write(store: DiskStore, number: int) -> None:
        store.put(open_version(store, url(number)), 0, content(url(number), 0, 50_000))
        store.flush()

    def late_lock(fd: int, how: int) -> None:
        if how & fcntl.LOCK_NB:
            monkeypatch.undo()
            write(other, 1)
            assert len(other.packs.sizes()) == 1
            if leaves_it:
                other.close()
        lock(fd, how)

    monkeypatch.setattr(fcntl, "flock", late_lock)
    write(maker, 0)
    assert fcntl.flock is lock
    maker.close()
    other.close()
    after = disk(tmp_path)
    for number in range(2):
        version = open_version(after, url(number))
        assert after.get(version, ByteRange(0, 50_000)) == content(url(number), 0, 50_000)
    after.close()
    assert maintenance.verify(tmp_path).sound


def test_that_suite_fails_when_packs_are_taken_from_living_writers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn_off(["writers"], monkeypatch.setattr)
    assert take_turns(tmp_path) > 0


def kill(folder: Path, times: int, *, off: tuple[str, ...] = ()) -> tuple[int, int]:
    codes, printed = finish(
        [start("kills", folder=str(folder / "cache"), times=times, seed=7, off=off)]
    )
    return codes[0], int(printed or 0)


def test_two_hundred_kills_while_writing_leave_only_true_bytes(tmp_path: Path) -> None:
    code, bytes_read = kill(tmp_path, 200)
    assert code == 0
    assert bytes_read > 1_000_000
    assert maintenance.verify(tmp_path / "cache").sound


def test_that_suite_fails_when_pieces_are_recorded_before_they_are_written(
    tmp_path: Path,
) -> None:
    code, _ = kill(tmp_path, 200, off=("order", "checksums"))
    assert code == 1


@pytest.mark.parametrize("off", [("order",), ("checksums",)])
def test_checksums_and_order_each_hold_without_the_other(
    tmp_path: Path, off: tuple[str, ...]
) -> None:
    code, _ = kill(tmp_path, 40, off=off)
    assert code == 0
