"""Objects behind google-cloud-storage and gcsfs files, read through the same client."""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn
from urllib.parse import quote, urlencode

from nearline.errors import AccessDenied, NearlineError, NotPicklable, Unavailable
from nearline.provenance import Validator
from nearline.storage.http.answer import Asked, Body, conditions, interpret
from nearline.storage.pieces import pieces
from nearline.storage.readers.foreign import foreign
from nearline.storage.readers.status import changed, error_for
from nearline.storage.source import Answer, Source, Transient
from nearline.storage.url import identity

__all__ = ["BlobSource", "GcsfsSource"]

_PIECE = 1 << 17


class _Media:
    """What the two have in common: one object at an endpoint, of one generation."""

    in_place = False
    concurrent = True

    def __init__(
        self, endpoint: str, bucket: str, key: str, version: Validator, *, signed: bool
    ) -> None:
        self.url = f"gs://{bucket}/{key}"
        self.signed = signed
        self.identity = identity(self.url, signed=signed, endpoint=endpoint)
        self._endpoint = endpoint
        self._bucket = bucket
        self._key = key
        self._version = version

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url}>"

    def _media_url(self, asked: Asked, **parameters: str) -> str:
        generation = self._version.generation or (asked.pin.generation if asked.pin else None)
        if generation:
            parameters["ifGenerationMatch"] = generation
        path = f"download/storage/v1/b/{quote(self._bucket, safe='')}/o/{quote(self._key, safe='')}"
        return f"{self._endpoint}/{path}?{urlencode({'alt': 'media', **parameters})}"

    def _asked(
        self, start: int, stop: int | None, pin: Validator | None, unless: Validator | None
    ) -> Asked:
        return Asked(self.url, start, stop, pin, unless)

    def _headers(self, asked: Asked) -> dict[str, str]:
        headers = conditions(asked)
        # The JSON interface takes its condition from the URL.
        headers.pop("x-goog-if-generation-match", None)
        headers["Accept-Encoding"] = "identity"
        return headers

    def _found(self, asked: Asked, status: int, headers: Mapping[str, str]) -> Body:
        """Read the headers of an answer, and hold it to the generation of the file."""
        size = _size_before(asked.start, headers)
        if size is not None:
            # Not every emulator knows 416; some send an empty, nonsensical range.
            status, headers = 416, {**headers, "Content-Range": f"bytes */{size}"}
        found = interpret(asked, status, headers)
        wanted, told = self._version.generation, found.validator.generation
        if wanted and told and wanted != told:
            raise changed(self.url, found.validator)
        if not wanted and told:
            # As in the reader itself: from the first answer on it is that generation.
            self._version = Validator(size=found.validator.size, generation=told)
        return found

    def close(self) -> None:
        """Do nothing: the client is its owner's."""


class BlobSource(_Media):
    """The object behind a BlobReader of google-cloud-storage.

    Ranges go through the session of the reader's own client, which signs and
    renews but does not repeat.

    Parameters
    ----------
    handle : google.cloud.storage.fileio.BlobReader
    serial : callable
        Makes a source that reads the handle itself: for objects stored
        compressed, which have no ranges.
    version : Validator
        The generation that the reader is held to, as far as it is known.
    """

    def __init__(
        self, handle: Any, serial: Callable[[], Source], version: Validator, *, signed: bool
    ) -> None:
        blob = handle._blob
        super().__init__(
            blob.client.api_endpoint, blob.bucket.name, blob.name, version, signed=signed
        )
        self._client = blob.client
        self._payer = blob.user_project
        self._make_serial = serial
        self._serial: Source | None = None
        self._lock = threading.Lock()
        self._process = self._own_process = os.getpid()
        self._own_session: Any = None

    def __reduce__(self) -> NoReturn:
        raise NotPicklable(
            f"{self.url} was passed as an open file of google-cloud-storage, whose client does "
            "not pickle: pass the URL instead."
        )

    def read(
        self,
        start: int,
        stop: int | None,
        *,
        pin: Validator | None = None,
        unless: Validator | None = None,
        timeout: float = 30.0,
    ) -> Answer:
        """Ask for one range through the client's session; see `Source.read`."""
        if self._serial is not None:
            return self._serial.read(start, stop, timeout=timeout)
        asked = self._asked(start, stop, pin, unless)
        payer = {"userProject": self._payer} if self._payer else {}
        failure: NearlineError
        try:
            response = self._session().get(
                self._media_url(asked, **payer),
                headers=self._headers(asked),
                stream=True,
                timeout=timeout,
            )
        except Exception as problem:  # noqa: BLE001 - requests and google-auth have no common root
            failure = _fault(problem, self.url)
        else:
            return self._answer(asked, response)
        raise failure

    def _session(self) -> Any:
        """Return the client's session; in a forked child one of its own, over other sockets."""
        if os.getpid() == self._process:
            return self._client._http
        with self._lock:
            if self._own_session is None or self._own_process != os.getpid():
                library = importlib.import_module("google.auth.transport.requests")
                self._own_session = library.AuthorizedSession(self._client._credentials)
                self._own_process = os.getpid()
            return self._own_session

    def _answer(self, asked: Asked, response: Any) -> Answer:
        status, headers = response.status_code, response.headers
        if headers.get("x-goog-stored-content-encoding", "identity") != "identity" or (
            headers.get("Content-Encoding", "identity") not in ("", "identity")
        ):
            response.close()
            with self._lock:
                self._serial = self._serial or self._make_serial()
            return self._serial.read(asked.start, asked.stop)
        if status not in (200, 206, 304, 416):
            response.close()
            pinned = asked.pin is not None or self._version.pins
            raise error_for(asked, status, headers, pinned=pinned)
        try:
            found = self._found(asked, status, headers)
        except NearlineError:
            response.close()
            raise
        if found.stop == found.start:
            response.close()
            return Answer(found.kind, found.start, found.stop, found.validator, notes=found.notes)
        return Answer(
            found.kind,
            found.start,
            found.stop,
            found.validator,
            _pieces(response, found.length, self.url),
            response.close,
            notes=found.notes,
        )


