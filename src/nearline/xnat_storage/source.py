"""One file of an XNAT, as a source of bytes."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nearline.errors import (
    AccessDenied,
    NearlineError,
    NotFound,
    NotPicklable,
    ObjectChanged,
    Unavailable,
    UnsafeAfterFork,
)
from nearline.provenance import Validator
from nearline.settings import Settings, current
from nearline.storage.pieces import pieces
from nearline.storage.source import Answer, Buffer, Transient
from nearline.storage.url import identity
from nearline.traffic import count
from nearline.xnat import answers, extra
from nearline.xnat.retrying import OVERLOAD, PASSING
from nearline.xnat_storage.place import Place, XnatOptions, parse
from nearline.xnat_storage.visits import Visit, visit_of, who

__all__ = ["XnatSource", "open_source"]

_PIECE = 1 << 18
_VERIFIED = 128 << 20
"""Files up to this size are compared with their digest before anybody sees a byte of them."""

_RENEWALS = 2


def open_source(
    url: str, *, storage_options: Mapping[str, Any], settings: Settings | None
) -> XnatSource:
    """Open an ``xnat://`` URL; nothing is asked yet.

    Raises
    ------
    UnsupportedUrl, InvalidOption
        The URL or its options cannot be understood.
    """
    options = XnatOptions.parse(storage_options)
    return XnatSource(parse(url), options, settings or current())


@dataclass
class _Got:
    """The headers of a good answer, and its body."""

    response: Any
    pieces: Iterator[bytes]

    @property
    def validator(self) -> Validator:
        headers = self.response.headers
        length = headers.get("Content-Length", "")
        plain = headers.get("Content-Encoding", "identity") == "identity"
        return Validator(
            size=int(length) if plain and length.isdecimal() else None,
            last_modified=headers.get("Last-Modified"),
        )


class XnatSource:
    """A file of a resource, read as a whole: XNAT knows no ranges.

    Its version is its MD5 where XNAT's catalogue has that and the file is found to agree, its
    time and size where not.

    Parameters
    ----------
    place : Place
    options : XnatOptions
        As the user passed them; only these travel in a pickle.
    settings : Settings
        For the login.
    """

    in_place = False
    concurrent = False
    """Each read is a download: one of them does for all."""

    def __init__(self, place: Place, options: XnatOptions, settings: Settings) -> None:
        self.url = place.url
        user = who(place, options)
        self.signed = bool(user)
        # What one user may read, another may not.
        self.identity = identity(place.url, signed=self.signed) + (f" as {user}" if user else "")
        self._place = place
        self._options = options
        self._settings = settings
        self._user = user
        self._process = os.getpid()

    def __repr__(self) -> str:
        return f"<XnatSource {self.url}>"

    def __reduce__(self) -> tuple[Any, ...]:
        if self._options.login is not None:
            raise NotPicklable(
                f"{self.url} is read by a login that was passed as an object, which another "
                "process cannot share: pass user and password, or put them into ~/.netrc."
            )
        return XnatSource, (self._place, self._options, self._settings)

    def close(self) -> None:
        """Do nothing: the session on the server is shared, and closed with the process."""

    def read(
        self,
        start: int,  # noqa: ARG002 - the whole file comes anyway
        stop: int | None,  # noqa: ARG002
        *,
        pin: Validator | None = None,
        unless: Validator | None = None,
        timeout: float = 30.0,
    ) -> Answer:
        """Ask for the file; see `Source.read`."""
        if self._options.login is not None and os.getpid() != self._process:
            raise UnsafeAfterFork(
                f"{self.url} is read by a login that was passed as an object, whose connections "
                "two processes cannot share, and this process was forked since: pass user and "
                "password, or open it in the worker."
            )
        visit = visit_of(self._place, self._options, self._settings)
        headers = {"Accept-Encoding": "identity"}
        if unless is not None and unless.last_modified:
            headers["If-Modified-Since"] = unless.last_modified
        got = self._get(visit, headers, pin, timeout)
        if got is None:
            return Answer("unchanged", 0, 0, unless or Validator())
        found = got.validator
        if unless is not None and _plain(unless).same_version(found):
            # Not every XNAT heeds the condition.
            got.response.close()
            return Answer("unchanged", 0, 0, unless)
        if found.size is None or found.size > _VERIFIED:
            self._hold_to(pin, found)
            notes = ("too large to be compared with its digest before it is used",)
            close = got.response.close
            return Answer("whole", 0, found.size, found, got.pieces, close, notes=notes)
        whole = self._verified(visit, got, timeout)
        self._hold_to(pin, whole.validator)
        body = memoryview(whole.body)
        chunks: Iterator[Buffer] = iter((body,))
        return Answer("whole", 0, len(body), whole.validator, chunks, notes=whole.notes)

    # --- what the catalogue says --------------------------------------------------------

    def _verified(self, visit: Visit, got: _Got, timeout: float) -> _Whole:
        """Take the body, and compare it with the catalogue's digest.

        A catalogue may be stale as well: a digest survives the overwriting of its file where
        the server takes none, and changes on disk behind its back are not known to it. What
        comes the same twice is the file.
        """
        begun = time.monotonic()
        found, body = got.validator, b"".join(got.pieces)
        resource = self._place.resource
        if resource is None:
            return _Whole(body, found)
        mine = hashlib.md5(body, usedforsecurity=False).hexdigest()
        for since in (visit.recent(), begun):
            told = visit.digest(*resource, since=since)
            if not told:
                return _Whole(body, found, ("XNAT has no digest of it to compare with",))
            if told == mine:
                return _Whole(
                    body, Validator(len(body), f'"{mine}"', last_modified=found.last_modified)
                )
        count("requests")
        again = self._get(visit, {"Accept-Encoding": "identity"}, None, timeout)
        if again is None or b"".join(again.pieces) != body:
            raise Transient(f"{self.url}: two downloads of it differ.")
        return _Whole(body, found, ("its digest in XNAT's catalogue is that of another file",))

    def _hold_to(self, pin: Validator | None, found: Validator) -> None:
        if pin is not None and pin.pins and not found.same_version(pin):
            raise ObjectChanged(
                f"{self.url} changed while it was being read. Open it again to read the new "
                "version.",
                current=found,
            )

    # --- requests -------------------------------------------------------------------------

    def _get(
        self, visit: Visit, headers: Mapping[str, str], pin: Validator | None, timeout: float
    ) -> _Got | None:
        """Send one request, again after logging in anew; None if the file was not modified."""
        login = visit.client.login
        for renewals in range(_RENEWALS + 1):
            seen = login.generation
            with visit.client.pace.turn() as era:
                got, expired = self._once(visit, headers, timeout)
                status = got.response.status_code
                if status in OVERLOAD:
                    visit.client.pace.trouble(era)
                elif got.response.ok:
                    visit.client.pace.good()
            if not expired:
                self._judge(got, pin)
                return None if status == 304 else got
            got.response.close()
            if renewals == _RENEWALS or not login.renew(seen):
                break
            count("requests")
        raise AccessDenied(
            f"{self.url}: the server no longer accepts the login of {self._user or 'a guest'}: "
            "check user and password in storage_options, the environment (XNAT_USER and "
            "XNAT_PASS) or ~/.netrc."
        )

    def _once(self, visit: Visit, headers: Mapping[str, str], timeout: float) -> tuple[_Got, bool]:
        """Send one request; tells also whether it was answered to somebody not logged in."""
        login, requests = visit.client.login, extra.requests()
        failure: NearlineError
        try:
            response = login.request(
                "GET", self._place.request_path, headers=headers, timeout=timeout
            )
        except requests.RequestException as error:
            failure = (
                Unavailable(f"{self.url}: the certificate of its server cannot be verified.")
                if "CERTIFICATE_VERIFY_FAILED" in str(error)
                else Transient(f"{self.url} was not answered ({type(error).__name__}).")
            )
        else:
            if response.status_code == 401 or login.expired(response):
                return _Got(response, iter(())), True
            got = _Got(response, _pieces(response, self.url))
            first = next(got.pieces, b"")
            if response.status_code == 200 and answers.is_login_page(first):
                return got, True
            return _Got(response, _after(first, got.pieces)), False
        raise failure

    def _judge(self, got: _Got, pin: Validator | None) -> None:
        """Raise unless an answer is a good one."""
        response = got.response
        status = response.status_code
        if status == 304:
            response.close()
            return
        if status == 200:
            return
        first = next(got.pieces, b"")
        response.close()
        said = answers.words(first)
        said = f" ({said})" if said else ""
        if status in (204, 404, 410):
            if pin is not None:
                raise ObjectChanged(f"{self.url} was removed while it was being read{said}.")
            raise NotFound(
                f"There is no file {self.url}{said}, or it is hidden from {self._user or 'guests'}."
            )
        if status == 403:
            raise AccessDenied(
                f"{self._user or 'A guest'} may not read {self.url}{said}: ask for permission, or "
                "give another user and password in storage_options."
            )
        if status in PASSING:
            wait = answers.retry_after_s(response.headers)
            raise Transient(f"{self.url}: the server answers {status}{said}.", retry_after=wait)
        raise Unavailable(f"{self.url} was not read: the server answers {status}{said}.")


@dataclass(frozen=True, slots=True)
class _Whole:
    """A file, and what it is known by."""

    body: bytes
    validator: Validator
    notes: tuple[str, ...] = field(default=())


def _plain(known: Validator) -> Validator:
    """Return a version without the digest, which answers do not have."""
    return Validator(known.size, last_modified=known.last_modified)


def _after(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from pieces


def _pieces(response: Any, url: str) -> Iterator[bytes]:
    """Yield the body, and see that it is whole."""
    source = response.iter_content(_PIECE)

    def missing(received: int) -> int:
        whole = response.status_code == 200
        return answers.missing_bytes(response.headers, received) if whole else 0

    return pieces(lambda: next(source, b""), missing, url)
