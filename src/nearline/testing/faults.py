"""Ways in which servers misbehave, to be given to `RangeServer.misbehave`.

Each function returns a `Fault`; several can be combined on one object.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from nearline.testing.exchange import Exchange, Reply, StoredObject

__all__ = [
    "Fault",
    "chunked",
    "cut_body",
    "deny",
    "drip",
    "fail",
    "ignore_conditions",
    "ignore_range",
    "login_page",
    "ok_with_content_range",
    "other_region",
    "per_node_etag",
    "redirect",
    "replace_object",
    "require_basic_auth",
    "set_headers",
    "slow_down",
    "stall",
    "vanish",
    "with_etag",
    "without_validators",
    "wrong_content_range",
]


def _nothing(_exchange: Exchange) -> None:
    return None


@dataclass(frozen=True)
class Fault:
    """One way to misbehave.

    Attributes
    ----------
    before : callable
        Changes the request or the object before the server answers.
    after : callable
        Changes the answer.
    """

    before: Callable[[Exchange], None] = _nothing
    after: Callable[[Exchange], None] = _nothing


# --- ranges and bodies --------------------------------------------------------


def ignore_range() -> Fault:
    """Answer 200 with the whole object, as servers without range support do."""

    def before(exchange: Exchange) -> None:
        exchange.headers.pop("range", None)

    def after(exchange: Exchange) -> None:
        exchange.reply.headers.pop("Accept-Ranges", None)

    return Fault(before, after)


def ok_with_content_range() -> Fault:
    """Answer 200 in place of 206 with the part asked for and its Content-Range, as rclone does."""

    def after(exchange: Exchange) -> None:
        if exchange.reply.status == 206:
            exchange.reply.status = 200

    return Fault(after=after)


def wrong_content_range(shift: int = 1, *, size: int | None = None) -> Fault:
    """Lie in Content-Range.

    Parameters
    ----------
    shift : int
        Added to the first and last byte told.
    size : int, optional
        Told in place of the object's size.
    """

    def after(exchange: Exchange) -> None:
        reply = exchange.reply
        if reply.status == 206:
            span, _, whole = reply.headers["Content-Range"].removeprefix("bytes ").partition("/")
            first, last = (int(n) + shift for n in span.split("-"))
            told = whole if size is None else size
            reply.headers["Content-Range"] = f"bytes {first}-{last}/{told}"

    return Fault(after=after)


def cut_body(after_bytes: int, *, reset: bool = False) -> Fault:
    """Close the connection after so many body bytes.

    Parameters
    ----------
    after_bytes : int
        0 closes it between headers and body.
    reset : bool
        With a TCP reset, not an orderly end.
    """
    return _reply(cut_at=after_bytes, reset=reset)


def chunked() -> Fault:
    """Send the body in chunks, without a Content-Length."""
    return _reply(chunked=True)


# --- time -----------------------------------------------------------------------


def stall(seconds: float = 3600.0, *, after_bytes: int | None = None) -> Fault:
    """Go silent.

    Parameters
    ----------
    seconds : float
        For so long; the end of the server ends it as well.
    after_bytes : int or None
        Body bytes sent before; None: not even the status is sent.
    """
    if after_bytes is None:
        return _reply(delay_s=seconds)
    return _reply(stall_at=after_bytes, stall_s=seconds)


def drip(bytes_per_second: float) -> Fault:
    """Send the body slowly but steadily."""
    return _reply(rate=bytes_per_second)


# --- refusals -------------------------------------------------------------------


def fail(status: int = 503, *, retry_after: float | str | None = None, body: bytes = b"") -> Fault:
    """Answer with an error.

    Parameters
    ----------
    status : int
        HTTP status.
    retry_after : float or str, optional
        Header Retry-After: seconds, or an HTTP date as text.
    body : bytes
        Of the answer.
    """

    def after(exchange: Exchange) -> None:
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        exchange.reply = Reply(status, headers, memoryview(body))

    return Fault(after=after)


def slow_down(*, retry_after: float | str | None = None) -> Fault:
    """Answer 429."""
    return fail(429, retry_after=retry_after)


def deny(code: str = "AccessDenied", message: str = "Access Denied", *, status: int = 403) -> Fault:
    """Refuse as S3 does, with an XML body of Code and Message."""
    return _xml(status, code, message, {})


def other_region(region: str, *, status: int = 301) -> Fault:
    """Answer, as S3 does, that the bucket lies in another region."""
    code = "PermanentRedirect" if status == 301 else "AuthorizationHeaderMalformed"
    return _xml(status, code, f"The bucket is in {region}.", {"x-amz-bucket-region": region})


def vanish(code: str | None = None) -> Fault:
    """Answer 404; with a code, as S3 does (``NoSuchKey``, ``NoSuchBucket``)."""
    if code is not None:
        return _xml(404, code, "The specified resource does not exist.", {})
    return fail(404)


def login_page() -> Fault:
    """Answer 200 with an HTML page, as portals do in front of what is asked for."""

    def after(exchange: Exchange) -> None:
        page = b"<!DOCTYPE html><html><body><form>Please log in.</form></body></html>"
        exchange.reply = Reply(200, {"Content-Type": "text/html"}, memoryview(page))

    return Fault(after=after)


def redirect(location: str, *, status: int = 302) -> Fault:
    """Send the client elsewhere."""

    def after(exchange: Exchange) -> None:
        exchange.reply = Reply(status, {"Location": location})

    return Fault(after=after)


def require_basic_auth(token: str) -> Fault:
    """Answer 401 unless the request says ``Authorization: Basic <token>``."""

    def after(exchange: Exchange) -> None:
        if exchange.headers.get("authorization") != f"Basic {token}":
            exchange.reply = Reply(401, {"WWW-Authenticate": 'Basic realm="archive"'})

    return Fault(after=after)


# --- versions ---------------------------------------------------------------------


def without_validators() -> Fault:
    """Send neither ETag nor Last-Modified nor generation."""
    return _stored(etag=None, last_modified=None, generation=None)


def with_etag(etag: str | None) -> Fault:
    """Send this ETag whatever the content: a weak one, one that lies, or None."""
    return _stored(etag=etag)


def per_node_etag(nodes: int = 2) -> Fault:
    """Send ETags that differ from request to request over equal bytes, as a balancer's nodes do."""

    def before(exchange: Exchange) -> None:
        if exchange.stored is not None:
            etag = f'"node-{exchange.number % nodes}"'
            exchange.stored = replace(exchange.stored, etag=etag)

    return Fault(before)


