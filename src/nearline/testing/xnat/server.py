"""An XNAT on loopback that unmodified clients can read from."""

from __future__ import annotations

import fnmatch
import ssl
from collections import Counter
from collections.abc import Container, Mapping
from email.utils import formatdate
from typing import Self
from urllib.parse import unquote, urlsplit

from nearline.testing.exchange import Exchange, Reply
from nearline.testing.faults import Fault
from nearline.testing.loopback import LoopbackServer
from nearline.testing.request_log import LoggedRequest
from nearline.testing.xnat.accounts import Accounts
from nearline.testing.xnat.archive import Archive
from nearline.testing.xnat.behaviour import Behaviour
from nearline.testing.xnat.call import Call
from nearline.testing.xnat.data import answer_data
from nearline.testing.xnat.site import answer_site
from nearline.testing.xnat.tables import status_page

__all__ = ["Misbehaviour", "SimulatedXnat"]

_USERS = {"admin": "admin"}


class Misbehaviour:
    """Faults that a server has until told otherwise; as a context manager, until the block ends.

    Attributes
    ----------
    seen : int
        Requests so far that its pattern matched.
    done : int
        Those of them that were answered with the faults.
    """

    def __init__(
        self,
        server: SimulatedXnat,
        pattern: str | None,
        faults: tuple[Fault, ...],
        requests: Container[int] | None,
    ) -> None:
        self._server = server
        self._pattern = pattern
        self._faults = faults
        self._requests = requests
        self.seen = 0
        self.done = 0

    def strikes(self, method: str, target: str) -> tuple[Fault, ...]:
        """Count a request; return the faults that it meets."""
        if self._pattern is not None:
            path, _, query = target.partition("?")
            names = (target, unquote(path), f"{unquote(path)}?{unquote(query)}")
            texts = [text for name in names for text in (name, f"{method} {name}")]
            if not any(fnmatch.fnmatchcase(text, self._pattern) for text in texts):
                return ()
        self.seen += 1
        if self._requests is not None and self.seen not in self._requests:
            return ()
        self.done += 1
        return self._faults

    def stop(self) -> None:
        """Behave again, as far as these faults go."""
        self._server.forget(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class SimulatedXnat(LoopbackServer):
    """Serve an archive as XNAT does, on 127.0.0.1.

    What it answers follows the server's source (NrgXnat/xnat at 93d33cb); comments name class and
    line. The log counts requests, how many were under way at once, and bytes.

    Parameters
    ----------
    archive : Archive
        May change while it is served.
    users : mapping of str to str, optional
        Passwords by user; by default ``admin`` with the password ``admin``.
    behaviour : Behaviour, optional
        What kind of server it is.
    latency_s : float
        Each answer waits so long.
    context : str
        Context path of the web application, such as ``/xnat``; URIs in answers never have it.
    tls : ssl.SSLContext, optional
        Serve HTTPS with this context.

    Examples
    --------
    >>> with SimulatedXnat(archive) as server:
    ...     server.misbehave("*/files/*", faults.login_page(), requests={100})
    ...     collect(server.address, user="admin", password="admin")
    ...     assert server.counts["file"] == 500
    """

    def __init__(
        self,
        archive: Archive,
        *,
        users: Mapping[str, str] | None = None,
        behaviour: Behaviour | None = None,
        latency_s: float = 0.0,
        context: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__("simulated-xnat", tls=tls)
        self.archive = archive
        self.behaviour = behaviour or Behaviour()
        self.accounts = Accounts(_USERS if users is None else users, self.behaviour)
        self.latency_s = latency_s
        self.context = context.rstrip("/")
        self._scripts: list[Misbehaviour] = []
        self._counts: Counter[str] = Counter()
        self.start()

    @property
    def address(self) -> str:
        """Its URL, as clients are given it."""
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self.port}{self.context}"

    # --- misbehaving --------------------------------------------------------------

    def misbehave(
        self, pattern: str | None, *faults: Fault, requests: Container[int] | None = None
    ) -> Misbehaviour:
        """Answer requests with faults, in the order given and on top of earlier ones.

        Parameters
        ----------
        pattern : str or None
            Which requests: a shell pattern for the decoded path, with or without the query
            (``*/files/*aseg.stats``), and the method before it where it matters
            (``DELETE *``). None: all.
        *faults : Fault
            From `nearline.testing.xnat.faults` or `nearline.testing.faults`.
        requests : container of int, optional
            Which of them, counted from 1 since now; None: all.

        Returns
        -------
        Misbehaviour
            Ends with `stop`, or with the block if it is used as a context manager.
        """
        script = Misbehaviour(self, pattern, faults, requests)
        with self._lock:
            self._scripts.append(script)
        return script

    def forget(self, script: Misbehaviour) -> None:
        """Take some faults back."""
        with self._lock:
            self._scripts = [other for other in self._scripts if other is not script]

    def behave(self) -> None:
        """Take all faults back."""
        with self._lock:
            self._scripts.clear()

    # --- what it saw ----------------------------------------------------------------

    @property
    def counts(self) -> Counter[str]:
        """Requests so far by kind.

        ``experiments``, ``resources``, ``files`` (listings), ``file``, ``zip``, ``login`` and
        ``logout``, ``projects``, ``subjects``, ``experiment``, ``assessors``, ``scans``, ``scan``,
        ``catalog``, ``token``, ``site`` and ``unknown``; ``refused`` for those that were not let
        in.
        """
        return Counter(request.kind for request in self.requests)

    # --- answers ----------------------------------------------------------------------

    def respond(self, request: LoggedRequest, body: bytes) -> Reply:
        """Answer as XNAT does, but for the faults."""
        with self._lock:
            self._counts[request.path] += 1
            number = self._counts[request.path]
            faults = [
                fault
                for script in self._scripts
                for fault in script.strikes(request.method, request.target)
            ]
        headers = dict(request.headers)
        exchange = Exchange(number, request.method, request.target, request.path, headers, None)
        for fault in faults:
            fault.before(exchange)
        exchange.reply = self._answer(request, exchange, body)
        for fault in faults:
            fault.after(exchange)
        exchange.reply.delay_s += self.latency_s
        return exchange.reply

    def _answer(self, request: LoggedRequest, exchange: Exchange, body: bytes) -> Reply:
        if len(exchange.target) > self.behaviour.longest_target:
            request.kind = "refused"
            return status_page(414, "Request-URI Too Long")
        path = self._path(exchange.target)
        if path is None:
            request.kind = "unknown"
            return status_page(404, "Not Found")
        public = path in ("", "/", "/data/services/auth") or path.startswith("/xapi/siteConfig/")
        visit = self.accounts.visit(exchange.headers, public=public)
        if isinstance(visit, Reply):
            request.kind = "refused"
            return self._finished(visit)
        call = Call(
            archive=self.archive,
            accounts=self.accounts,
            behaviour=self.behaviour,
            visit=visit,
            method=exchange.method,
            headers=exchange.headers,
            query=Call.parse_query(exchange.target),
            body=body,
        )
        with self.archive.lock:
            answered = answer_site(call, path)
            if answered is None and path.startswith("/data/"):
                if exchange.method not in ("GET", "HEAD"):
                    answered = "unknown", status_page(405, "Method Not Allowed")
                else:
                    answered = answer_data(call, path.removeprefix("/data"))
        request.kind, reply = answered or ("unknown", status_page(404, "Not Found"))
        request.user = call.visit.user
        return self._finished(reply, self.accounts.cookies(call.visit, self.context))

    def _path(self, target: str) -> str | None:
        """Return the path below the context, ``/data`` in place of its other names."""
        path = urlsplit(target).path if "://" in target else target.partition("?")[0]
        if self.context:
            if path != self.context and not path.startswith(self.context + "/"):
                return None
            path = path.removeprefix(self.context)
        for other in ("/data/archive/", "/REST/archive/", "/REST/"):
            if path.startswith(other):
                return "/data/" + path.removeprefix(other)
        return path

    @staticmethod
    def _finished(reply: Reply, cookies: list[str] | None = None) -> Reply:
        # Ranges are announced by Restlet and never served (NrgXnat/oasis-scripts, issue 10).
        reply.headers.setdefault("Accept-Ranges", "bytes")
        reply.headers["Server"] = "Noelios-Restlet-Engine/1.1.10"
        reply.headers["Date"] = formatdate(usegmt=True)
        reply.cookies = cookies or []
        return reply
