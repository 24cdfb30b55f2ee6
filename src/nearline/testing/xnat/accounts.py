"""Users, sessions and alias tokens of a simulated XNAT."""

from __future__ import annotations

import base64
import binascii
import hashlib
import threading
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from time import time

from nearline.testing.exchange import Reply
from nearline.testing.xnat.behaviour import Behaviour
from nearline.testing.xnat.contents import GUEST
from nearline.testing.xnat.tables import login_page, tomcat_page

__all__ = ["Accounts", "Visit"]

_IDLE_MS = 15 * 60 * 1000
"""SiteConfigPreferences.java:1690: sessions end after 15 idle minutes."""


@dataclass(slots=True)
class Visit:
    """Who sent a request, and in which session.

    Attributes
    ----------
    user : str
        Or the guest.
    session : str
        Its id.
    new : bool
        Whether it began with this request.
    """

    user: str
    session: str
    new: bool


@dataclass(slots=True)
class _Session:
    user: str
    requests: int = 0


class Accounts:
    """Who may sign in, and who has.

    Parameters
    ----------
    users : mapping of str to str
        Passwords by user.
    behaviour : Behaviour
        Its limits of sessions are heeded.
    """

    def __init__(self, users: Mapping[str, str], behaviour: Behaviour) -> None:
        self.users = dict(users)
        self.behaviour = behaviour
        self.logins: Counter[str] = Counter()
        self._tokens: dict[str, tuple[str, str]] = {}
        self._sessions: dict[str, _Session] = {}
        self._lock = threading.Lock()
        self._made = 0

    # --- for tests ----------------------------------------------------------------

    def live_sessions(self, user: str | None = None) -> int:
        """Return how many sessions are open now, of one user or of all that signed in."""
        with self._lock:
            return sum(
                session.user == user if user else session.user != GUEST
                for session in self._sessions.values()
            )

    def end_sessions(self, user: str | None = None) -> None:
        """End the sessions of one user or of all, as when the server restarts or they were idle."""
        with self._lock:
            for key, session in list(self._sessions.items()):
                if user in (None, session.user):
                    del self._sessions[key]

    def issue_token(self, user: str) -> tuple[str, str]:
        """Return alias and secret, with which somebody can sign in as a user."""
        with self._lock:
            self._made += 1
            # xnatpy knows aliases from user names by their form, that of a UUID.
            alias = str(uuid.uuid5(uuid.NAMESPACE_URL, f"alias:{user}:{self._made}"))
            secret = hashlib.sha256(alias.encode()).hexdigest()[:64]
            self._tokens[alias] = (secret, user)
            return alias, secret

    def revoke_tokens(self) -> None:
        """Make all alias tokens invalid."""
        with self._lock:
            self._tokens.clear()

    # --- for requests -------------------------------------------------------------

    def visit(self, headers: Mapping[str, str], *, public: bool) -> Visit | Reply:
        """Find out who sent a request, or how it is refused.

        A cookie of a session that is open decides; then name and password, which open a session;
        then the guest where guests are let in, or where a path is `public`.
        """
        key, credentials = _cookie(headers), _basic(headers)
        with self._lock:
            session = self._sessions.get(key)
            if session is not None and session.user == GUEST and credentials is not None:
                del self._sessions[key]
            elif session is not None:
                session.requests += 1
                limit = self.behaviour.session_requests
                if limit is None or session.user == GUEST or session.requests <= limit:
                    return Visit(session.user, key, new=False)
                del self._sessions[key]
        if credentials is not None:
            return self.sign_in(*credentials)
        if public or not self.behaviour.require_login:
            return self._open(GUEST)
        # XnatAuthenticationEntryPoint, DefaultInteractiveAgentDetector: browsers are sent to the
        # login page, programs get 401.
        if "mozilla" in headers.get("user-agent", "").lower():
            return login_page()
        return _unauthorised("Full authentication is required to access this resource")

    def sign_in(self, name: str, password: str) -> Visit | Reply:
        """Open a session for a user or an alias token."""
        with self._lock:
            secret, user = self._tokens.get(name, (None, None))
            if self.users.get(name) == password:
                user = name
            elif user is None or secret != password:
                return _unauthorised("Bad credentials")
        return self._open(user)

    def sign_out(self, key: str) -> None:
        """End a session."""
        with self._lock:
            self._sessions.pop(key, None)

    def _open(self, user: str) -> Visit | Reply:
        with self._lock:
            # SecurityConfig.java:298-304: maxSessionsPreventsLogin(true).
            held = sum(session.user == user for session in self._sessions.values())
            limit = self.behaviour.session_limit
            if user != GUEST and held >= limit:
                return _unauthorised(f"Maximum sessions of {limit:,} for this principal exceeded")
            self._made += 1
            self.logins[user] += 1
            key = hashlib.sha256(f"session:{user}:{self._made}".encode()).hexdigest()[:32].upper()
            self._sessions[key] = _Session(user, requests=1)
            return Visit(user, key, new=True)

    @staticmethod
    def cookies(visit: Visit, path: str) -> list[str]:
        """Return the values of Set-Cookie for an answer."""
        made = [f'SESSION_EXPIRATION_TIME="{int(time() * 1000)},{_IDLE_MS}"; Version=1; Path=/']
        if visit.new:
            made.append(f"JSESSIONID={visit.session}; Path={path or '/'}; HttpOnly")
        return made


def _cookie(headers: Mapping[str, str]) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get("JSESSIONID")
    except CookieError:
        return ""
    return found.value if found is not None else ""


def _basic(headers: Mapping[str, str]) -> tuple[str, str] | None:
    scheme, _, coded = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, password = base64.b64decode(coded).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, password


def _unauthorised(message: str) -> Reply:
    reply = tomcat_page(401, message)
    reply.headers["WWW-Authenticate"] = 'Basic realm="XNAT Protected Area"'
    return reply