def ignore_conditions() -> Fault:
    """Take no notice of If-Match, If-None-Match and their kin."""

    def before(exchange: Exchange) -> None:
        for name in list(exchange.headers):
            if name.startswith("if-") or name == "x-goog-if-generation-match":
                del exchange.headers[name]

    return Fault(before)


def replace_object(content: bytes, *, after_requests: int, etag: str | None = "") -> Fault:
    """Serve other content from the request after the k-th on.

    Parameters
    ----------
    content : bytes
        The new version.
    after_requests : int
        How many requests still see the old one.
    etag : str or None
        Of the new version; empty: its digest.
    """
    new = StoredObject.of(content, etag=etag, last_modified="Fri, 01 Jan 2100 00:00:00 GMT")

    def before(exchange: Exchange) -> None:
        if exchange.number > after_requests:
            exchange.stored = new

    return Fault(before)


def set_headers(**headers: str | None) -> Fault:
    """Set response headers (underscores stand for hyphens); None removes one."""

    def after(exchange: Exchange) -> None:
        told = exchange.reply.headers
        for name, value in headers.items():
            wanted = name.replace("_", "-").lower()
            for old in [n for n in told if n.lower() == wanted]:
                del told[old]
            if value is not None:
                told[wanted] = value

    return Fault(after=after)


# --- how they are made ------------------------------------------------------------


def _reply(**changes: Any) -> Fault:
    def after(exchange: Exchange) -> None:
        exchange.reply = replace(exchange.reply, **changes)

    return Fault(after=after)


def _stored(**changes: Any) -> Fault:
    def before(exchange: Exchange) -> None:
        if exchange.stored is not None:
            exchange.stored = replace(exchange.stored, **changes)

    return Fault(before)


def _xml(status: int, code: str, message: str, headers: dict[str, str]) -> Fault:
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code>'
        f"<Message>{message}</Message><RequestId>1</RequestId></Error>"
    ).encode()

    def after(exchange: Exchange) -> None:
        told = {"Content-Type": "application/xml", **headers}
        exchange.reply = Reply(status, told, memoryview(body))

    return Fault(after=after)
