"""Fetching the files of sessions: once, kept as they come, and twice where they are in doubt."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from hashlib import md5, sha256
from typing import TYPE_CHECKING

from nearline.errors import NearlineError, NotFound, ObjectChanged

from . import sync
from .held import HeldFile, Listed
from .session_work import Failure, Unlisted, Work

if TYPE_CHECKING:
    from nearline.xnat.client import FileAnswer
    from nearline.xnat.inventory import File, Resource

    from .origin import Origin
    from .records import Scope
    from .store import MeasurementStore

__all__ = ["Fetching"]


@dataclass(frozen=True)
class _Request:
    """A file to ask for; `held` is what the server shall compare with."""

    session: Work
    listed: Listed
    held: HeldFile | None


@dataclass(frozen=True)
class _Doubtful:
    """Bytes that contradict what the server lists."""

    data: bytes
    http_modified: str


class Fetching:
    """Fetches what sessions wait for.

    Parameters
    ----------
    origin : Origin
        The server.
    store : MeasurementStore
        Where files are kept.
    scope, number : Scope, int
        What they are about, and its number in the store.
    level : str
        Level of verification.
    force : bool
        Trust nothing that is held.
    complete : callable
        Called with each session when all its files have come or failed.
    give_up : callable
        Called with experiment ids that were asked for, answers and errors: settles the sessions
        that were not answered for.
    """

    def __init__(
        self,
        origin: Origin,
        store: MeasurementStore,
        scope: Scope,
        number: int,
        level: sync.Level,
        *,
        force: bool,
        complete: Callable[[Work], None],
        give_up: Callable[[Iterable[str], Mapping[str, object], Mapping[str, NearlineError]], None],
    ) -> None:
        self.origin = origin
        self.store = store
        self.scope = scope
        self.number = number
        self.level = level
        self.force = force
        self.complete = complete
        self.give_up = give_up
        self._tried = False

    def run(self, sessions: Iterable[Work | Unlisted]) -> None:
        """Fetch what is needed, and commit each session when its files are here.

        Sessions are taken as files are needed: while some are still being listed, the files of
        others come.
        """
        doubtful: dict[str, tuple[Work, dict[str, _Doubtful]]] = {}
        for item, outcome in self.origin.each(self._ask, self._requests(sessions)):
            if isinstance(item, Unlisted):
                self.give_up([item.experiment], {}, item.errors)
                continue
            if isinstance(item, Work):
                self.complete(item)
                continue
            session, path = item.session, item.listed.path
            session.waiting.discard(path)
            if isinstance(outcome, _Doubtful):
                one = session.experiment.id
                doubtful.setdefault(one, (session, {}))[1][path] = outcome
            elif outcome is not None:
                self._take(session, path, outcome)
            if not session.waiting and session.experiment.id not in doubtful:
                self.complete(session)
        self._settle(doubtful)

    def _requests(
        self, sessions: Iterable[Work | Unlisted]
    ) -> Iterator[_Request | Work | Unlisted]:
        """Yield what to ask for, and as they are: sessions that need nothing, and unlisted ones.

        Runs in workers. A session is complete before the first of its requests is seen.
        """
        for session in sessions:
            if isinstance(session, Unlisted):
                yield session
                continue
            requests = self._wanted(session)
            session.waiting |= {request.listed.path for request in requests}
            if requests:
                yield from requests
            else:
                yield session

    def _wanted(self, session: Work) -> list[_Request]:
        requests: list[_Request] = []
        outdated: list[tuple[str, str]] = []
        for path in sorted({path for one in session.choices.values() for path in one.paths}):
            self._try_conditions(session, path)
            step = self._step(session, path, not_modified=bool(self.origin.not_modified))
            session.vouchers[path] = step.voucher
            held = session.files.get(path)
            if step.outdated:
                outdated.append((session.experiment.id, path))
                del session.files[path]
            if step.action != "keep":
                conditional = held if step.action == "ask" else None
                requests.append(_Request(session, session.listing[path], conditional))
        if outdated:
            # Known to be wrong: a run that dies now must not leave them to be vouched for.
            self.store.drop_files(self.number, outdated)
        return requests

    def _step(self, session: Work, path: str, *, not_modified: bool) -> sync.Step:
        return sync.file_step(
            self.level,
            session.listing[path],
            session.files.get(path),
            renewed=session.renewed,
            stamp=session.stamp,
            force=self.force,
            not_modified=not_modified,
        )

    def _try_conditions(self, session: Work, path: str) -> None:
        """Find out whether the server answers conditions, if a file could be asked with one."""
        if self._tried or self.origin.not_modified is not None or self.force:
            return
        if self._step(session, path, not_modified=True).action != "ask":
            return
        self._tried = True
        listed = session.listing[path]
        # A server in trouble now is asked for the bytes.
        with suppress(NearlineError):
            self.origin.try_conditions(listed.uri, about=self._about(session, listed))

    def _take(self, session: Work, path: str, outcome: HeldFile | NearlineError) -> None:
        if isinstance(outcome, HeldFile):
            session.files[path] = outcome
        elif isinstance(outcome, NotFound):
            why = f"{path} is listed, but the server does not find it ({outcome})"
            session.failures[path] = Failure("file missing", why)
        else:
            session.failures[path] = Failure.of(outcome)

    def _ask(self, request: _Request | Work | Unlisted) -> HeldFile | _Doubtful | None:
        """Ask for one file; runs in a worker, and keeps what came at once."""
        if not isinstance(request, _Request):
            return None
        listed, held = request.listed, request.held
        since = held.http_modified if held is not None else None
        answer = self._answer(request.session, listed, since)
        if answer.data is None:
            if held is None:
                raise ObjectChanged(f"{listed.uri} was answered without its bytes.")
            return replace(held, uri=listed.uri)
        known = request.session.files.get(listed.path)
        file = _held(listed, answer.data, answer.last_modified, request.session.stamp, known)
        if _contradicts(listed, file):
            return _Doubtful(answer.data, answer.last_modified or "")
        self.store.keep_file(self.number, request.session.experiment.id, file, answer.data)
        request.session.vouchers[listed.path] = "fetched"
        return file

    def _settle(self, doubtful: Mapping[str, tuple[Work, dict[str, _Doubtful]]]) -> None:
        """List again the sessions whose files contradict their listing, and read these twice."""
        if not doubtful:
            return
        resources = self._resources_of([session for session, _ in doubtful.values()])
        listings: dict[str, tuple[File, ...]] = {}
        errors: dict[str, NearlineError] = {}
        for told, failed in self.origin.files(resources):
            listings |= told
            errors |= failed
        self.give_up(doubtful, listings, errors)
        again: list[tuple[_Request, _Doubtful]] = []
        for one, (session, files) in doubtful.items():
            if one not in listings:
                continue
            mine = (file for file in listings[one] if file.resource_id == resources[one].id)
            session.listing |= {file.path: Listed.of(file) for file in mine}
            session.renewed = True
            for path, first in files.items():
                session.waiting.add(path)
                again.append((_Request(session, session.listing[path], None), first))
        for (request, _), outcome in self.origin.each(self._ask_again, again):
            session, path = request.session, request.listed.path
            session.waiting.discard(path)
            self._take(session, path, outcome)
            if not session.waiting:
                self.complete(session)

    def _ask_again(self, pair: tuple[_Request, _Doubtful]) -> HeldFile:
        """Read a file a second time: two equal answers go before what is listed."""
        request, first = pair
        listed, session = request.listed, request.session
        answer = self._answer(session, listed, None)
        if answer.data is None:
            raise ObjectChanged(f"{listed.uri} was answered without its bytes.")
        file = _held(listed, answer.data, answer.last_modified, session.stamp, None)
        if _contradicts(listed, file):
            if answer.data != first.data:
                raise ObjectChanged(
                    f"{listed.uri} gave other bytes each time, and none that its digest or size "
                    "in the listing fits; it may be written at this moment."
                )
            file = replace(file, stale=listed.digest)
        self.store.keep_file(self.number, session.experiment.id, file, answer.data)
        session.vouchers[listed.path] = "fetched"
        return file

    def _answer(self, session: Work, listed: Listed, since: str | None) -> FileAnswer:
        about = self._about(session, listed)
        return self.origin.file(listed.uri, since, about=about, size=listed.size)

    def _about(self, session: Work, listed: Listed) -> str:
        one = session.experiment
        return f"{listed.path} of session {one.label} ({one.id}, project {self.scope.project})"

    def _resources_of(self, sessions: Sequence[Work]) -> dict[str, Resource]:
        """Return the resources that were chosen; ask again for those of the last run."""
        known = {one.experiment.id: one.resource for one in sessions}
        found, _ = self.origin.resources(
            [one for one, resource in known.items() if resource is None], self.scope.place
        )
        for one, rows in found.items():
            known[one], _, _ = sync.pick_resource(rows, self.scope.resource, self.scope.place)
        return {one: resource for one, resource in known.items() if resource is not None}


def _held(
    listed: Listed, data: bytes, modified: str | None, stamp: str, known: HeldFile | None
) -> HeldFile:
    """Describe bytes that have come; a digest known to be stale stays so."""
    stale = known.stale if known is not None and known.stale == listed.digest else ""
    return HeldFile(
        listed.path,
        listed.resource_id,
        listed.uri,
        sha256(data).hexdigest(),
        md5(data, usedforsecurity=False).hexdigest(),
        len(data),
        stale,
        modified if modified and _settled(modified) else "",
        stamp,
        time.time(),
    )


_SKEW_S = 300.0
"""By how much the clocks of two machines may differ."""


def _settled(modified: str) -> bool:
    """Whether a file is so old that a later change shows in its date, which counts seconds."""
    try:
        when = parsedate_to_datetime(modified).timestamp()
    except (TypeError, ValueError, OverflowError):
        return False
    return when < time.time() - _SKEW_S


def _contradicts(listed: Listed, file: HeldFile) -> bool:
    """Whether bytes are others than those that the server lists, as far as it tells."""
    if listed.digest and listed.digest != file.stale:
        return listed.digest != file.md5
    return not file.stale and listed.size is not None and listed.size != file.size
