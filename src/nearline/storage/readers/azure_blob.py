"""Blobs behind files of adlfs and of azure-storage-blob, read through the same client."""

from __future__ import annotations

import importlib
import os
from datetime import datetime
from email.utils import format_datetime
from typing import Any, NoReturn
from urllib.parse import urlsplit

from nearline.errors import NearlineError, NotPicklable, Unavailable, UnsafeAfterFork
from nearline.provenance import Validator
from nearline.storage.http.answer import Asked
from nearline.storage.readers.foreign import foreign
from nearline.storage.readers.held import held_to
from nearline.storage.readers.status import error_for
from nearline.storage.source import Answer, Transient
from nearline.storage.url import identity

__all__ = ["AdlfsSource", "BlobClientSource"]


class _Blob:
    """What the two have in common: one blob, held to the version of the file opened."""

    in_place = False
    concurrent = True

    def __init__(
        self, client: Any, container: str, key: str, version: Validator, *, signed: bool
    ) -> None:
        self.url = f"az://{container}@{client.account_name}/{key}"
        self.signed = signed
        parts = urlsplit(client.url)
        # What follows may be a token.
        endpoint = f"{parts.scheme}://{parts.netloc}"
        self.identity = identity(self.url, signed=signed, endpoint=endpoint)
        self._container = container
        self._key = key
        self._version = version

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url}>"

    def _download(self, arguments: dict[str, Any], timeout: float) -> tuple[Any, bytes]:
        """Return the properties that came with a range, and its bytes."""
        raise NotImplementedError

    def read(
        self,
        start: int,
        stop: int | None,
        *,
        pin: Validator | None = None,
        unless: Validator | None = None,
        timeout: float = 30.0,
    ) -> Answer:
        """Ask for one range through the client; see `Source.read`."""
        held, unless = held_to(self._version, pin, unless)
        if stop is not None and stop <= start:
            return Answer("partial", start, start, held or self._version)
        arguments: dict[str, Any] = {"offset": start, "max_concurrency": 1}
        if stop is not None:
            arguments["length"] = stop - start
        conditions = importlib.import_module("azure.core").MatchConditions
        if held is not None and held.strong_etag:
            arguments |= {"etag": held.strong_etag, "match_condition": conditions.IfNotModified}
        elif unless is not None and unless.etag:
            arguments |= {"etag": unless.etag, "match_condition": conditions.IfModified}
        failure: NearlineError
        try:
            told, body = self._download(arguments, timeout)
        except Exception as problem:  # noqa: BLE001 - azure-core, aiohttp and requests, no common root
            status = getattr(problem, "status_code", None)
            if status == 304:
                return Answer("unchanged", 0, 0, unless or Validator())
            if status == 416:
                return Answer("partial", start, start, held or self._version)
            asked = Asked(self.url, start, stop, held, unless)
            failure = (
                error_for(
                    asked,
                    int(status),
                    {},
                    code=str(getattr(problem, "error_code", None) or ""),
                    pinned=held is not None,
                    repeat=False,
                )
                if status
                else _fault(problem, self.url)
            )
        else:
            found = _validator(told, self._version.size)
            return Answer("partial", start, start + len(body), found, iter((body,)))
        raise failure

    def close(self) -> None:
        """Do nothing: the client is its owner's."""


class AdlfsSource(_Blob):
    """The blob behind a file of adlfs, read by the same filesystem.

    Parameters
    ----------
    filesystem : adlfs.AzureBlobFileSystem
    container, key : str
    version : Validator
        Of the file when it was opened.
    """

    def __init__(self, filesystem: Any, container: str, key: str, version: Validator) -> None:
        signed = any(
            getattr(filesystem, name)
            for name in ("account_key", "sas_token", "credential", "connection_string")
        )
        super().__init__(filesystem.service_client, container, key, version, signed=signed)
        self._filesystem = filesystem

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self._filesystem, self._container, self._key, self._version)

    def _download(self, arguments: dict[str, Any], timeout: float) -> tuple[Any, bytes]:
        from fsspec.asyn import sync

        answer: tuple[Any, bytes] = sync(
            self._filesystem.loop, self._ask, arguments, timeout=2 * timeout + 30
        )
        return answer

    async def _ask(self, arguments: dict[str, Any]) -> tuple[Any, bytes]:
        client = self._filesystem.service_client.get_blob_client(self._container, self._key)
        stream = await client.download_blob(**arguments)
        return stream.properties, await stream.readall()


class BlobClientSource(_Blob):
    """A blob, read by a client of azure-storage-blob: the one under a file of smart_open.

    Parameters
    ----------
    client : azure.storage.blob.BlobClient
        May be used by several threads.
    size : int
        Of the blob when the file was opened.
    """

    def __init__(self, client: Any, size: int) -> None:
        signed = client.credential is not None or bool(urlsplit(client.url).query)
        version = Validator(size=size)
        super().__init__(client, client.container_name, client.blob_name, version, signed=signed)
        self._client = client
        self._process = os.getpid()

    def __reduce__(self) -> NoReturn:
        raise NotPicklable(
            f"{self.url} was passed as an open file of smart_open, whose client does not pickle: "
            "pass the URL instead."
        )

    def _download(self, arguments: dict[str, Any], timeout: float) -> tuple[Any, bytes]:
        if os.getpid() != self._process:
            raise UnsafeAfterFork(
                f"{self.url} is read by a client of azure-storage-blob, whose connections two "
                "processes cannot share, and this process was forked since. Pass its URL, or open "
                "it in the worker."
            )
        stream = self._client.download_blob(**arguments, read_timeout=timeout)
        return stream.properties, stream.readall()


def _validator(told: Any, known: int | None) -> Validator:
    """Return the version that an answer tells; the client overwrites the size with the range's."""
    modified = told.last_modified
    size = str(told.content_range or "").rpartition("/")[2]
    return Validator(
        size=int(size) if size.isdecimal() else known,
        etag=told.etag,
        last_modified=format_datetime(modified, usegmt=True)
        if isinstance(modified, datetime)
        else None,
    )


def _fault(problem: Exception, url: str) -> NearlineError:
    kind = type(problem).__name__
    if isinstance(problem, (NearlineError, RuntimeError)):
        return foreign(problem, url)
    kinds = {base.__name__ for base in type(problem).__mro__}
    if isinstance(problem, (OSError, TimeoutError)) or kinds & {
        "FSTimeoutError",
        "IncompleteReadError",
        "ServiceRequestError",
        "ServiceResponseError",
    }:
        return Transient(f"{url} could not be read by its client ({kind}).")
    return Unavailable(f"{url} could not be read by its client ({kind}).")


def _reopen(filesystem: Any, container: str, key: str, version: Validator) -> AdlfsSource:
    return AdlfsSource(filesystem, container, key, version)
