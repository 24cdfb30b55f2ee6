"""One object behind a URL: ranges of it by plain GETs, held to a version."""

from __future__ import annotations

import base64
import netrc
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol
from urllib.parse import unquote, urljoin, urlsplit

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from nearline.errors import NearlineError, Unavailable, UnsupportedUrl
from nearline.provenance import Validator
from nearline.storage.http.answer import Asked, conditions, interpret
from nearline.storage.http.body import Body
from nearline.storage.http.connections import Verify, request
from nearline.storage.http.refusal import Refusal, refused
from nearline.storage.source import Answer
from nearline.storage.url import (
    DEFAULT_PORTS,
    expires,
    identity,
    is_signed,
    printable,
    secrets,
    split,
)
from nearline.traffic import count

__all__ = ["Addressing", "HttpSource"]

_ANSWERS = frozenset([200, 206, 304, 416])
_REDIRECTS = frozenset([301, 302, 303, 307, 308])
_MOST_REDIRECTS = 10
_LARGEST_REFUSAL = 1 << 16

_HARMLESS_HEADERS = frozenset(
    ["accept", "accept-language", "from", "referer", "user-agent", "x-ms-version"]
)
"""Headers that grant nothing: objects read with these alone count as public."""


class Addressing(Protocol):
    """How a store's object is addressed over HTTP, where that is not known from the outset."""

    def url(self) -> str:
        """Return the URL to ask next."""
        ...

    def learn(self, refusal: Refusal) -> None:
        """Take a hint from a refusal; `url` may be another one from then on."""
        ...


@dataclass(frozen=True, slots=True)
class _Exchange:
    """An answer, and where it came from after all redirects."""

    response: BaseHTTPResponse
    url: str
    foreign: bool


