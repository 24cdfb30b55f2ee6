"""A login of our own: one session on the server, its cookie used by all threads."""

from __future__ import annotations

import re
import time
from http.cookiejar import Cookie, DefaultCookiePolicy
from typing import Any
from urllib.parse import urljoin, urlsplit

from nearline.errors import AccessDenied, NotFound, Unavailable, UnsupportedUrl
from nearline.settings import Settings
from nearline.traffic import count

from . import address, answers, extra
from .base_login import BaseLogin, session_set
from .credentials import Credentials
from .retrying import PASSING, delay_s

__all__ = ["USER_AGENT", "UrlLogin"]

USER_AGENT = "nearline"
"""Plain: those that look like a browser's are sent to a login page in place of a 401."""

_DOOR = "/data/JSESSION"
_FAREWELL_S = 5.0
_POOL = 8


class _NoSessionCookies(DefaultCookiePolicy):
    """Keep the cookies of load balancers, but never a session that a server hands to a guest."""

    def set_ok(self, cookie: Cookie, request: Any) -> bool:
        return cookie.name != "JSESSIONID" and super().set_ok(cookie, request)


class _Signed:
    """Adds the session's cookie to one request; redirects to elsewhere lose it."""

    def __init__(self, server: str, session: str) -> None:
        self._server = server
        self._session = session

    def __call__(self, prepared: Any) -> Any:
        if self._session and urlsplit(prepared.url).netloc == urlsplit(self._server).netloc:
            others = prepared.headers.get("Cookie")
            mine = f"JSESSIONID={self._session}"
            prepared.headers["Cookie"] = f"{mine}; {others}" if others else mine
        return prepared


