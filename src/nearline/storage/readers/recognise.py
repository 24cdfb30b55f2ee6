"""Readers of other libraries that are understood exactly, and the sources that they become.

A reader is recognised by its very class, never by a base class: a subclass may
do anything to the bytes. Its library is in `sys.modules` already, so nothing is
imported to look.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable
from typing import Any

from nearline.provenance import Validator
from nearline.storage.http import HttpSource, unsigned_gcs, unsigned_s3
from nearline.storage.local import LocalSource
from nearline.storage.memory import MemorySource
from nearline.storage.readers.azure_blob import AdlfsSource, BlobClientSource
from nearline.storage.readers.fsspec import FsspecSource, known_by
from nearline.storage.readers.google_media import BlobSource, GcsfsSource
from nearline.storage.readers.pinned import Pinned
from nearline.storage.readers.s3fs import BotoSource, S3fsSource
from nearline.storage.readers.serial import SerialSource
from nearline.storage.source import Source

__all__ = ["recognise"]

_GOOGLE = "https://storage.googleapis.com"


def recognise(handle: Any, name: str) -> Source | None:
    """Return a source that reads an open file's object by better means, or None.

    None means that the file is not understood exactly: of another class,
    compressed, wrapped, opened for a version, or not at its beginning.
    """
    kind = type(handle)
    reader = _READERS.get(f"{kind.__module__}.{kind.__qualname__}")
    return reader(handle, name) if reader else None


# --- this machine -----------------------------------------------------------------


def _builtin(handle: Any, name: str) -> Source | None:  # noqa: ARG001 - one signature for all
    raw = handle.raw if isinstance(handle, (io.BufferedReader, io.BufferedRandom)) else handle
    if type(raw) is not io.FileIO or not handle.seekable() or handle.tell() != 0:
        return None
    return _same_file(raw.name, raw.fileno())


def _local_opener(handle: Any, name: str) -> Source | None:  # noqa: ARG001
    if handle.compression or handle.mode != "rb" or handle.tell() != 0:
        return None
    return _same_file(handle.path, handle.f.fileno())


def _same_file(path: object, descriptor: int) -> Source | None:
    """Return the file of a path if it is still the one that is open."""
    if not isinstance(path, (str, bytes)):
        return None
    try:
        opened, now = os.fstat(descriptor), os.stat(path)
    except OSError:
        return None
    if not stat.S_ISREG(now.st_mode) or (opened.st_dev, opened.st_ino) != (now.st_dev, now.st_ino):
        return None
    return LocalSource(os.path.abspath(os.fsdecode(path)))


def _in_memory(handle: Any, name: str) -> Source:
    content = handle.getvalue()
    return MemorySource(memoryview(content)[handle.tell() :], name)


# --- S3 ----------------------------------------------------------------------------


def _s3fs(handle: Any, name: str) -> Source | None:  # noqa: ARG001
    filesystem = handle.fs
    if (
        f"{type(filesystem).__module__}.{type(filesystem).__qualname__}" != "s3fs.core.S3FileSystem"
        or handle.mode != "rb"
        or handle.version_id
        or handle.loc != 0
        or filesystem.asynchronous
    ):
        return None
    version = _s3_version(handle)
    client = filesystem.s3
    if filesystem.anon and not filesystem.s3_additional_kwargs and not handle.req_kw:
        source = unsigned_s3(
            handle.bucket,
            handle.key,
            endpoint=client.meta.endpoint_url,
            region=client.meta.region_name,
        )
        return Pinned(source, version) if version.pins else source
    return S3fsSource(
        filesystem, handle.bucket, handle.key, version, requester_pays=bool(handle.req_kw)
    )


def _s3_version(handle: Any) -> Validator:
    """Return the version that an s3fs file sends its IfMatch for."""
    details = handle.details or {}
    etag = handle.read_kw.get("IfMatch") or details.get("ETag")
    size = details.get("size")
    return Validator(size=size if isinstance(size, int) else None, etag=etag)


def _boto(handle: Any, name: str) -> Source | None:  # noqa: ARG001
    """Recognise files of smart_open: its client adds what the user passed with each request."""
    if handle._version_id or handle.tell() != 0:
        return None
    client = handle._client
    meta = client.client.meta
    unsigned = type(meta.config.signature_version).__module__ == "botocore"
    return BotoSource(
        client,
        handle._raw_reader._bucket,
        handle._raw_reader._key,
        signed=not unsigned,
        endpoint=str(meta.endpoint_url),
    )


def _wrapped(handle: Any, name: str) -> Source | None:
    """Look into smart_open's wrapper: what is decompressed on the way is of another class."""
    return recognise(handle.__wrapped__, name)


# --- Azure -----------------------------------------------------------------------------


