"""Open files of other libraries: which are understood, and how they are read."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import signal
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from nearline.errors import (
    AccessDenied,
    InvalidOption,
    NotFound,
    NotPicklable,
    ObjectChanged,
    TruncatedObject,
    UnsupportedUrl,
)
from nearline.provenance import Validator
from nearline.storage.http import HttpSource
from nearline.storage.local import LocalSource
from nearline.storage.memory import MemorySource
from nearline.storage.readers.filelike import SerialSource
from nearline.storage.readers.fsspec import FsspecSource
from nearline.storage.readers.google_media import BlobSource, GcsfsSource
from nearline.storage.readers.pinned import Pinned
from nearline.storage.readers.s3fs import S3fsSource
from nearline.storage.resolve import resolve
from nearline.storage.source import Answer, Source
from nearline.testing import RangeServer

CONTENT = bytes(range(256)) * 8192  # 2 MiB


def body(answer: Answer) -> bytes:
    return b"".join(bytes(chunk) for chunk in answer.chunks)


def check(source: Source) -> None:
    """Hold a source against the content, from several threads."""
    ranges = [(0, 10), (1000, 70_000), (len(CONTENT) - 5, len(CONTENT) + 5), (77, None)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda r: (r, body(source.read(*r))), ranges * 4))
    for (start, stop), got in answers:
        assert got == CONTENT[start:stop]
    behind = source.read(len(CONTENT) + 100, len(CONTENT) + 200)
    assert (body(behind), behind.validator.size) == (b"", len(CONTENT))


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


# --- after a fork ----------------------------------------------------------------------


def in_forked_child(source: Source) -> str:
    """Return what reading says in a child; killed if it says nothing in 20 s."""
    out, into = os.pipe()
    child = os.fork()
    if not child:
        try:
            said = body(source.read(5, 9)).hex()
        except BaseException as error:  # noqa: BLE001 - told to the parent
            said = f"{type(error).__name__}: {error}"
        os.write(into, said.encode())
        os._exit(0)
    os.close(into)
    killer = threading.Timer(20, os.kill, (child, signal.SIGKILL))
    killer.start()
    try:
        with os.fdopen(out, "rb") as pipe:
            return pipe.read().decode() or "hung"
    finally:
        killer.cancel()
        os.waitpid(child, 0)


def test_an_open_file_is_not_shared_with_a_forked_child() -> None:
    source = resolve(Watched(CONTENT))
    body(source.read(0, 10))
    assert in_forked_child(source).startswith("UnsafeAfterFork: ")
    assert body(source.read(5, 9)) == CONTENT[5:9]


def test_a_signed_s3fs_file_in_a_forked_child_raises_and_never_hangs(
    stored: tuple[Any, str],
) -> None:
    server, key = stored
    with s3(server).open(key, "rb") as reader:
        source = resolve(reader)
    body(source.read(0, 10))
    said = in_forked_child(source)
    assert said.startswith("UnsafeAfterFork: ")
    assert "spawn" in said


def test_an_anonymous_s3fs_file_is_read_in_a_forked_child(stored: tuple[Any, str]) -> None:
    server, key = stored
    with s3(server, anon=True).open(key, "rb") as reader:
        source = resolve(reader)
    body(source.read(0, 10))
    assert bytes.fromhex(in_forked_child(source)) == CONTENT[5:9]


def settled_connections(server: RangeServer) -> int:
    """Count connections once the client, which asks for the bucket by itself, is done."""
    while True:
        before = server.connections
        time.sleep(0.7)
        if server.connections == before:
            return before


def test_a_blob_reader_is_read_in_a_forked_child_over_its_own_connections() -> None:
    with RangeServer() as server:
        server.put(MEDIA, CONTENT, generation="41")
        source = resolve(blob_of(server))
        body(source.read(0, 10))
        begun = settled_connections(server)
        assert bytes.fromhex(in_forked_child(source)) == CONTENT[5:9]
        assert settled_connections(server) == begun + 1


# --- S3 through s3fs ------------------------------------------------------------------


@pytest.fixture
def stored(moto_server: Any) -> tuple[Any, str]:
    bucket = moto_server.make_bucket(public=True)
    moto_server.put(bucket, "a b/k.dcm", CONTENT)
    return moto_server, f"{bucket}/a b/k.dcm"


def s3(server: Any, **options: Any) -> Any:
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    given = options or {"key": server.access_key, "secret": server.secret_key}
    return s3fs.S3FileSystem(endpoint_url=server.endpoint, **given)


def test_the_documented_s3fs_file_is_read_unsigned_and_concurrently(
    stored: tuple[Any, str],
) -> None:
    server, key = stored
    files = s3(server, anon=True, default_block_size=500_000, use_ssl=False)
    with files.open(key, mode="rb") as reader:
        source = resolve(reader)
    assert isinstance(source, Pinned)
    assert not source.signed
    assert source.concurrent
    options = server.anonymous_options
    assert source.identity == resolve(f"s3://{key}", storage_options=options).identity
    check(source)
    check(pickle.loads(pickle.dumps(source)))


def test_a_signed_s3fs_file_is_read_by_its_own_client(radosgw: Any) -> None:
    bucket = radosgw.make_bucket()
    radosgw.put(bucket, "a b/k.dcm", CONTENT)
    with s3(radosgw).open(f"{bucket}/a b/k.dcm", mode="rb") as reader:
        source = resolve(reader)
    assert isinstance(source, S3fsSource)
    assert source.signed
    assert source.concurrent
    check(source)
    known = source.read(0, 1).validator
    assert known.etag == radosgw.client().head_object(Bucket=bucket, Key="a b/k.dcm")["ETag"]
    assert source.read(0, 10, unless=known).kind == "unchanged"
    check(pickle.loads(pickle.dumps(source)))


@pytest.mark.parametrize("anon", [True, False])
def test_an_s3fs_file_keeps_the_version_it_was_opened_on(
    stored: tuple[Any, str], anon: bool
) -> None:
    server, key = stored
    files = s3(server, anon=True) if anon else s3(server)
    with files.open(key, mode="rb") as reader:
        source = resolve(reader)
        bucket, _, name = key.partition("/")
        server.put(bucket, name, CONTENT[::-1])
        with pytest.raises(ObjectChanged):
            source.read(0, 10)
        with pytest.raises(ObjectChanged):
            source.read(0, 10, unless=Validator(etag='"something older"'))
        server.client().delete_object(Bucket=bucket, Key=name)
        with pytest.raises(ObjectChanged):
            source.read(0, 10)


def test_an_s3fs_file_opened_for_a_version_is_read_serially(moto_server: Any) -> None:
    bucket = moto_server.make_bucket(versioned=True)
    first = moto_server.put(bucket, "k", CONTENT)["VersionId"]
    moto_server.put(bucket, "k", b"newer")
    options = {"key": "k", "secret": "s", "version_aware": True}
    with s3(moto_server, **options).open(f"{bucket}/k", "rb", version_id=first) as reader:
        source = resolve(reader)
        assert isinstance(source, SerialSource)
        check(source)


def test_an_s3fs_file_through_a_cache_is_read_serially(stored: tuple[Any, str]) -> None:
    server, key = stored
    url = f"simplecache::s3://{key}"
    with fsspec.open(url, "rb", s3=server.anonymous_options) as reader:
        source = resolve(reader)
        assert not isinstance(source, Pinned | S3fsSource)
        check(source)


def test_s3fs_errors_become_ours(radosgw: Any) -> None:
    bucket = radosgw.make_bucket()
    radosgw.put(bucket, "k", CONTENT)
    with s3(radosgw).open(f"{bucket}/k", "rb") as reader:
        source = resolve(reader)
    assert isinstance(source, S3fsSource)
    source._version = Validator()
    stranger = dict(zip(("key", "secret"), radosgw.stranger, strict=True))
    source._filesystem = s3(radosgw, **stranger)
    with pytest.raises(AccessDenied, match=f"s3://{bucket}/k") as caught:
        source.read(0, 1)
    assert caught.value.__context__ is None
    source._filesystem, source._key = s3(radosgw), "none"
    with pytest.raises(NotFound, match="s3://"):
        source.read(0, 1)


# --- Google ----------------------------------------------------------------------------


@pytest.fixture
def google(gcs_emulator: Any) -> tuple[Any, str]:
    bucket = gcs_emulator.make_bucket()
    gcs_emulator.put(bucket, "a b/ü.dcm", CONTENT)
    return gcs_emulator, bucket


def test_the_documented_blob_reader_is_read_concurrently(google: tuple[Any, str]) -> None:
    server, bucket = google
    blob = server.client().bucket(bucket).blob("a b/ü.dcm")
    with blob.open(mode="rb", chunk_size=500_000) as reader:
        source = resolve(reader)
        assert isinstance(source, BlobSource)
        assert source.concurrent
        assert not source.signed
        check(source)
    check(source)
    with pytest.raises(NotPicklable, match="URL"):
        pickle.dumps(source)


def test_a_missing_blob_is_not_found(google: tuple[Any, str]) -> None:
    server, bucket = google
    with server.client().bucket(bucket).blob("none").open("rb") as reader:
        source = resolve(reader)
    with pytest.raises(NotFound, match=f"gs://{bucket}/none"):
        source.read(0, 1)


def blob_of(server: RangeServer, *, generation: int | None = None, **arguments: Any) -> Any:
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import storage

    client = storage.Client(
        project="tests",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": server.url("").rstrip("/")},
    )
    return client.bucket("bucket").blob("k", generation=generation).open("rb", **arguments)


MEDIA = "/download/storage/v1/b/bucket/o/k"


def test_a_blob_reader_keeps_its_generation() -> None:
    with RangeServer() as server:
        server.put(MEDIA, CONTENT, generation="41")
        for reader in (
            blob_of(server),
            blob_of(server, generation=41),
            blob_of(server, if_generation_match=41),
        ):
            source = resolve(reader)
            told = source.read(0, 10).validator
            assert (told.generation, told.size) == ("41", len(CONTENT))
            server.put(MEDIA, CONTENT[::-1], generation="42")
            with pytest.raises(ObjectChanged):
                source.read(0, 10)
            server.put(MEDIA, CONTENT, generation="41")


def test_the_generation_goes_into_the_request() -> None:
    with RangeServer() as server:
        server.put(MEDIA, CONTENT, generation="41")
        body(resolve(blob_of(server, generation=41)).read(0, 10))
        # Opening has the client ask for the bucket as well.
        media = [one.target for one in server.requests if one.path == MEDIA]
        assert len(media) == 1
        assert "ifGenerationMatch=41" in media[0]


def test_a_blob_stored_compressed_is_read_serially_and_decompressed() -> None:
    packed = gzip.compress(CONTENT, 1)
    with RangeServer() as server:
        headers = {"Content-Encoding": "gzip", "x-goog-stored-content-encoding": "gzip"}
        server.put(MEDIA, packed, generation="41", headers=headers)
        reader = blob_of(server)
        # The size that the reader seeks with; the service tells it with the metadata.
        reader._blob._properties["size"] = str(len(CONTENT))
        source = resolve(reader)
        assert isinstance(source, BlobSource)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(reader), "read", lambda self, size=-1: CONTENT[self._pos :][:size])
            patch.setattr(
                type(reader),
                "seek",
                lambda self, pos, whence=0: (
                    setattr(self, "_pos", pos if whence == 0 else len(CONTENT) + pos) or self._pos
                ),
            )
            patch.setattr(type(reader), "tell", lambda self: self._pos)
            assert body(source.read(1000, 2000)) == CONTENT[1000:2000]


def test_a_blob_reader_at_an_offset_is_read_serially(google: tuple[Any, str]) -> None:
    server, bucket = google
    with server.client().bucket(bucket).get_blob("a b/ü.dcm").open("rb") as reader:
        reader.read(100)
        source = resolve(reader)
        assert isinstance(source, SerialSource)
        assert body(source.read(0, 10)) == CONTENT[100:110]


def test_a_gcsfs_file_is_read_by_its_own_filesystem(google: tuple[Any, str]) -> None:
    import gcsfs

    server, bucket = google
    files = gcsfs.GCSFileSystem(**server.storage_options)
    with files.open(f"{bucket}/a b/ü.dcm", "rb", block_size=500_000) as reader:
        source = resolve(reader)
    assert isinstance(source, GcsfsSource)
    assert source.concurrent
    check(source)
    check(pickle.loads(pickle.dumps(source)))


def test_a_gcsfs_file_keeps_its_generation() -> None:
    import gcsfs

    with RangeServer() as server:
        server.put(MEDIA, CONTENT, generation="41")
        files = gcsfs.GCSFileSystem(token="anon", endpoint_url=server.url("").rstrip("/"))
        source = GcsfsSource(
            files, "bucket", "k", Validator(size=len(CONTENT), generation="41"), signed=False
        )
        assert body(source.read(5, 9)) == CONTENT[5:9]
        assert "ifGenerationMatch=41" in server.requests[0].target
        server.put(MEDIA, CONTENT[::-1], generation="42")
        with pytest.raises(ObjectChanged):
            source.read(0, 10)


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
