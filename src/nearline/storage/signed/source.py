"""Objects of S3, Google Cloud Storage and Azure read with credentials, over obstore."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from nearline.errors import (
    AccessDenied,
    ObjectChanged,
    Unavailable,
    UnsupportedUrl,
)
from nearline.provenance import Validator
from nearline.storage.address import Address, StoreKind
from nearline.storage.http import HttpSource
from nearline.storage.http.connections import request
from nearline.storage.http.refusal import Refusal
from nearline.storage.options.credentials import Credentials
from nearline.storage.signed import event_loop, fork
from nearline.storage.signed.obstore_error import (
    ElsewhereError,
    is_unchanged,
    status_of,
    translated,
    without_ranges,
)
from nearline.storage.signed.presign import Presigner
from nearline.storage.signed.stores import StoreOptions, describe, open_store
from nearline.storage.source import Answer, Buffer, Source, Transient
from nearline.storage.url import identity
from nearline.traffic import count

__all__ = ["SignedSource", "validator_of"]

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
    reopen : callable
        Opens the object in another process, with the credentials found there.

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

    def __init__(
        self,
        address: Address,
        options: StoreOptions,
        credentials: Credentials,
        reopen: Callable[[Address, StoreOptions], Source],
    ) -> None:
        self.url = address.url
        self._address = address
        self._options = options
        self._reopen = reopen
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
        return self._reopen, (self._address, self._options)

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
        if not self._plain_key or (fork.orphaned() and self._can_presign):
            source = self._by_presigned_url()
            return source.read(start, stop, pin=pin, unless=unless, timeout=timeout)
        fork.refuse_after_fork(self.url)
        conditions = _conditions(pin, unless)
        if self._version:
            conditions["version"] = self._version
        told: str | None = None
        try:
            return self._ask(start, stop, conditions, pin, timeout)
        except ElsewhereError as elsewhere:
            told = elsewhere.region
        region = told or self._find_region(timeout)
        if region is None or region == self._spec.region:
            raise Unavailable(
                f"{self.url} cannot be read: its bucket is in another region; name it in "
                "storage_options={'client_kwargs': {'region_name': …}}."
            )
        self._spec = self._spec.in_region(region)
        count("requests")
        try:
            return self._ask(start, stop, conditions, pin, timeout)
        except ElsewhereError:
            pass
        raise Unavailable(f"{self.url} cannot be read: S3 redirects from region to region.")

    def _find_region(self, timeout: float) -> str | None:
        """Ask for the bucket without credentials: S3 names its region even where it refuses."""
        endpoint = self._spec.endpoint or "https://s3.amazonaws.com"
        count("requests")
        response = request(
            f"{endpoint}/{self._spec.bucket}?list-type=2&max-keys=1",
            {"User-Agent": "nearline"},
            timeout=timeout,
            verify=self._spec.verify,
        )
        refusal = Refusal(response.status, response.headers, response.read(1 << 14))
        response.close()
        return refusal.region

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
            if is_unchanged(problem):
                return Answer("unchanged", 0, 0, Validator())
            if status_of(problem) == 416:
                count("requests")
                return self._size_only(store, conditions, pin, timeout, start)
            if without_ranges(problem) and not self._ignores_ranges:
                self._ignores_ranges = True
                count("requests")
                return self._ask(start, stop, conditions, pin, timeout)
            raise self.translated(problem, pin)
        result, body = got
        validator = validator_of(self._address.kind, result.meta)
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
            if is_unchanged(problem):
                return Answer("unchanged", 0, 0, Validator())
            raise self.translated(problem, pin)
        result, _ = got
        validator = validator_of(self._address.kind, result.meta)
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

    def translated(self, problem: Exception, pin: Validator | None) -> Exception:
        """Return our error for one of obstore's, in a read with that pin."""
        return translated(
            problem,
            url=self.url,
            where=self._spec.credentials.where,
            region=self._spec.region,
            pinned=pin is not None,
        )


def _nothing() -> None:
    pass


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
        fork.refuse_after_fork(self._source.url)
        chunk, problem = _outcome(_next(stream), self._timeout + 5)
        if problem is not None:
            self.close()
            raise self._source.translated(problem, self._pin)
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


def validator_of(kind: StoreKind, meta: Any) -> Validator:
    """Return what obstore tells of an object's version."""
    modified = meta.get("last_modified")
    return Validator(
        size=meta["size"],
        etag=meta.get("e_tag"),
        generation=meta.get("version") if kind == "gs" else None,
        last_modified=format_datetime(modified, usegmt=True) if modified else None,
    )


def _hold_to(pin: Validator | None, found: Validator, url: str) -> None:
    if pin is not None and pin.pins and not found.same_version(pin):
        raise ObjectChanged(
            f"{url} changed while it was being read ({pin.key} became {found.key or 'unknown'}). "
            "Open it again to read the new version.",
            current=found,
        )