def _adlfs(handle: Any, name: str) -> Source | None:  # noqa: ARG001
    filesystem = handle.fs
    kind = f"{type(filesystem).__module__}.{type(filesystem).__qualname__}"
    if (
        kind != "adlfs.spec.AzureBlobFileSystem"
        or handle.mode != "rb"
        or handle.version_id
        or handle.loc != 0
        or filesystem.asynchronous
    ):
        return None
    # adlfs describes a file without the quotes of its ETag, in listings.
    etag = (handle.details or {}).get("etag")
    size = (handle.details or {}).get("size")
    quoted = etag if not etag or etag.startswith(('"', "W/")) else f'"{etag}"'
    version = Validator(size=size if isinstance(size, int) else None, etag=quoted)
    return AdlfsSource(filesystem, handle.container_name, handle.blob, version)


def _blob_client(handle: Any, name: str) -> Source | None:  # noqa: ARG001
    client = handle._blob
    kind = f"{type(client).__module__}.{type(client).__qualname__}"
    if (
        kind != "azure.storage.blob._blob_client.BlobClient"
        or client.snapshot
        or client.version_id
        or handle.tell() != 0
    ):
        return None
    return BlobClientSource(client, handle._size)


# --- Google Cloud Storage --------------------------------------------------------------


_GENERATION_ARGUMENTS = {"if_generation_match", "timeout", "raw_download", "single_shot_download"}


def _blob_reader(handle: Any, name: str) -> Source | None:
    blob = handle._blob
    arguments = handle._download_kwargs
    if (
        handle._pos + handle._buffer.tell() != 0
        or not set(arguments) <= _GENERATION_ARGUMENTS
        or getattr(blob, "_encryption_key", None)
        or blob.content_encoding
    ):
        return None
    client = blob.client
    generation = arguments.get("if_generation_match") or blob.generation
    version = Validator(size=blob.size, generation=str(generation) if generation else None)
    if _is_anonymous(client) and client.api_endpoint == _GOOGLE and not blob.user_project:
        source = unsigned_gcs(blob.bucket.name, blob.name)
        return Pinned(source, version) if version.pins else source
    return BlobSource(
        handle, lambda: SerialSource(handle, name), version, signed=not _is_anonymous(client)
    )


def _is_anonymous(client: Any) -> bool:
    return type(getattr(client, "_credentials", None)).__name__ == "AnonymousCredentials"


def _gcsfs(handle: Any, name: str) -> Source | None:  # noqa: ARG001
    filesystem = handle.fs
    kind = f"{type(filesystem).__module__}.{type(filesystem).__qualname__}"
    if (
        kind not in ("gcsfs.core.GCSFileSystem", "gcsfs.extended_gcsfs.ExtendedGcsFileSystem")
        or handle.mode != "rb"
        or handle.loc != 0
        or filesystem.asynchronous
    ):
        return None
    details = handle.details
    if details.get("contentEncoding"):
        return None
    generation = handle.generation or details.get("generation")
    version = Validator(size=handle.size, generation=str(generation) if generation else None)
    anonymous = filesystem.credentials.token == "anon" or filesystem.credentials.credentials is None  # noqa: S105
    if anonymous and filesystem._location == _GOOGLE and not filesystem.requester_pays:
        source = unsigned_gcs(handle.bucket, handle.key)
        return Pinned(source, version) if version.pins else source
    return GcsfsSource(filesystem, handle.bucket, handle.key, version, signed=not anonymous)


# --- other filesystems -------------------------------------------------------------------


def _http(handle: Any, name: str) -> Source | None:
    filesystem = handle.fs
    own = {**handle.kwargs}
    if handle.mode != "rb" or handle.loc != 0 or not set(own) <= {"headers"}:
        return None
    if filesystem.client_kwargs or not set(filesystem.kwargs) <= {"headers"}:
        return None if own else _plain_fsspec(handle, name)
    headers = {**filesystem.kwargs.get("headers", {}), **own.get("headers", {})}
    return HttpSource(handle.url, headers=headers or None)


def _plain_fsspec(handle: Any, name: str) -> Source | None:
    """Recognise files whose bytes are those of their filesystem's `cat_file`."""
    filesystem = handle.fs
    if handle.mode != "rb" or handle.loc != 0 or getattr(filesystem, "asynchronous", False):
        return None
    return FsspecSource(filesystem, handle.path, url=name, known_by=known_by(filesystem))


_READERS: dict[str, Callable[[Any, str], Source | None]] = {
    "_io.BufferedReader": _builtin,
    "_io.BufferedRandom": _builtin,
    "_io.FileIO": _builtin,
    "_io.BytesIO": _in_memory,
    "fsspec.implementations.memory.MemoryFile": _in_memory,
    "fsspec.implementations.local.LocalFileOpener": _local_opener,
    "fsspec.implementations.http.HTTPFile": _http,
    "adlfs.spec.AzureBlobFile": _adlfs,
    "smart_open.azure.Reader": _blob_client,
    "smart_open.s3.Reader": _boto,
    "smart_open.utils.FileLikeProxy": _wrapped,
    "s3fs.core.S3File": _s3fs,
    "gcsfs.core.GCSFile": _gcsfs,
    "google.cloud.storage.fileio.BlobReader": _blob_reader,
}
