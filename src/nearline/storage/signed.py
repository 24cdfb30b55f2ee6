"""Objects of S3, Google Cloud Storage and Azure read with credentials, over obstore."""

from __future__ import annotations

import re
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from nearline.errors import (
    AccessDenied,
    NearlineError,
    NotFound,
    ObjectChanged,
    Unavailable,
    UnsupportedUrl,
)
from nearline.provenance import Validator
from nearline.storage import event_loop
from nearline.storage.address import Address
from nearline.storage.credentials import Credentials
from nearline.storage.http import HttpSource
from nearline.storage.presign import Presigner
from nearline.storage.source import Answer, Buffer, Transient
from nearline.storage.status import changed
from nearline.storage.stores import StoreOptions, StoreSpec, describe, open_store
from nearline.storage.url import identity

__all__ = ["SignedSource", "Unusable"]

_SMALL = 1 << 20
"""Bodies up to this many bytes come in one piece, with the answer itself."""
_CHUNK = 256 << 10


class SignedSource:
    """One object of a signed store.

    Parameters
    ----------
    address : Address
    options : StoreOptions
        As the user passed them; only these travel in a pickle.
    credentials : Credentials
        As found for these options in this process.

    Raises
    ------
    UnsupportedUrl
        A key that obstore would refuse or change, in a store other than S3.

    Notes
    -----
    Where obstore cannot read, because of the key or because this process was
    forked from one in which it ran, objects of S3 are read by presigned URLs.
    """

    in_place = False
    concurrent = True
    signed = True

    def __init__(self, address: Address, options: StoreOptions, credentials: Credentials) -> None:
        self.url = address.url
        self._address = address
        self._options = options
        self._spec = describe(address, options, credentials)
        self._version = _named_version(address, options)
        self._ignores_ranges = False
        self._presigned: HttpSource | None = None
        self._plain_key = _is_plain(address.key)
        if not self._plain_key and not self._can_presign:
            raise UnsupportedUrl(
                f"{address.url} cannot be read with these credentials: obstore changes keys that "
                "begin or end with '/' or hold '//', '/./' or '/../'. Pass a signed https:// URL, "
                "or the file of another client (google-cloud-storage, adlfs)."
            )

    def __repr__(self) -> str:
        return f"<SignedSource {self.url}>"

    @property
    def identity(self) -> str:
        """Address, endpoint and "signed"."""
        url = replace(self._address, version=self._version).url
        return identity(url, signed=True, endpoint=self._spec.endpoint)

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self._address, self._options)

    def close(self) -> None:
        """Do nothing: connections belong to the store, which other objects share."""

    def read(
        self,
        start: int,
        stop: int | None,
        *,
        pin: Validator | None = None,
        unless: Validator | None = None,
        timeout: float = 30.0,
    ) -> Answer:
        """Ask for bytes `start` to `stop` in one request; see `Source.read`."""
        if not self._plain_key or (event_loop.orphaned() and self._can_presign):
            source = self._by_presigned_url()
            return source.read(start, stop, pin=pin, unless=unless, timeout=timeout)
        event_loop.refuse_after_fork(self.url)
        conditions = _conditions(pin, unless)
        if self._version:
            conditions["version"] = self._version
        try:
            return self._ask(start, stop, conditions, pin, timeout)
        except _ElsewhereError as elsewhere:
            self._spec = self._spec.in_region(elsewhere.region)
            return self._ask(start, stop, conditions, pin, timeout)

    def _ask(
        self,
        start: int,
        stop: int | None,
        conditions: dict[str, Any],
        pin: Validator | None,
        timeout: float,
    ) -> Answer:
        store = open_store(self._spec, timeout)
        if stop is not None and stop <= start:
            return self._size_only(store, conditions, pin, timeout, start)
        options = dict(conditions)
        if not self._ignores_ranges:
            options["range"] = {"offset": start} if stop is None else (start, stop)
        small = not self._ignores_ranges and stop is not None and stop - start <= _SMALL
        work = _get(store, self._address.key, options, small)
        got, problem = _outcome(work, timeout * (2 if small else 1) + 5)
        if problem is not None:
            status = _status(problem)
            if status == 304 or _named(problem, "NotModifiedError"):
                return Answer("unchanged", 0, 0, Validator())
            if status == 416:
                return self._size_only(store, conditions, pin, timeout, start)
            if _without_ranges(problem) and not self._ignores_ranges:
                self._ignores_ranges = True
                return self._ask(start, stop, conditions, pin, timeout)
            raise _translate(problem, self, pin)
        result, body = got
        validator = _validator(self._address, result.meta)
        _hold_to(pin, validator, self.url)
        notes = ("the server ignores ranges",) if self._ignores_ranges else ()
        first, last = result.range
        chunks: Iterator[Buffer]
        if body is not None:
            chunks, close = iter((memoryview(body),)), _nothing
        else:
            stream = _Stream(result, self, pin, last - first, timeout)
            chunks, close = stream, stream.close
        return Answer(
            "whole" if self._ignores_ranges else "partial",
            first,
            last,
            validator,
            chunks,
            close,
            version_id=None if self._address.kind == "gs" else result.meta.get("version"),
            notes=notes,
        )

    def _size_only(
        self,
        store: Any,
        conditions: dict[str, Any],
        pin: Validator | None,
        timeout: float,
        start: int,
    ) -> Answer:
        """Answer for a range without bytes: obstore does not pass on what a 416 says."""
        work = _get(store, self._address.key, {**conditions, "head": True}, False)
        got, problem = _outcome(work, timeout + 5)
        if problem is not None:
            if _status(problem) == 304 or _named(problem, "NotModifiedError"):
                return Answer("unchanged", 0, 0, Validator())
            raise _translate(problem, self, pin)
        result, _ = got
        validator = _validator(self._address, result.meta)
        _hold_to(pin, validator, self.url)
        return Answer("partial", start, start, validator)

    @property
    def _can_presign(self) -> bool:
        return self._spec.kind == "s3" and self._spec.credentials.provider is not None

    def _by_presigned_url(self) -> HttpSource:
        if self._presigned is None:
            presigner = Presigner(self._spec, self._address.key, self._version)
            problem = None
            try:
                url = presigner.url()
            except PermissionError as refusal:
                problem = AccessDenied(f"{self.url} cannot be read: {refusal}.")
            if problem is not None:
                raise problem
            self._presigned = HttpSource(
                url,
                shown=self.url,
                identity=self.identity,
                addressing=presigner,
                verify=self._spec.verify,
            )
        return self._presigned

    @property
    def found_in(self) -> str:
        """Where the credentials come from, for messages."""
        return self._spec.credentials.where

    @property
    def spec(self) -> StoreSpec:
        """The store that is asked."""
        return self._spec


