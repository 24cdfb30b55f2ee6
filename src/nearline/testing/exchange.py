"""One request and its answer, made as RFC 9110 says; faults change either side of it."""

from __future__ import annotations

import hashlib
import mmap
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate, parsedate_to_datetime
from urllib.parse import parse_qs, urlsplit

__all__ = ["Exchange", "Reply", "StoredObject", "answer"]

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What the server holds under one path.

    Attributes
    ----------
    data : memoryview
        The content.
    etag, last_modified : str or None
        As sent; None: not sent.
    generation : str or None
        Sent and checked as Google Cloud Storage does.
    headers : mapping of str to str
        Further headers of every answer.
    """

    data: memoryview
    etag: str | None
    last_modified: str | None
    generation: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        content: bytes | bytearray | memoryview | mmap.mmap,
        *,
        etag: str | None = "",
        last_modified: str | None = "",
        generation: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> StoredObject:
        """Describe content; an empty ETag or date is replaced by the digest or the hour now."""
        data = memoryview(content).cast("B")
        if etag == "":
            etag = f'"{hashlib.blake2b(data, digest_size=16).hexdigest()}"'
        if last_modified == "":
            last_modified = formatdate(usegmt=True)
        return cls(data, etag, last_modified, generation, dict(headers or {}))


@dataclass(slots=True)
class Reply:
    """An answer and how it is put on the wire.

    Attributes
    ----------
    status : int
        HTTP status.
    headers : dict of str to str
        Without Content-Length, which follows from the body.
    body : memoryview
        What is sent (nothing for HEAD).
    announced : int or None
        Content-Length; None: that of the body.
    chunked : bool
        Transfer-Encoding: chunked in place of Content-Length.
    delay_s : float
        Wait before the first byte.
    rate : float or None
        Body bytes per second; None: as fast as it goes.
    stall_at, stall_s : int or None, float
        After so many body bytes, pause so long.
    cut_at : int or None
        Close the connection after so many body bytes.
    reset : bool
        Close it with a TCP reset.
    cookies : sequence of str
        Values of Set-Cookie.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: memoryview = field(default_factory=lambda: memoryview(b""))
    announced: int | None = None
    chunked: bool = False
    delay_s: float = 0.0
    rate: float | None = None
    stall_at: int | None = None
    stall_s: float = 0.0
    cut_at: int | None = None
    reset: bool = False
    cookies: Sequence[str] = ()

    @property
    def paced(self) -> bool:
        """Whether the body must go out in pieces."""
        stops = (self.rate, self.stall_at, self.cut_at)
        return self.chunked or any(stop is not None for stop in stops)


@dataclass(slots=True)
class Exchange:
    """A request, the object it names and the reply; what faults may change.

    Attributes
    ----------
    number : int
        1-based count of requests for this path.
    method, target, path : str
        As in `LoggedRequest`.
    headers : dict of str to str
        Request headers, names in lower case.
    stored : StoredObject or None
        The object asked for; None: there is none.
    reply : Reply
        Empty until the server has answered.
    """

    number: int
    method: str
    target: str
    path: str
    headers: dict[str, str]
    stored: StoredObject | None
    reply: Reply = field(default_factory=Reply)


def answer(exchange: Exchange) -> Reply:
    """Answer GET and HEAD with ranges and conditions (RFC 9110, sections 13 and 14)."""
    stored, asked = exchange.stored, exchange.headers
    if exchange.method not in ("GET", "HEAD"):
        return _text(405, "Only GET and HEAD.", Allow="GET, HEAD")
    if stored is None or not _generation_named(exchange.target, stored):
        return _text(404, "No such object.")
    headers = {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
    if stored.etag is not None:
        headers["ETag"] = stored.etag
    if stored.last_modified is not None:
        headers["Last-Modified"] = stored.last_modified
    if stored.generation is not None:
        headers["x-goog-generation"] = stored.generation
    headers.update(stored.headers)
    if not _matches(asked, stored):
        return _text(412, "A condition does not hold.", **headers)
    if _unchanged(asked, stored):
        return Reply(304, headers)
    return _ranged(asked, stored, headers)


def _text(status: int, sentence: str, **headers: str) -> Reply:
    return Reply(status, {**headers, "Content-Type": "text/plain"}, memoryview(sentence.encode()))


def _generation_named(target: str, stored: StoredObject) -> bool:
    named = parse_qs(urlsplit(target).query).get("generation")
    return named is None or named == [stored.generation]


def _tags(header: str) -> list[str]:
    return [tag.strip() for tag in header.split(",")]


def _opaque(tag: str) -> str:
    return tag.removeprefix("W/")


def _matches(asked: Mapping[str, str], stored: StoredObject) -> bool:
    wanted = asked.get("if-match")
    if wanted is not None and wanted.strip() != "*":
        weak = stored.etag is None or stored.etag.startswith("W/")
        if weak or stored.etag not in _tags(wanted):
            return False
    generation = asked.get("x-goog-if-generation-match")
    return generation is None or generation == stored.generation


def _unchanged(asked: Mapping[str, str], stored: StoredObject) -> bool:
    held = asked.get("if-none-match")
    if held is not None:
        return stored.etag is not None and (
            held.strip() == "*" or _opaque(stored.etag) in map(_opaque, _tags(held))
        )
    since = asked.get("if-modified-since")
    if since is None or stored.last_modified is None:
        return False
    return parsedate_to_datetime(stored.last_modified) <= parsedate_to_datetime(since)


def _ranged(asked: Mapping[str, str], stored: StoredObject, headers: dict[str, str]) -> Reply:
    size = len(stored.data)
    wanted = _RANGE.fullmatch(asked.get("range", ""))
    if_range = asked.get("if-range")
    if (
        wanted is None
        or wanted.groups() == ("", "")
        or (if_range is not None and if_range not in (stored.etag, stored.last_modified))
    ):
        return Reply(200, headers, stored.data)
    first, last = wanted.groups()
    if first:
        start, stop = int(first), min(int(last) + 1 if last else size, size)
    else:
        start, stop = max(size - int(last), 0), size
    if start >= size or start >= stop:
        return _text(416, "Beyond the end.", **{**headers, "Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return Reply(206, headers, stored.data[start:stop])
