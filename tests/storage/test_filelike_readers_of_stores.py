"""Open files of the libraries of stores: read concurrently, held to a version, after a fork."""

from __future__ import annotations

import gzip
import pickle
import time
from typing import Any

import fsspec
import pytest

from nearline.errors import (
    AccessDenied,
    NotFound,
    NotPicklable,
    ObjectChanged,
)
from nearline.provenance import Validator
from nearline.storage.readers.google_media import BlobSource, GcsfsSource
from nearline.storage.readers.pinned import Pinned
from nearline.storage.readers.s3fs import S3fsSource
from nearline.storage.readers.serial import SerialSource
from nearline.storage.resolve import resolve
from nearline.testing import RangeServer
from storage.forking import in_forked_child
from storage.handed_in import CONTENT, body, check

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


# --- after a fork ----------------------------------------------------------------------


def test_a_signed_s3fs_file_in_a_forked_child_raises_and_never_hangs(
    stored: tuple[Any, str],
) -> None:
    server, key = stored
    with s3(server).open(key, "rb") as reader:
        source = resolve(reader)
    body(source.read(0, 10))
    said = in_forked_child(lambda: body(source.read(5, 9)).hex())
    assert said.startswith("UnsafeAfterFork: ")
    assert "spawn" in said


def test_an_anonymous_s3fs_file_is_read_in_a_forked_child(stored: tuple[Any, str]) -> None:
    server, key = stored
    with s3(server, anon=True).open(key, "rb") as reader:
        source = resolve(reader)
    body(source.read(0, 10))
    assert bytes.fromhex(in_forked_child(lambda: body(source.read(5, 9)).hex())) == CONTENT[5:9]


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
        assert bytes.fromhex(in_forked_child(lambda: body(source.read(5, 9)).hex())) == CONTENT[5:9]
        assert settled_connections(server) == begun + 1