def _size_before(start: int, headers: Mapping[str, str]) -> int | None:
    """Return the object's size if the answer tells one, and it ends before `start`."""
    size = headers.get("Content-Range", "").rpartition("/")[2]
    return int(size) if size.isdecimal() and int(size) <= start else None


def _pieces(response: Any, length: int | None, url: str) -> Iterator[bytes]:
    """Yield the body, and see that it is whole."""
    return pieces(
        lambda: response.raw.read(_PIECE, decode_content=False),
        lambda received: 0 if length is None else max(length - received, 0),
        url,
    )


class GcsfsSource(_Media):
    """The object behind a file of gcsfs, read by the same filesystem.

    gcsfs repeats refused requests itself, so what it gives up is final here.

    Parameters
    ----------
    filesystem : gcsfs.GCSFileSystem
    bucket, key : str
    version : Validator
        Of the file when it was opened.
    """

    def __init__(
        self, filesystem: Any, bucket: str, key: str, version: Validator, *, signed: bool
    ) -> None:
        super().__init__(filesystem._location, bucket, key, version, signed=signed)
        self._filesystem = filesystem

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self._filesystem, self._bucket, self._key, self._version, self.signed)

    def read(
        self,
        start: int,
        stop: int | None,
        *,
        pin: Validator | None = None,
        unless: Validator | None = None,
        timeout: float = 30.0,  # noqa: ARG002 - the filesystem has its own
    ) -> Answer:
        """Ask for one range through the filesystem; see `Source.read`."""
        asked = self._asked(start, stop, pin, unless)
        failure: NearlineError
        try:
            headers, body = self._filesystem.call(
                "GET", self._media_url(asked), headers=self._headers(asked)
            )
        except Exception as problem:  # noqa: BLE001 - gcsfs, aiohttp and google-auth, no common root
            status = _status(problem)
            if status == 304:
                return Answer("unchanged", 0, 0, unless or Validator())
            if status == 416:
                return Answer("partial", start, start, Validator(size=self._version.size))
            pinned = pin is not None or self._version.pins
            failure = (
                error_for(asked, status, {}, pinned=pinned, repeat=False)
                if status
                else _fault(problem, self.url)
            )
        else:
            found = self._found(asked, 206 if "Content-Range" in headers else 200, headers)
            return Answer(
                found.kind,
                found.start,
                found.start + len(body),
                found.validator,
                iter((body,)),
                notes=found.notes,
            )
        raise failure


def _reopen(
    filesystem: Any, bucket: str, key: str, version: Validator, signed: bool
) -> GcsfsSource:
    return GcsfsSource(filesystem, bucket, key, version, signed=signed)


def _status(problem: Exception) -> int | None:
    """Return the HTTP status behind an error of gcsfs."""
    told = getattr(problem, "code", None) or getattr(problem, "status", None)
    if isinstance(problem, FileNotFoundError):
        return 404
    if isinstance(told, (int, str)) and str(told).isdecimal():
        return int(told)
    if "not satisfiable" in str(problem) or "InvalidRange" in str(problem):
        return 416
    if type(problem).__name__ == "PermissionError" or "Forbidden" in str(problem):
        return 403
    return None


def _fault(problem: Exception, url: str) -> NearlineError:
    kind = type(problem).__name__
    if isinstance(problem, RuntimeError):
        return foreign(problem, url)
    if kind in ("RefreshError", "DefaultCredentialsError"):
        return AccessDenied(f"{url}: the client's credentials could not be renewed; log in again.")
    if kind == "SSLError":
        return Unavailable(f"{url} was not read: no trusted encrypted connection could be made.")
    if isinstance(problem, (OSError, TimeoutError)) or kind == "TransportError":
        return Transient(f"{url} could not be read by its client ({kind}).")
    return Unavailable(f"{url} could not be read by its client ({kind}).")
