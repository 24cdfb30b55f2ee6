"""Trouble with the disk reaches nobody: work goes on, and one warning says why."""

# Several statements under one `pytest.warns`: one warning for all of them is the promise.
# ruff: noqa: PT031

from __future__ import annotations

import errno
import logging
import os
import shutil
import sqlite3
import subprocess
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from cache.contents import content, disk, open_version, url
from cache.safeguards import turn_off
from nearline.cache import disk as disk_module
from nearline.cache import folder as folder_module
from nearline.cache.disk import DiskStore
from nearline.cache.folder import CacheWarning
from nearline.cache.memory import MemoryStore
from nearline.cache.store import open_store
from nearline.cache.trouble import Trouble, diagnose
from nearline.ranges import ByteRange
from nearline.settings import Settings

PART = ByteRange(1000, 60_000)


@pytest.fixture(autouse=True)
def _warnings_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "_said", set())


def fill(store: DiskStore, number: int = 0) -> None:
    store.put(open_version(store, url(number)), PART.start, content(url(number), *PART))


def found(store: DiskStore, number: int = 0) -> bool:
    """Whether the part is there; a wrong byte fails the test."""
    data = store.get(open_version(store, url(number)), PART)
    assert data is None or bytes(data) == content(url(number), *PART)
    return data is not None


def the_pack(store: DiskStore) -> Path:
    (pack,) = store.packs.folder.glob("*.pack")
    return pack


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(data)


def reopened(store: DiskStore) -> DiskStore:
    store.close()
    return disk(store.folder)


def zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def shorten(path: Path) -> None:
    os.truncate(path, 30_000)


def flip_one(path: Path) -> None:
    flip(path, 40_000)


