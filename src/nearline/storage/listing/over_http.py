"""Listings by plain HTTP GETs: unsigned ones, and those of S3 signed in the URL."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from nearline.errors import AccessDenied, Unavailable
from nearline.storage.http.connections import Verify, request, translated
from nearline.storage.http.refusal import Refusal
from nearline.storage.http.source import Addressing
from nearline.storage.listing.answers import Answered, MalformedListing
from nearline.storage.listing.listed import Listed, Page
from nearline.storage.listing.prefix import Prefix
from nearline.storage.listing.refusal import refused_listing
from nearline.storage.source import Source
from nearline.traffic import count

__all__ = ["HttpLister"]

_LARGEST = 64 << 20
"""Bytes of one page: a thousand keys of the greatest length take less."""
_PIECE = 1 << 18
_LARGEST_REFUSAL = 1 << 16
_MOST_HOPS = 4


class HttpLister:
    """Lists a prefix of a store.

    Parameters
    ----------
    url : str
        Of the bucket or container, ending in a slash; for messages.
    prefix : Prefix
        Within it.
    address : callable
        From the token of a page (None for the first) to how that page is asked for.
    read : callable
        From a page's document to what it says.
    open_key : callable
        From a key to the source of the object.
    headers : mapping of str to str
        Sent with every request; they grant nothing.
    verify : bool or str
        See `HttpSource`.
    """

    def __init__(
        self,
        url: str,
        prefix: Prefix,
        *,
        address: Callable[[str | None], Addressing],
        read: Callable[[bytes], Answered],
        open_key: Callable[[str], Source],
        headers: Mapping[str, str] | None = None,
        verify: Verify = True,
    ) -> None:
        self.url = f"{url}{prefix.whole}"
        self._base = url
        self._prefix = prefix
        self._address = address
        self._read = read
        self._open_key = open_key
        self._headers = {
            "User-Agent": "nearline",
            "Accept-Encoding": "identity",
            **(headers or {}),
        }
        self._verify = verify

    def page(self, after: str | None, *, timeout: float) -> Page:
        """Ask for one page; see `Lister.page`."""
        asked = time.time()
        document = self._fetch(self._address(after), timeout)
        trouble = ""
        try:
            answered = self._read(document)
        except MalformedListing as problem:
            trouble = str(problem)
        if trouble:
            raise Unavailable(f"{self.url} was not listed: the server's answer is none: {trouble}.")
        objects = []
        for entry in answered.entries:
            name = self._prefix.name_of(entry.key)
            if name is not None:
                objects.append(
                    Listed(
                        f"{self._base}{entry.key}",
                        name,
                        entry.validator,
                        _Opener(self._open_key, entry.key),
                        entry.last_modified,
                        asked,
                    )
                )
        return Page(objects, answered.after)

    def _fetch(self, addressing: Addressing, timeout: float) -> bytes:
        for _ in range(_MOST_HOPS):
            url = self._next_url(addressing)
            count("requests")
            response = request(url, dict(self._headers), timeout=timeout, verify=self._verify)
            if response.status == 200:
                return self._body(response, url)
            refusal = Refusal(response.status, response.headers, _beginning(response))
            addressing.learn(refusal)
            if addressing.url() == url:
                raise refused_listing(self.url, refusal)
        raise Unavailable(f"{self.url} was not listed: its store redirects without end.")

    def _next_url(self, addressing: Addressing) -> str:
        try:
            return addressing.url()
        except PermissionError as refusal:
            # Of whoever gives the credentials to sign with.
            problem = AccessDenied(f"{self.url} cannot be listed: {refusal}.")
        raise problem

    def _body(self, response: BaseHTTPResponse, url: str) -> bytes:
        failure: Exception
        body = bytearray()
        try:
            # To its end: only there a body that was cut is told from a whole one.
            while len(body) <= _LARGEST and (piece := response.read(_PIECE)):
                count("bytes", len(piece))
                body += piece
        except (HTTPError, OSError, ValueError) as error:
            failure = translated(error, url)
        else:
            if len(body) <= _LARGEST:
                response.release_conn()
                return bytes(body)
            failure = Unavailable(f"{self.url} was not listed: the server's answer has no end.")
        response.close()
        # Outside of the handler: the transport's exception quotes signed URLs.
        raise failure


class _Opener:
    """Makes the source of one object."""

    __slots__ = ("_key", "_make")

    def __init__(self, make: Callable[[str], Source], key: str) -> None:
        self._make = make
        self._key = key

    def __call__(self) -> Source:
        return self._make(self._key)


def _beginning(response: BaseHTTPResponse) -> bytes:
    body = b""
    with suppress(HTTPError, OSError, ValueError):
        body = response.read(_LARGEST_REFUSAL)
    response.close()
    return body