class HttpSource:
    """One object behind an HTTP URL.

    Credentials come from the URL (``https://user:password@…``), from `user`
    and `password`, from `headers`, or from ``.netrc``. They go to the URL's
    own scheme, host and port only: a redirect elsewhere drops them.

    Parameters
    ----------
    url : str
        ``http://`` or ``https://``; a signed one may carry its signature.
    headers : mapping of str to str, optional
        Sent with every request to the URL's own host.
    user, password : str, optional
        For Basic authentication.
    verify : bool or str
        Whether certificates are checked, or the path of a bundle to check
        them against (default: the environment's, else the system's).
    identity : str, optional
        What the cache files the object under.
    shown : str, optional
        URL for people; by default the one given, without its secrets.
    addressing : Addressing, optional
        Replaces `url` where a store's answers tell the address. No
        credentials are looked up then.
    public_headers : mapping of str to str, optional
        Sent with every request, also after redirects; they grant nothing.
    """

    in_place = False
    concurrent = True

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        user: str | None = None,
        password: str | None = None,
        verify: Verify = True,
        identity: str | None = None,
        shown: str | None = None,
        addressing: Addressing | None = None,
        public_headers: Mapping[str, str] | None = None,
    ) -> None:
        parts = split(url)
        if parts.scheme.lower() not in DEFAULT_PORTS:
            raise UnsupportedUrl(f"{printable(url)} is not an http:// or https:// URL.")
        userinfo, at, netloc = parts.netloc.rpartition("@")
        if at:
            name, _, word = userinfo.partition(":")
            user, password = user or unquote(name), password or unquote(word)
        self.url: str = shown or printable(url)
        self._url = parts._replace(netloc=netloc, fragment="").geturl()
        self._secret_headers = dict(headers or {})
        self._login = None if user is None else (user, password or "")
        self._verify = verify
        self._identity = identity
        self._addressing = addressing
        self._public_headers = dict(public_headers or {})
        self._moved_to: str | None = None

    # --- what it is -------------------------------------------------------

    @property
    def signed(self) -> bool:
        """Whether it is read with credentials: a signature, a login or headers that may be one."""
        granting = {name.lower() for name in self._secret_headers} - _HARMLESS_HEADERS
        return bool(granting or self._login or is_signed(self._url) or self._netrc(self._url))

    @property
    def identity(self) -> str:
        """What the cache files the object under."""
        return self._identity or identity(self._url, signed=self.signed)

    def __repr__(self) -> str:
        return f"HttpSource({self.url!r})"

    def __getstate__(self) -> dict[str, object]:
        # Where a redirect led may be known to this process alone.
        return self.__dict__ | {"_moved_to": None}

    def close(self) -> None:
        """Release nothing: connections belong to the process."""

    # --- reading ----------------------------------------------------------

    def read(
        self,
        start: int,
        stop: int | None,
        *,
        pin: Validator | None = None,
        unless: Validator | None = None,
        timeout: float = 30.0,
    ) -> Answer:
        """Ask for bytes `start` to `stop`, as `Source.read` says.

        On a pinned read an answer whose ETag differs, but whose size and
        Last-Modified do not, is returned with its own validator: whether that
        is a balancer's habit or a change shows only in several answers.

        Raises
        ------
        NotFound, AccessDenied, ObjectChanged, Transient, Unavailable
            As `Source.read` says; `ObjectChanged.current` is what the server
            told of the version that it has now.
        """
        asked = Asked(self.url, start, stop, pin, unless)
        exchange = self._ask(asked, timeout)
        response = exchange.response
        try:
            brought = interpret(asked, response.status, response.headers)
        except BaseException:
            response.close()
            raise
        notes = brought.notes
        if exchange.foreign:
            notes += (f"Redirected to {split(exchange.url).hostname}.",)
        answer = Answer(
            brought.kind,
            brought.start,
            brought.stop,
            brought.validator,
            version_id=response.headers.get("x-amz-version-id") or None,
            notes=notes,
        )
        if brought.length == 0:
            _finish(response)
        else:
            body = Body(response, brought.length, self.url)
            answer.chunks, answer.close = body, body.close
        return answer

    def _ask(self, asked: Asked, timeout: float) -> _Exchange:
        """Send the request, and again where the store or a redirect leads."""
        start = url = self._addressing.url() if self._addressing else self._moved_to or self._url
        permanent = True
        for hop in range(_MOST_REDIRECTS + 1):
            if hop:
                # The caller counts the first request.
                count("requests")
            headers = self._headers(url) | conditions(asked)
            response = request(url, headers, timeout=timeout, verify=self._verify)
            if response.status in _ANSWERS:
                return _Exchange(response, url, _origin(url) != _origin(start))
            refusal = Refusal(response.status, response.headers, _finish(response))
            if self._addressing is not None:
                self._addressing.learn(refusal)
                if self._addressing.url() != start:
                    start = url = self._addressing.url()
                    continue
            if refusal.status not in _REDIRECTS or not refusal.headers.get("Location"):
                raise self._refused(asked, refusal, url)
            url = self._redirected(url, refusal.headers["Location"])
            permanent = permanent and refusal.status in (301, 308)
            if permanent and self._addressing is None:
                self._moved_to = url
        raise Unavailable(f"{self.url} was not read: the server redirects without end.")

    def _refused(self, asked: Asked, refusal: Refusal, url: str) -> NearlineError:
        ends = expires(url)
        return refused(
            asked,
            refusal,
            secrets=[*self._secrets(), *secrets(url)],
            expired=ends is not None and ends < time.time(),
        )

    def _redirected(self, url: str, location: str) -> str:
        try:
            parts = urlsplit(urljoin(url, location))
            kind = parts.scheme.lower() if parts.hostname else ""
        except ValueError:
            kind = ""
        if kind not in DEFAULT_PORTS:
            # Outside of the handler: the builtin error quotes the URL.
            raise Unavailable(f"{self.url} was not read: it redirects to what is no HTTP URL.")
        if kind == "http" and url.lower().startswith("https:"):
            raise Unavailable(
                f"{self.url} was not read: it redirects to {parts.hostname} without encryption. "
                "Ask for that URL itself if you trust the network."
            )
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()

    # --- credentials ------------------------------------------------------

    def _headers(self, url: str) -> dict[str, str]:
        headers = {"User-Agent": "nearline", **self._public_headers}
        login = None
        if _origin(url) == _origin(self._url) and self._addressing is None:
            headers |= self._secret_headers
            login = self._login
        named = {name.lower() for name in headers}
        if "authorization" not in named:
            login = login or self._netrc(url)
            if login is not None:
                word = base64.b64encode(":".join(login).encode()).decode()
                headers["Authorization"] = f"Basic {word}"
        headers["Accept-Encoding"] = "identity"
        return headers

    def _netrc(self, url: str) -> tuple[str, str] | None:
        """Return the login for exactly this host; a default entry is meant for no public server."""
        if self._addressing is not None or is_signed(url):
            return None
        path = os.environ.get("NETRC") or os.path.expanduser("~/.netrc")
        with suppress(OSError, netrc.NetrcParseError, UnicodeDecodeError):
            entry = netrc.netrc(path).hosts.get(split(url).hostname or "")
            if entry is not None:
                return entry[0], entry[2] or ""
        return None

    def _secrets(self) -> list[str]:
        granting = [
            value
            for name, value in self._secret_headers.items()
            if name.lower() not in _HARMLESS_HEADERS
        ]
        return [value for value in (*granting, *(self._login or ())[1:]) if value]


@lru_cache(maxsize=256)
def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = split(url)
    kind = parts.scheme.lower()
    return kind, parts.hostname, parts.port or DEFAULT_PORTS.get(kind)


def _finish(response: BaseHTTPResponse) -> bytes:
    """Read a small body, so that the connection can be used again; return its beginning."""
    body = b""
    with suppress(HTTPError, OSError, ValueError):
        body = response.read(_LARGEST_REFUSAL)
        if len(body) < _LARGEST_REFUSAL and not response.read(1):
            response.release_conn()
            return body
    with suppress(HTTPError, OSError):
        response.close()
    return body
