"""An XNAT as the origin of a run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar

from nearline.errors import NearlineError
from nearline.traffic import counters, using
from nearline.xnat import inventory
from nearline.xnat.client import Client, FileAnswer
from nearline.xnat.inventory import Assessor, Experiment, File, Resource
from nearline.xnat.sessions import connect, identity

if TYPE_CHECKING:
    from .store import MeasurementStore
    from .sync import Place

__all__ = ["XnatOrigin", "opened", "whose"]

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


def whose(c: Any, store: MeasurementStore, **login: Any) -> tuple[str, str]:
    """Return server and user of what `opened` takes, without asking anybody.

    Of an alias token it is remembered whose it was when it was last used.
    """
    server, user = identity(c, **login)
    held = store.capabilities(server, _token(server, user)) or {}
    return server, str(held.get("user", user))


def _token(server: str, alias: str) -> str:
    """Return what stands for an alias token: its name opens nothing, and is not kept either."""
    return "token " + sha256(f"{alias} at {server}".encode()).hexdigest()


@contextmanager
def opened(c: Any, store: MeasurementStore, **login: Any) -> Iterator[XnatOrigin]:
    """Log in, unless the user is, and log out again.

    What the server was found to be able to do is remembered for the next run.
    """
    found = connect(c, **login)
    client = Client(found)
    if found.alias:
        store.remember(found.server, _token(found.server, found.alias), {"user": found.user})
    # A login that was handed over is its owner's to close.
    origin = XnatOrigin(
        client, store.capabilities(client.server, client.user) or {}, found is not c
    )
    try:
        yield origin
    finally:
        origin.leave()
        origin.gone()
        if origin.known != origin.remembered:
            store.remember(origin.server, origin.user, origin.known)


class XnatOrigin:
    """An XNAT, through a client.

    Parameters
    ----------
    client : Client
        Logged in.
    remembered : mapping
        What was known about the server when the run began.
    closes : bool
        Whether `leave` logs out.
    """

    offline = False

    def __init__(self, client: Client, remembered: Mapping[str, Any], closes: bool) -> None:
        self._client = client
        self._closes = closes
        self.remembered = dict(remembered)
        if time.time() - self.remembered.get("since", 0.0) > _FORGET_S:
            # Servers are renewed, and so is what stands before them.
            self.remembered = {"since": time.time()}
        for kind, (known, longest) in self.remembered.get("lists", {}).items():
            if kind in client.learned:
                client.learned[kind].known = known
                client.learned[kind].longest = longest
        self._not_modified: bool | None = self.remembered.get("not_modified")
        self._leaving: threading.Thread | None = None
        self._projects: dict[str, str] = {}
        self._assessors: dict[str, tuple[Assessor, ...]] = {}
        self._rows: dict[tuple[str, str], tuple[Resource, ...]] = {}

    @property
    def server(self) -> str:
        """URL without credentials."""
        return self._client.server

    @property
    def user(self) -> str:
        """Who asks; empty for the guest."""
        return self._client.user

    @property
    def not_modified(self) -> bool | None:
        """Whether conditional requests are answered; None while that is unknown."""
        return self._not_modified

    def leave(self) -> None:
        """Begin to log out, once: what is left to do needs no server."""
        if not self._closes:
            return
        self._closes = False
        carried = counters()

        def close() -> None:
            with using(carried):
                self._client.login.close()

        self._leaving = threading.Thread(target=close, name="nearline-xnat-logout", daemon=True)
        self._leaving.start()

    def gone(self) -> None:
        """Wait until that is done."""
        if self._leaving is not None:
            self._leaving.join()

    def try_conditions(self, uri: str, *, about: str) -> None:
        """Find out whether conditional requests are answered, and rightly, with two of them."""
        first = self._client.file(uri, if_modified_since=_LONG_AGO, about=about)
        answers = first.data is not None and first.last_modified is not None
        if answers:
            again = self._client.file(uri, if_modified_since=first.last_modified, about=about)
            answers = again.data is None
        self._not_modified = answers

    @property
    def known(self) -> dict[str, Any]:
        """What to remember about the server."""
        return self.remembered | {
            "lists": {kind: [one.known, one.longest] for kind, one in self._client.learned.items()},
            "not_modified": self._not_modified,
        }

    def experiments(self, project: str, *, shared: bool, place: Place) -> Sequence[Experiment]:
        """List all sessions of a project.

        Where results may lie in assessors, a session is as new as these.
        """
        found = inventory.experiments(self._client, project, shared=shared)
        self._projects |= {one.id: one.project for one in found if not one.shared}
        if place == "session":
            return found
        theirs: dict[str, list[Assessor]] = {}
        for one in inventory.assessors(self._client, project, xsi_type=None):
            theirs.setdefault(one.session_id, []).append(one)
        self._assessors |= {session: tuple(held) for session, held in theirs.items()}
        return [
            replace(one, last_modified=_joined(one, theirs[one.id])) if one.id in theirs else one
            for one in found
        ]

    def resources(
        self, experiments: Sequence[str], place: Place, known_empty: Iterable[str] = ()
    ) -> tuple[Mapping[str, tuple[Resource, ...]], Mapping[str, NearlineError]]:
        """List the resources of sessions, each once in a run, and the errors."""
        unknown = [one for one in experiments if (one, place) not in self._rows]
        of = [held for one in unknown for held in self._assessors.get(one, ())]
        found, errors = inventory.resources(
            self._client, unknown, place=place, of=of, known_empty=set(known_empty)
        )
        self._rows |= {(one, place): rows for one, rows in found.items()}
        told = {one: self._rows[one, place] for one in experiments if (one, place) in self._rows}
        return told, errors

    def files(
        self, resources: Mapping[str, Resource]
    ) -> Iterator[tuple[Mapping[str, tuple[File, ...]], Mapping[str, NearlineError]]]:
        """List the files of one resource each, see `Origin`."""
        return inventory.files_as_told(self._client, resources, projects=self._projects)

    def file(self, uri: str, since: str | None, *, about: str, size: int | None) -> FileAnswer:
        """Return the bytes of a file, or none if it was not modified since."""
        return self._client.file(uri, if_modified_since=since, about=about, size=size)

    def each(
        self, function: Callable[[Item], Outcome], items: Iterable[Item]
    ) -> Iterator[tuple[Item, Outcome | NearlineError]]:
        """Call a function for every item, several at once, and yield what it returned."""
        return self._client.each(function, items)


_LONG_AGO = "Thu, 01 Jan 1970 00:00:01 GMT"

_FORGET_S = 7 * 24 * 3600.0
"""How long what a server can do is remembered."""


def _joined(session: Experiment, assessors: Sequence[Assessor]) -> str:
    ages = sorted(f"{one.id}={one.last_modified}" for one in assessors)
    return ";".join([session.last_modified, *ages])