class Unusable:
    """Stands where credentials were found that cannot be used here: every read is refused.

    Parameters
    ----------
    address : Address
    options : StoreOptions
    credentials : Credentials
        Their `trouble` is what reads raise.
    """

    in_place = False
    concurrent = True
    signed = True

    def __init__(self, address: Address, options: StoreOptions, credentials: Credentials) -> None:
        self.url = address.url
        self.identity = identity(address.url, signed=True)
        self._address = address
        self._options = options
        self._trouble = credentials.trouble

    def __repr__(self) -> str:
        return f"<Unusable {self.url}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self._address, self._options)

    def read(
        self,
        start: int,  # noqa: ARG002
        stop: int | None,  # noqa: ARG002
        *,
        pin: Validator | None = None,  # noqa: ARG002
        unless: Validator | None = None,  # noqa: ARG002
        timeout: float = 30.0,  # noqa: ARG002
    ) -> Answer:
        """Raise `AccessDenied` with what is the matter."""
        raise AccessDenied(f"{self.url} cannot be read: {self._trouble}")

    def close(self) -> None:
        """Do nothing."""


def _nothing() -> None:
    pass


def _reopen(address: Address, options: StoreOptions) -> Any:
    from nearline.storage.resolve import reopen_store

    return reopen_store(address, options)


async def _get(
    store: Any, key: str, options: dict[str, Any], small: bool
) -> tuple[Any, Buffer | None]:
    result = await store.get_async(key, options=options)
    body: Buffer | None = (await result.bytes_async()) if small else None
    return result, body


class _Stream:
    """The body of a large answer, taken chunk by chunk from the loop's thread."""

    def __init__(
        self, result: Any, source: SignedSource, pin: Validator | None, length: int, timeout: float
    ) -> None:
        self._stream: Any = result.stream(min_chunk_size=_CHUNK)
        self._source = source
        self._pin = pin
        self._left = length
        self._timeout = timeout

    def __iter__(self) -> _Stream:
        return self

    def __next__(self) -> Buffer:
        stream = self._stream
        if stream is None:
            raise StopIteration
        event_loop.refuse_after_fork(self._source.url)
        chunk, problem = _outcome(_next(stream), self._timeout + 5)
        if problem is not None:
            self.close()
            raise _translate(problem, self._source, self._pin)
        if chunk is None:
            self.close()
            if self._left > 0:
                raise Transient(
                    f"The answer for {self._source.url} ended {self._left} bytes early."
                )
            raise StopIteration
        self._left -= len(chunk)
        piece: Buffer = chunk
        return piece

    def close(self) -> None:
        self._stream = None


def _outcome(work: Coroutine[Any, Any, Any], timeout: float) -> tuple[Any, Exception | None]:
    """Return what obstore gave or raised; ours is raised outside of any handler of its errors.

    Their text quotes signed URLs, and an exception keeps the one that it was
    raised in as its context, even "from None".
    """
    try:
        return event_loop.run(work, timeout), None
    except Exception as problem:  # noqa: BLE001 - translated by whoever asked
        return None, problem


async def _next(stream: Any) -> bytes | None:
    try:
        chunk: bytes = await stream.__anext__()
    except StopAsyncIteration:
        return None
    return chunk


def _is_plain(key: str) -> bool:
    """Whether obstore leaves a key as it is."""
    return not any(segment in ("", ".", "..") for segment in key.split("/"))


