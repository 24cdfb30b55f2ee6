"""What all logins have in common, whoever opened the session: how a request is sent and counted."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from typing import Any, NoReturn, Self

from nearline.errors import NearlineError
from nearline.settings import Settings
from nearline.traffic import count

from . import address, extra
from .pickling import refuse_pickling

__all__ = ["BaseLogin", "session_set"]

_ALIAS = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SESSION = re.compile(r"\bJSESSIONID=\"?([^;,\"\s]+)")


def session_set(header: str) -> str:
    """Return the session id that a Set-Cookie or Cookie header names last; empty if none."""
    found = _SESSION.findall(header)
    return str(found[-1]) if found else ""


class BaseLogin:
    """A `Login`, but for how it is opened, renewed and closed.

    Parameters
    ----------
    server, user : str
        See `Login`.
    settings : Settings
        Timeout.

    Attributes
    ----------
    alias : str
        Name of the alias token in whose place `user` stands; empty if there is none.
    """

    own = False
    kind = "login"

    def __init__(self, server: str, user: str, settings: Settings) -> None:
        self.server = server
        self.user = user
        self.alias = ""
        self._settings = settings
        self._generation = 0
        self._renewing = threading.Lock()

    def __repr__(self) -> str:
        return f"<{self.kind} of {self.user or 'guest'} at {self.server}>"

    def __reduce__(self) -> NoReturn:
        refuse_pickling("login")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def generation(self) -> int:
        """Number of the login in use."""
        return self._generation

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = True,
        timeout: float | None = None,
    ) -> Any:
        """Send one request, see `Login`."""
        return self._session_of_requests().request(
            method,
            address.absolute(self.server, path),
            params=params,
            headers=headers,
            stream=stream,
            timeout=timeout or self._settings.timeout,
            **self._with_each(),
        )

    def close(self) -> None:
        """Leave it to the user, whose session it is."""

    def _session_of_requests(self) -> Any:
        """Return the `requests.Session` in use."""
        raise NotImplementedError

    def _with_each(self) -> dict[str, Any]:
        """Return what is given to `requests` with each request."""
        return {}

    def _ask_whose_alias(self) -> None:
        """Have the user in whose name a token acts in its place, if the server says who it is."""
        if not _ALIAS.fullmatch(self.user):
            return
        count("requests")
        try:
            response = self.request("GET", "/data/auth", stream=False)
        except (extra.requests().RequestException, NearlineError):
            return
        found = re.search(r"User '(.+?)' is logged in", response.text)
        if response.status_code == 200 and found:
            self.alias, self.user = self.user, found[1]
