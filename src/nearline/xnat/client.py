"""Asking a server: tables and files, several at once, repeated when a fault passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from nearline.errors import AccessDenied, NearlineError, NotFound, Unavailable
from nearline.settings import Settings, current
from nearline.traffic import count

from . import answers, crew, extra
from .batches import Learned
from .pace import MOST, Pace
from .pickling import refuse_pickling
from .retrying import OVERLOAD, PASSING, delay_s
from .sessions import Login
from .watch import Watch

__all__ = ["Client", "FileAnswer", "ListRefused", "Unanswered"]

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

_CHUNK = 1 << 16
_TOO_LONG = frozenset([400, 413, 414, 431])
_TOO_MUCH = frozenset([0, 500, 502, 504])
"""Of lists; 0 is a timeout. One unreadable catalogue makes a list of good ones fail with 500."""

_RENEWALS = 2
_GARBLED = 2
"""Repetitions after an answer that was complete, yet not what was asked for."""


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """A file as it was answered.

    Attributes
    ----------
    data : bytes or None
        None if it was not modified.
    last_modified : str or None
        As the server wrote it, for the next conditional request.
    """

    data: bytes | None
    last_modified: str | None


class ListRefused(Exception):
    """The server, or a proxy before it, does not take a list of ids; a shorter one may do.

    Attributes
    ----------
    status : int
        HTTP status; 0 for a timeout, 204 for an answer with nothing in it.
    """

    def __init__(self, status: int) -> None:
        super().__init__(f"refused with {status}")
        self.status = status


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class _Passing(Exception):
    """A fault after which the request is repeated."""

    def __init__(
        self, why: str, *, status: int = -1, asked: float | None = None, garbled: bool = False
    ) -> None:
        super().__init__(why)
        self.status = status
        self.asked = asked
        self.garbled = garbled


class Unanswered(Unavailable):
    """The server answers, but not this: there may be nothing for it to tell about."""


class Client:
    """Asks one server on behalf of one login, with at most eight requests at once.

    Parameters
    ----------
    login : Login
        From `nearline.xnat.sessions.connect`; closing it is the caller's business.
    settings : Settings, optional
        Timeout and retries; by default those in force.

    Attributes
    ----------
    pace : Pace
        Bounds the requests under way.
    learned : dict of str to Learned
        About lists of ``resources`` and of ``files``.
    """

    def __init__(self, login: Login, settings: Settings | None = None) -> None:
        self.login = login
        self.settings = settings or current()
        self.pace = Pace(min(MOST, self.settings.max_requests))
        self._watch = Watch(self.settings.timeout)
        self.learned = {"resources": Learned(), "files": Learned()}

    def __repr__(self) -> str:
        return f"<client of {self.login!r}>"

    def __reduce__(self) -> NoReturn:
        refuse_pickling("client")

    @property
    def server(self) -> str:
        """URL without credentials."""
        return self.login.server

    @property
    def user(self) -> str:
        """Who asks; empty for the guest."""
        return self.login.user

    @property
    def lists(self) -> bool | None:
        """Whether the server knows lists of ids; None while that is unknown. May be set."""
        return self.learned["resources"].known

    @lists.setter
    def lists(self, known: bool | None) -> None:
        for learned in self.learned.values():
            learned.known = known

    # --- questions ------------------------------------------------------------------

    def table(
        self,
        path: str,
        *,
        about: str = "",
        params: Mapping[str, str] | None = None,
        listed: bool = False,
    ) -> list[dict[str, str]]:
        """Ask for a table.

        Parameters
        ----------
        path : str
            Below the server, percent-encoded.
        about : str, optional
            What it tells about, for messages: "the experiments of project ALFA".
        params : mapping of str to str, optional
            Of the query.
        listed : bool, optional
            The path holds a list of ids: what may be due to its length is raised as
            `ListRefused` instead.

        Raises
        ------
        NotFound, AccessDenied, Unavailable
            There is no such table, it may not be seen, or the server keeps failing.
        ListRefused
            See `listed`.
        """
        about = about or path
        query = {**(params or {}), "format": "json"}

        def read(answer: _Answer) -> list[dict[str, str]]:
            try:
                return answers.table(answer.body)
            except answers.NotATable as error:
                status = 204 if not answer.body.strip() else 200
                why = f"it answered with {error}"
                raise _Passing(why, status=status, garbled=True) from None

        return self._ask(path, query, about, read, listed=listed)

    def file(
        self,
        uri: str,
        *,
        if_modified_since: str | None = None,
        about: str = "",
        size: int | None = None,
        params: Mapping[str, str] | None = None,
    ) -> FileAnswer:
        """Ask for the bytes of a file.

        Parameters
        ----------
        uri : str
            Below the server, percent-encoded, with or without ``/data``.
        if_modified_since : str, optional
            `last_modified` of the answer that brought the bytes held.
        about : str, optional
            For messages: "aseg.stats of session 0012_MR1".
        size : int, optional
            As listed. An empty answer is believed only where this is 0.
        params : mapping of str to str, optional
            Of the query.

        Raises
        ------
        NotFound, AccessDenied, Unavailable
            There is no such file, it may not be read, or the server keeps failing.
        """

        def read(answer: _Answer) -> FileAnswer:
            if answer.status == 304:
                count("revalidations")
                return FileAnswer(None, if_modified_since)
            if not answer.body and size != 0:
                raise _Passing("it answered with nothing at all", garbled=True)
            return FileAnswer(answer.body, answer.headers.get("Last-Modified"))

        headers = {} if if_modified_since is None else {"If-Modified-Since": if_modified_since}
        return self._ask(uri, params or {}, about or uri, read, headers=headers)

    def text(self, path: str, *, about: str = "", params: Mapping[str, str] | None = None) -> str:
        """Ask for a short text.

        Raises
        ------
        NotFound, AccessDenied, Unavailable
            See `file`.
        """

        def read(answer: _Answer) -> str:
            return answer.body.decode("utf-8", "replace")

        return self._ask(path, params or {}, about or path, read)

    def each(
        self, function: Callable[[Item], Outcome], items: Iterable[Item]
    ) -> Iterator[tuple[Item, Outcome | NearlineError]]:
        """Call a function for every item in several threads, and yield what it returned.

        Items are taken as they are needed, results come as they are ready. A `NearlineError`
        takes the place of the result; any other error stops everything and is raised. Closing
        the iterator stops everything as well; requests under way are left to their threads.

        Parameters
        ----------
        function : callable
            Called with one item, in any thread.
        items : iterable
            Each is used once.
        """
        return crew.each(function, items, workers=self.pace.most)

    # --- one request ----------------------------------------------------------------

    def _ask(
        self,
        path: str,
        params: Mapping[str, str],
        about: str,
        read: Callable[[_Answer], Outcome],
        *,
        headers: Mapping[str, str] | None = None,
        listed: bool = False,
    ) -> Outcome:
        """Send a request until it is answered; the only place where data is asked for twice."""
        failures = garbled = renewals = 0
        attempts = self._watch.attempts(self.settings.retries)
        if not attempts:
            raise Unavailable(f"{self.server} stopped answering; it was not asked for {about}.")
        while True:
            try:
                seen = self.login.generation
                answer, renewable = self._once(path, params, headers or {})
                if renewable:
                    renewals += 1
                    self._renew(seen, about, renewals, answer)
                    continue
                if listed and answer.status in _TOO_LONG:
                    raise ListRefused(answer.status)
                self._judge(answer, about)
                return read(answer)
            except _Passing as fault:
                failures += 1
                garbled += fault.garbled
                if listed and failures >= min(2, attempts) and fault.status in (204, *_TOO_MUCH):
                    raise ListRefused(fault.status) from None
                if failures >= attempts or garbled > _GARBLED:
                    raise self._given_up(fault, about, failures) from None
                count("retries")
                crew.pause(delay_s(failures, fault.asked))

    def _given_up(self, fault: _Passing, about: str, failures: int) -> Unavailable:
        times = "once" if failures == 1 else f"{failures} times"
        message = f"{self.server} did not give {about}, asked {times}: {fault}."
        if fault.garbled or fault.status == 500:
            return Unanswered(message)
        self._watch.given_up()
        return Unavailable(message)

    def _once(
        self, path: str, params: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[_Answer, bool]:
        """Send one request; also tells whether the login has expired."""
        requests = extra.requests()
        with self.pace.turn(crew.stopped()) as era:
            count("requests")
            try:
                response = self.login.request("GET", path, params=params, headers=headers)
                with response:
                    body = self._body(response)
            except requests.exceptions.Timeout:
                self.pace.trouble(era)
                raise _Passing(
                    f"nothing came for {self.settings.timeout:g} seconds", status=0
                ) from None
            except requests.RequestException as error:
                if "CERTIFICATE_VERIFY_FAILED" in str(error):
                    why = f"The certificate of {self.server} cannot be verified."
                    raise Unavailable(why) from None
                timeout = "timed out" in str(error)
                if timeout:
                    self.pace.trouble(era)
                why = "nothing came in time" if timeout else "the connection broke"
                raise _Passing(why, status=0 if timeout else -1) from None
            if response.status_code in OVERLOAD:
                self.pace.trouble(era)
            elif response.ok:
                self.pace.good()
            if response.status_code < 500 and response.status_code not in OVERLOAD:
                self._watch.answered()
        answer = _Answer(response.status_code, response.headers, body)
        renewable = (
            answer.status == 401
            or self.login.expired(response)
            or (answer.status == 200 and answers.is_login_page(body))
        )
        return answer, renewable

    @staticmethod
    def _body(response: Any) -> bytes:
        parts = []
        for part in response.iter_content(_CHUNK):
            count("bytes", len(part))
            parts.append(part)
        body = b"".join(parts)
        missing = answers.missing_bytes(response.headers, len(body))
        if missing and response.status_code == 200:
            raise _Passing(f"its answer lacks the last {missing} bytes")
        return body

    def _renew(self, seen: int, about: str, renewals: int, answer: _Answer) -> None:
        who = self.user or "a guest"
        said = "a login page" if answers.is_page(answer.body) else answers.words(answer.body)
        if renewals > _RENEWALS or not self.login.renew(seen):
            raise AccessDenied(
                f"{self.server} no longer accepts the login of {who}, asked for {about} "
                f"({answer.status} {said}): connect again."
            )

    def _judge(self, answer: _Answer, about: str) -> None:
        """Raise unless an answer is a good one."""
        if answer.status == 304:
            return
        said = answers.words(answer.body)
        said = f" ({said})" if said else ""
        if answer.status in (204, 404, 410):
            raise NotFound(
                f"{self.server} does not find {about}{said}: it is not there, or hidden from "
                f"{self.user or 'guests'}."
            )
        if answer.status == 403:
            who = self.user or "A guest"
            raise AccessDenied(f"{who} may not see {about} at {self.server}{said}.")
        if answer.status in PASSING:
            raise _Passing(
                f"it answered {answer.status}{said}",
                status=answer.status,
                asked=answers.retry_after_s(answer.headers),
            )
        if answer.status != 200:
            raise Unavailable(
                f"{self.server} answered {answer.status}{said} when asked for {about}."
            )
        if answers.is_page(answer.body):
            raise _Passing("it answered with a web page", garbled=True)
