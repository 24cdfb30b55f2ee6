"""Open files of other libraries: which are understood, and how they are read."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import tempfile
import threading
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from nearline.errors import (
    InvalidOption,
    NotFound,
    NotPicklable,
    ObjectChanged,
    TruncatedObject,
    UnsupportedUrl,
)
from nearline.storage.http import HttpSource
from nearline.storage.local import LocalSource
from nearline.storage.memory import MemorySource
from nearline.storage.readers.fsspec import FsspecSource
from nearline.storage.readers.serial import SerialSource
from nearline.storage.resolve import resolve
from nearline.testing import RangeServer
from storage.forking import in_forked_child
from storage.handed_in import CONTENT, body, check

# --- this machine -----------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    target = tmp_path / "k.dcm"
    target.write_bytes(CONTENT)
    return target


def test_open_local_files_are_read_in_place(path: Path) -> None:
    with (
        path.open("rb") as buffered,
        open(path, "rb", buffering=0) as raw,
        fsspec.open(f"file://{path}", "rb") as fsspecs,
    ):
        for handle in (buffered, raw, fsspecs):
            source = resolve(handle)
            assert isinstance(source, LocalSource)
            assert source.identity == resolve(path).identity
            check(source)
    # The file was only a way to say which one.
    check(source)


def test_a_local_file_that_was_replaced_is_read_as_it_was_opened(path: Path) -> None:
    with path.open("rb") as handle:
        path.unlink()
        path.write_bytes(b"another")
        source = resolve(handle)
        assert isinstance(source, SerialSource)
        check(source)


def test_deleted_and_nameless_files_are_read_serially(tmp_path: Path) -> None:
    with tempfile.TemporaryFile(dir=tmp_path) as handle:
        handle.write(CONTENT)
        handle.seek(0)
        source = resolve(handle)
        assert isinstance(source, SerialSource)
        check(source)


def test_bytes_and_bytesio_stay_in_memory() -> None:
    for target in (CONTENT, bytearray(CONTENT), memoryview(CONTENT), io.BytesIO(CONTENT)):
        source = resolve(target)
        assert isinstance(source, MemorySource)
        assert source.in_place
        check(source)
        check(pickle.loads(pickle.dumps(source)))


def test_an_object_begins_where_the_file_stands(path: Path) -> None:
    prefixed = b"prefix" + CONTENT
    path.write_bytes(prefixed)
    memory = io.BytesIO(prefixed)
    memory.seek(6)
    check(resolve(memory))
    with path.open("rb") as handle:
        handle.seek(6)
        source = resolve(handle)
        assert isinstance(source, SerialSource)
        check(source)


def test_compressed_files_are_read_decompressed(path: Path) -> None:
    packed = path.with_suffix(".gz")
    packed.write_bytes(gzip.compress(CONTENT, 1))
    with gzip.open(packed) as handle:
        check(resolve(handle))
    with fsspec.open(f"file://{packed}", "rb", compression="gzip") as handle:
        check(resolve(handle))


def test_text_mode_is_a_clear_error(path: Path) -> None:
    with path.open("r", encoding="latin-1") as handle, pytest.raises(InvalidOption, match="'rb'"):
        resolve(handle)


def test_closed_files_are_a_clear_error(path: Path) -> None:
    with path.open("rb") as handle:
        pass
    with pytest.raises(UnsupportedUrl, match="closed"):
        resolve(handle)


def test_pipes_are_a_clear_error() -> None:
    out, into = os.pipe()
    with os.fdopen(out, "rb") as handle, pytest.raises(UnsupportedUrl, match="seek"):
        resolve(handle)
    os.close(into)


def test_other_objects_are_a_clear_error() -> None:
    with pytest.raises(UnsupportedUrl, match="int"):
        resolve(5)


# --- anything with read and seek -----------------------------------------------------


class Watched:
    """A file that notices when two threads use it at once, and gives little at a time."""

    def __init__(self, content: bytes, *, piece: int = 10_000) -> None:
        self._file = io.BytesIO(content)
        self._busy = threading.Lock()
        self._piece = piece

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, offset: int, whence: int = 0) -> int:
        assert self._busy.acquire(blocking=False), "used by two threads at once"
        self._busy.release()
        return self._file.seek(offset, whence)

    def read(self, length: int = -1) -> bytes:
        assert self._busy.acquire(blocking=False), "used by two threads at once"
        try:
            return self._file.read(min(length, self._piece))
        finally:
            self._busy.release()


def test_unknown_files_are_read_one_at_a_time_and_to_the_end() -> None:
    source = resolve(Watched(CONTENT))
    assert not source.concurrent
    check(source)


def test_subclasses_of_known_files_are_not_taken_for_them() -> None:
    class Turned(io.BytesIO):
        def read(self, length: int | None = -1, /) -> bytes:
            return super().read(length)[::-1]

    source = resolve(Turned(b"abc"))
    assert isinstance(source, SerialSource)
    assert body(source.read(0, 3)) == b"cba"


def test_unknown_files_share_nothing_in_any_cache() -> None:
    first, second = Watched(CONTENT), Watched(CONTENT)
    sources = [resolve(first), resolve(first), resolve(second)]
    assert len({source.identity for source in sources}) == 3
    for source in sources:
        assert source.read(0, 10).validator.key == ""
        assert source.signed
        with pytest.raises(NotPicklable, match="URL or path"):
            pickle.dumps(source)


def test_a_file_closed_in_use_is_a_clear_error(path: Path) -> None:
    with path.open("rb") as handle:
        handle.seek(6)
        source = resolve(handle)
    with pytest.raises(UnsupportedUrl, match="'with' block"):
        source.read(0, 10)


def test_a_file_that_ends_early_never_gives_fewer_bytes_silently() -> None:
    class Lying(Watched):
        def seek(self, offset: int, whence: int = 0) -> int:
            return super().seek(offset, whence) + (100 if whence == 2 else 0)

    source = resolve(Lying(CONTENT))
    with pytest.raises(TruncatedObject):
        source.read(len(CONTENT) - 10, len(CONTENT) + 50)


def test_an_open_file_is_not_shared_with_a_forked_child() -> None:
    source = resolve(Watched(CONTENT))
    body(source.read(0, 10))
    assert in_forked_child(lambda: body(source.read(5, 9)).hex()).startswith("UnsafeAfterFork: ")
    assert body(source.read(5, 9)) == CONTENT[5:9]


# --- other filesystems --------------------------------------------------------------------


def test_an_fsspec_http_file_is_read_by_plain_requests() -> None:
    with RangeServer({"/k": CONTENT}) as server:
        with fsspec.open(server.url("/k"), "rb") as reader:
            source = resolve(reader)
        assert isinstance(source, HttpSource)
        check(source)


def test_any_other_url_is_read_through_fsspec() -> None:
    MemoryFileSystem().pipe_file("/some/k.dcm", CONTENT)
    source = resolve("memory://some/k.dcm")
    assert isinstance(source, FsspecSource)
    check(source)
    with pytest.raises(NotFound):
        resolve("memory://some/none").read(0, 1)


class Whole(MemoryFileSystem):
    """A filesystem that ignores ranges, as sshfs does."""

    protocol = "whole"
    store: ClassVar[dict[str, Any]] = {}

    def cat_file(self, path: str, start: Any = None, end: Any = None, **_: Any) -> bytes:
        return bytes(super().cat_file(path))


def test_a_filesystem_that_ignores_ranges_never_gives_wrong_bytes() -> None:
    files = Whole()
    files.pipe_file("/k", CONTENT)
    check(FsspecSource(files, "/k", url="whole://k", known_by="test"))


def test_a_file_changed_under_fsspec_is_noticed(tmp_path: Path) -> None:
    target = tmp_path / "k"
    target.write_bytes(CONTENT)
    os.utime(target, (1000, 1000))
    files = fsspec.filesystem("file")
    source = FsspecSource(files, str(target), url="other://k", known_by="test")
    pin = source.read(0, 10).validator
    assert source.read(0, 10, unless=pin).kind == "unchanged"
    target.write_bytes(CONTENT[::-1])
    os.utime(target, (2000, 2000))
    with pytest.raises(ObjectChanged):
        source.read(0, 10, pin=pin)
    target.unlink()
    with pytest.raises(ObjectChanged):
        source.read(0, 10, pin=pin)