DAMAGES: list[Callable[[Path], None]] = [flip_one, zero, shorten, Path.unlink]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_piece_is_a_miss_and_is_dropped(
    tmp_path: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    store = disk(tmp_path)
    fill(store)
    store.keep(open_version(store, url(0)), "header", b"a header")
    store = reopened(store)
    damage(the_pack(store))
    with caplog.at_level(logging.WARNING, "nearline.cache"):
        assert not found(store)
    assert ("damaged piece" in caplog.text) == (damage is not Path.unlink)
    assert store.held(open_version(store, url(0)), PART) == []
    store = reopened(store)
    assert store.held(open_version(store, url(0)), PART) == []
    fill(store)
    assert found(store)
    store.close()


@pytest.mark.parametrize("damage", [flip_one, zero])
def test_damage_passes_without_checksums(
    tmp_path: Path, damage: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    turn_off(["checksums"], monkeypatch.setattr)
    store = disk(tmp_path)
    fill(store)
    store = reopened(store)
    damage(the_pack(store))
    with pytest.raises(AssertionError):
        found(store)
    store.close()


def test_damaged_artefact_is_a_miss(tmp_path: Path) -> None:
    store = disk(tmp_path)
    store.keep(open_version(store, url(0)), "header", b"a header")
    store = reopened(store)
    flip(the_pack(store), 3)
    assert store.artefact(open_version(store, url(0)), "header") is None
    store.close()


def test_row_that_points_at_another_object_is_a_miss(tmp_path: Path) -> None:
    store = disk(tmp_path)
    fill(store, 0)
    fill(store, 1)
    store.flush()
    with store.catalogue.writing() as db:
        rows = db.execute("SELECT id, position FROM pieces ORDER BY id").fetchall()
        db.execute("UPDATE pieces SET position=-1 WHERE id=?", (rows[0][0],))
        db.execute("UPDATE pieces SET position=? WHERE id=?", (rows[0][1], rows[1][0]))
    store = reopened(store)
    assert not found(store, 0)
    assert not found(store, 1)
    store.close()


@pytest.mark.parametrize("column", ["etag", "size", "checked"])
def test_damaged_version_row_is_not_believed(tmp_path: Path, column: str) -> None:
    store = disk(tmp_path)
    fill(store)
    store = reopened(store)
    with store.catalogue.writing() as db:
        db.execute(f"UPDATE versions SET {column}=12345")
    assert store.latest(url(0)) is None
    store.close()


def garbage(path: Path) -> None:
    path.write_bytes(os.urandom(8192))


def broken_pages(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    path.write_bytes(data)


def no_tables(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE pieces")
    db.close()


def emptied(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [garbage, broken_pages, no_tables])
def test_malformed_catalogue_is_set_aside(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    store = disk(tmp_path)
    fill(store)
    store.close()
    damage(store.catalogue.path)
    store = disk(tmp_path)
    with pytest.warns(CacheWarning, match="set aside"):
        assert not found(store)
    fill(store)
    assert found(store)
    store = reopened(store)
    assert found(store)
    assert len(list(store.packs.folder.glob("*.pack"))) == 1
    store.close()


def test_emptied_catalogue_begins_anew(tmp_path: Path) -> None:
    store = disk(tmp_path)
    fill(store)
    store.close()
    emptied(store.catalogue.path)
    store = disk(tmp_path)
    assert not found(store)
    fill(store)
    assert found(reopened(store))


@pytest.mark.parametrize("part", ["v1", "v1/packs", "v1/catalogue.sqlite", "."])
def test_folder_deleted_under_us_is_made_again(tmp_path: Path, part: str) -> None:
    folder = tmp_path / "cache"
    store = disk(folder)
    fill(store, 0)
    store.flush()
    target = folder / part
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    with pytest.warns(CacheWarning, match="removed") if part != "v1/packs" else _nothing():
        fill(store, 1)
        store.flush()
        fill(store, 1)
    assert found(store, 1)
    store.flush()
    assert found(reopened(store), 1)


class _nothing:  # noqa: N801
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_warns_once_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    store = disk(tmp_path)
    fill(store, 0)
    store.flush()

    def full(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.warns(CacheWarning, match="No room") as warned:
        for other in range(1, 5):
            fill(store, other)
            store.keep(open_version(store, url(other)), "header", b"h")
            store.flush()
    assert len([w for w in warned if issubclass(w.category, CacheWarning)]) == 1
    assert found(store, 0)
    assert not found(store, 1)
    monkeypatch.undo()
    store._paused_until = 0.0
    fill(store, 1)
    assert found(store, 1)
    store.close()


def test_full_file_system_is_survived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a real small file system where we may mount one, else as SQLite reports it."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", str(tmp_path)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0
    try:
        store = disk(tmp_path)
        if not mounted:

            def full(*_: object) -> int:
                raise OSError(errno.ENOSPC, "No space left on device")

            monkeypatch.setattr(os, "pwrite", full)
        with pytest.warns(CacheWarning):
            for number in range(60):
                fill(store, number)
                store.flush()
                found(store, number)
        store.close()
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def test_open_under_errors_from_warnings_does_not_raise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    warnings.simplefilter("error")
    tmp_path.chmod(0o777)
    assert isinstance(open_store(Settings(cache_dir=tmp_path), signed=False), MemoryStore)


def as_nobody(work: Callable[[], bool]) -> bool:
    """Do something as a user whom permissions bind, which they do not for root."""
    if os.geteuid() != 0:
        return work()
    child = os.fork()
    if not child:
        code = 1
        try:
            os.setgid(65534)
            os.setuid(65534)
            code = 0 if work() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_read_only_folder_means_memory_and_one_warning() -> None:
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        if os.geteuid() == 0:
            os.chown(folder, 65534, 65534)
        folder.chmod(0o500)

        def work() -> bool:
            with pytest.warns(CacheWarning, match="cannot be used") as warned:
                first = open_store(Settings(cache_dir=folder), signed=False)
                second = open_store(Settings(cache_dir=folder), signed=False)
            return isinstance(first, MemoryStore) and first is second and len(warned) == 1

        assert as_nobody(work)
    finally:
        folder.chmod(0o700)
        shutil.rmtree(folder)


def test_folder_that_becomes_read_only_is_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        if os.geteuid() == 0:
            os.chown(folder, 65534, 65534)

        def work() -> bool:
            store = disk(folder)
            fill(store, 0)
            store.close()
            for one in [*(folder / "v1").rglob("*"), folder / "v1"]:
                one.chmod(0o500 if one.is_dir() else 0o400)
            with monkeypatch.context() as patch, pytest.warns(CacheWarning) as warned:
                patch.setattr(disk_module, "prepare", lambda place: place / "v1")
                store = disk(folder)
                fill(store, 1)
                store.flush()
            (folder / "v1").chmod(0o700)
            (folder / "v1" / "packs").chmod(0o700)
            return len(warned) == 1 and found(store, 1)

        assert as_nobody(work)
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("error", "in_place", "expected"),
    [
        (OSError(errno.ENOSPC, ""), True, Trouble.FULL),
        (OSError(errno.ENOENT, ""), True, Trouble.MOVED),
        (OSError(errno.EROFS, ""), True, Trouble.HOPELESS),
        (OSError(errno.EMFILE, ""), True, Trouble.BUSY),
        (BlockingIOError(errno.EAGAIN, ""), True, Trouble.BUSY),
        (sqlite3.DatabaseError("malformed"), True, Trouble.DAMAGED),
        (sqlite3.OperationalError("no such table"), True, Trouble.DAMAGED),
    ],
)
def test_errors_call_for_what_they_mean(
    error: sqlite3.Error | OSError, in_place: bool, expected: Trouble
) -> None:
    assert diagnose(error, in_place=in_place) is expected