class UrlLogin(BaseLogin):
    """A session on a server, opened with credentials and closed at the end.

    Parameters
    ----------
    server : str
        URL, normalised.
    credentials : Credentials
        Whose.
    verify : bool or str, optional
        As in `requests`.
    settings : Settings
        Timeout and retries.
    """

    own = True

    def __init__(
        self,
        server: str,
        credentials: Credentials,
        *,
        verify: bool | str | None = None,
        settings: Settings,
    ) -> None:
        super().__init__(server, credentials.user, settings)
        requests = extra.requests()
        self._credentials = credentials
        self._http = requests.Session()
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=_POOL)
        for scheme in ("http://", "https://"):
            self._http.mount(scheme, adapter)
        self._http.headers["User-Agent"] = USER_AGENT
        self._http.cookies.set_policy(_NoSessionCookies())
        # None leaves it to the environment, which would overrule a session's own.
        self._verify = verify if verify is not None or credentials.verify else False
        if credentials.proxy:
            self._http.proxies = dict.fromkeys(("http", "https"), credentials.proxy)
        self._session = ""
        self._closed = False

    def _session_of_requests(self) -> Any:
        return self._http

    def _with_each(self) -> dict[str, Any]:
        return {"auth": _Signed(self.server, self._session), "verify": self._verify}

    def expired(self, response: Any) -> bool:
        """Whether the server opened a new session, that of a guest, for this answer."""
        given = session_set(response.headers.get("Set-Cookie", ""))
        return bool(given) and given != self._session

    def renew(self, seen: int) -> bool:
        """Log in again, see `Login`."""
        with self._renewing:
            if self._generation == seen and not self._closed:
                self._sign_in()
            return not self._closed

    def open(self) -> None:
        """Log in.

        Raises
        ------
        AccessDenied, NotFound, Unavailable, UnsupportedUrl
            It did not work.
        """
        if self._credentials.password and address.can_be_overheard(self.server):
            self._follow_upgrade()
        self._sign_in()
        self._ask_whose_alias()

    def close(self) -> None:
        """End the session on the server; once, and without complaint if it is gone."""
        with self._renewing:
            if self._closed:
                return
            self._closed = True
            if self._session:
                try:
                    count("requests")
                    self.request("DELETE", _DOOR, stream=False, timeout=_FAREWELL_S)
                except extra.requests().RequestException:
                    pass  # the server ends idle sessions by itself
            self._http.close()
            self._session = ""

    # --- signing in -----------------------------------------------------------------

    def _follow_upgrade(self) -> None:
        """Learn whether a server that was given as http wants https, before any password."""
        response = self._once("GET", "/", auth=_Signed(self.server, ""))
        self._moved(response, "/")

    def _sign_in(self) -> None:
        user, password = self._credentials.user, self._credentials.password
        basic = extra.requests().auth.HTTPBasicAuth(user.encode(), password.encode())
        for _ in range(3):
            auth = basic if user else _Signed(self.server, "")
            response = self._once("POST", _DOOR, auth=auth)
            if self._moved(response, _DOOR):
                continue
            if response.status_code == 404 and self._moved(
                self._once("GET", "/", auth=_Signed(self.server, "")), "/"
            ):
                continue
            self._session = self._admitted(response)
            self._generation += 1
            return
        raise Unavailable(f"{self.server} redirects a login again and again.")

    def _once(self, method: str, path: str, *, auth: Any) -> Any:
        """Send a request of the login, repeated after passing faults, not redirected."""
        requests = extra.requests()
        why = ""
        for failures in range(self._settings.retries + 1):
            asked = None
            count("requests")
            try:
                response = self._http.request(
                    method, self.server + path, auth=auth, allow_redirects=False,
                    timeout=self._settings.timeout, verify=self._verify,
                )  # fmt: skip
            except requests.exceptions.SSLError as error:
                raise Unavailable(
                    f"The certificate of {self.server} cannot be verified ({_reason(error)}): "
                    "give verify= the path of its authority's certificate."
                ) from None
            except requests.RequestException as error:
                why = _reason(error)
            else:
                if response.status_code not in PASSING:
                    return response
                why = f"{response.status_code} {answers.words(response.content)}".strip()
                asked = answers.retry_after_s(response.headers)
            if failures < self._settings.retries:
                count("retries")
                time.sleep(delay_s(failures + 1, asked))
        raise Unavailable(f"{self.server} cannot be reached: {why}.") from None

    def _moved(self, response: Any, path: str) -> bool:
        """Follow a redirect of the login, to the same host only."""
        location = response.headers.get("Location")
        if response.status_code not in (301, 302, 303, 307, 308) or not location:
            return False
        target = urljoin(self.server + path, location)
        found = address.upgraded(self.server, path, target)
        if found is not None:
            self.server = found
            return True
        if not address.same_host(self.server, target):
            raise UnsupportedUrl(
                f"{self.server} sends its visitors to {urlsplit(target).netloc}: give the URL of "
                "the XNAT server itself, which must take a user and a password."
            )
        return False

    def _admitted(self, response: Any) -> str:
        """Return the id of the session that was opened."""
        body, status, user = response.content, response.status_code, self.user
        said = answers.words(body)
        said = f" ({said})" if said else ""
        if status in (401, 403):
            if not user:
                raise AccessDenied(
                    f"{self.server} lets in no guests{said}: give user= and password=, a token=, "
                    "or put them into the environment (XNAT_USER and XNAT_PASS), ~/.netrc or a "
                    ".xnat.cfg."
                )
            raise AccessDenied(
                f"{self.server} refuses {user} with the password found in "
                f"{self._credentials.where}{said}."
            )
        if answers.is_login_page(body) or status in (301, 302, 303, 307, 308):
            raise AccessDenied(
                f"{self.server} answers a login of {user or 'a guest'} with a web page: it wants "
                "another way of logging in, or the password is wrong."
            )
        given = session_set(response.headers.get("Set-Cookie", ""))
        session = given or body.decode("ascii", "replace").partition(";")[0].strip()
        if status != 200 or not re.fullmatch(r"[\w.!~-]+", session):
            raise NotFound(
                f"There is no XNAT server at {self.server}: it answers a login with "
                f"{status}{said}. Give its URL with the context path, if it has one."
            )
        return session


def _reason(error: BaseException) -> str:
    """Say what a transport error was, without URLs and addresses of objects."""
    inner: Any = error
    while getattr(inner, "args", None) and isinstance(inner.args[0], BaseException):
        inner = inner.args[0]
    reason = getattr(inner, "reason", None)
    text = str(reason if isinstance(reason, BaseException) else inner)
    return re.sub(r"<[^>]*>:? ?", "", text.rpartition("Caused by ")[2])[:200]
