"""Sessions on servers: one for each login and process, shared by all objects, closed at its end."""

from __future__ import annotations

import atexit
import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from nearline.errors import InvalidOption, NearlineError
from nearline.settings import Settings
from nearline.xnat import sessions
from nearline.xnat.address import encoded, parse
from nearline.xnat.client import Client
from nearline.xnat_storage.place import Place, XnatOptions

__all__ = ["Visit", "close_all", "visit_of", "who"]

_FRESH_S = 600.0
"""How long what a catalogue says is believed."""


@dataclass
class _Catalogue:
    """Digests of a resource's files by path, and when they were asked for."""

    digests: dict[str, str]
    asked: float


@dataclass
class Visit:
    """One session on a server.

    Attributes
    ----------
    client : Client
        Logged in.
    """

    client: Client
    _catalogues: dict[str, _Catalogue] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def learn(self, resource: str, digests: dict[str, str]) -> None:
        """Keep what a listing has said of a resource (its path from ``/data`` on)."""
        with self._lock:
            self._catalogues[resource] = _Catalogue(digests, time.monotonic())

    def digest(self, resource: str, path: str, *, since: float) -> str:
        """Return the MD5 that the catalogue has of a file, empty where it has none.

        Parameters
        ----------
        since : float
            Monotonic time; what was asked before does not count.
        """
        with self._lock:
            held = self._catalogues.get(resource)
            if held is None or held.asked < since:
                asked = time.monotonic()
                held = _Catalogue(self._ask(resource), asked)
                self._catalogues[resource] = held
            return held.digests.get(path, "")

    def recent(self) -> float:
        """Return the monotonic time since when catalogues are believed."""
        return time.monotonic() - _FRESH_S

    def _ask(self, resource: str) -> dict[str, str]:
        try:
            rows = self.client.table(f"{encoded(resource)}/files", about=f"the files of {resource}")
        except NearlineError:
            # Without a catalogue there is nothing to compare with; the file was answered.
            return {}
        found = {}
        for row in rows:
            below = unquote(row.get("URI", "").partition("/files/")[2])
            found[below] = row.get("digest", "").lower()
        return found


_visits: dict[Any, Visit] = {}
_lock = threading.Lock()


def visit_of(place: Place, options: XnatOptions, settings: Settings) -> Visit:
    """Return the process's session on a server; log in if there is none.

    Raises
    ------
    AccessDenied, NotFound, Unavailable, InvalidOption
        As `nearline.xnat.sessions.connect`.
    """
    key = _key(place, options)
    with _lock:
        visit = _visits.get(key)
        if visit is None:
            login = sessions.connect(
                options.login or place.server, **_wishes(options), settings=settings
            )
            visit = _visits[key] = Visit(Client(login, settings))
        return visit


def who(place: Place, options: XnatOptions) -> str:
    """Return who reads, without asking anybody; empty for the guest.

    Raises
    ------
    InvalidOption
        The login is one on another server.
    """
    server, user = sessions.identity(options.login or place.server, **_wishes(options))
    if options.login is not None and server != parse(place.server).server:
        raise InvalidOption(f"{place.url} does not lie on {server}, where the login is.")
    return user


def _wishes(options: XnatOptions) -> dict[str, Any]:
    return {} if options.login is not None else options.wishes


def _key(place: Place, options: XnatOptions) -> Any:
    if options.login is not None:
        return id(options.login)
    return place.server, tuple(options.wishes.items())


def close_all() -> None:
    """End the sessions that are ours."""
    with _lock:
        visits = list(_visits.values())
        _visits.clear()
    for visit in visits:
        with suppress(Exception):
            visit.client.login.close()


def _in_child() -> None:
    """Leave the sessions to the parent: their sockets are shared, and it may still need them."""
    global _lock
    _lock = threading.Lock()
    _inherited.extend(_visits.values())
    _visits.clear()


_inherited: list[Visit] = []

atexit.register(close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