def _named_version(address: Address, options: StoreOptions) -> str | None:
    named = getattr(options, "version_id", None) or getattr(options, "generation", None)
    return address.version or named


def _conditions(pin: Validator | None, unless: Validator | None) -> dict[str, Any]:
    conditions: dict[str, Any] = {}
    if pin is not None and pin.strong_etag:
        conditions["if_match"] = pin.strong_etag
    if unless is not None and unless.etag:
        conditions["if_none_match"] = unless.etag
    elif unless is not None and unless.last_modified:
        moment = _moment(unless.last_modified)
        if moment is not None:
            conditions["if_modified_since"] = moment
    return conditions


def _moment(http_date: str) -> datetime | None:
    try:
        return parsedate_to_datetime(http_date)
    except ValueError:
        return None


def _validator(address: Address, meta: Any) -> Validator:
    modified = meta.get("last_modified")
    return Validator(
        size=meta["size"],
        etag=meta.get("e_tag"),
        generation=meta.get("version") if address.kind == "gs" else None,
        last_modified=format_datetime(modified, usegmt=True) if modified else None,
    )


def _hold_to(pin: Validator | None, found: Validator, url: str) -> None:
    if pin is not None and pin.pins and not found.same_version(pin):
        raise ObjectChanged(
            f"{url} changed while it was being read ({pin.key} became {found.key or 'unknown'}). "
            "Open it again to read the new version.",
            current=found,
        )


class _ElsewhereError(Exception):
    """The bucket is in another region."""

    def __init__(self, region: str) -> None:
        super().__init__(region)
        self.region = region


_STATUS = re.compile(r"status code: (\d{3})|\bstatus: (\d{3})\b")
_CODE = re.compile(r"<Code>([A-Za-z0-9]+)</Code>")
_REGION = re.compile(r"<Region>([a-z0-9-]+)</Region>")


def _status(problem: BaseException) -> int | None:
    found = _STATUS.search(str(problem))
    return int(found[1] or found[2]) if found else None


def _without_ranges(problem: BaseException) -> bool:
    """Whether the server sent all of the object for a part."""
    return _named(problem, "NotSupportedError") or "NotPartial" in str(problem)


def _named(problem: BaseException, name: str) -> bool:
    return type(problem).__name__ == name


def _provider_said(text: str, where: str) -> str:
    sentence = re.search(r"PermissionError: ([^\n]+)", text)
    return sentence[1] if sentence else f"the credentials from {where} could not be obtained"


def _translate(
    problem: Exception, source: SignedSource, pin: Validator | None
) -> NearlineError | _ElsewhereError:
    if isinstance(problem, NearlineError):
        return problem
    url, where = source.url, source.found_in
    if isinstance(problem, TimeoutError):
        return Transient(f"{url} gave no answer in time.")
    text = str(problem)
    if "credential provider" in text:
        return AccessDenied(f"{url} cannot be read: {_provider_said(text, where)}.")
    status = _status(problem)
    found = _CODE.search(text)
    code = found[1] if found else ""
    said = f" (HTTP {status}{f', {code}' if code else ''})" if status else ""
    if code in ("AuthorizationHeaderMalformed", "PermanentRedirect") or status in (301, 307):
        region = _REGION.search(text)
        if region and region[1] != source.spec.region:
            return _ElsewhereError(region[1])
    if isinstance(problem, FileNotFoundError):
        if pin is not None and code != "NoSuchBucket":
            return ObjectChanged(f"{url} was removed while it was being read.")
        kind = "no such bucket" if code in ("NoSuchBucket", "ContainerNotFound") else "no object"
        return NotFound(f"There is {kind} at {url}{said}.")
    if _named(problem, "PreconditionError"):
        return changed(url)
    if (
        _named(problem, "PermissionDeniedError")
        or _named(problem, "UnauthenticatedError")
        or status in (401, 403)
        or code in ("ExpiredToken", "InvalidToken", "InvalidAccessKeyId", "TokenRefreshRequired")
    ):
        remedy = (
            "they have expired: renew them"
            if "Expired" in code or code == "TokenRefreshRequired"
            else "check the key, or ask for permission to read the object"
        )
        return AccessDenied(f"{url} refuses the credentials from {where}{said}: {remedy}.")
    if status is not None:
        if status == 429 or status >= 500:
            return Transient(f"{url} is not available just now{said}.")
        return Unavailable(f"{url} cannot be read{said}.")
    if "failed to lookup address" in text and "Temporary failure" not in text:
        return Unavailable(f"{url} cannot be reached: there is no such host.")
    if "ertificate" in text or "InvalidMessage" in text:
        return Unavailable(
            f"{url} cannot be reached: its TLS certificate is not trusted. Name the right CA "
            "bundle in verify or SSL_CERT_FILE."
        )
    if "169.254.169.254" in text or "metadata" in text.lower():
        return AccessDenied(f"{url} cannot be read: {where} gave no credentials.")
    return Transient(f"{url} cannot be reached just now.")
