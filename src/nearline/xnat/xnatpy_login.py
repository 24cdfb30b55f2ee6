"""A session of xnatpy as a login: its requests session and the cookie in it."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from typing import Any

from nearline.errors import AccessDenied
from nearline.settings import Settings
from nearline.traffic import count

from . import address, extra
from .sessions import refuse_pickling

__all__ = ["XnatpyLogin", "server_and_user"]


def server_and_user(session: Any) -> tuple[str, str]:
    """Return the server and the user of a session.

    Raises
    ------
    AccessDenied
        It was disconnected.
    """
    # Where redirects led to; older versions know only what they were given.
    url = getattr(session, "_effective_uri", None) or getattr(session, "_original_uri", None)
    if url is None or session.interface is None:
        raise AccessDenied("The session of xnatpy is disconnected: connect again.")
    user = str(session.logged_in_user or "")
    return address.parse(str(url)).server, "" if user == "guest" else user


class XnatpyLogin:
    """A session of xnatpy that the user handed over; it stays open and stays theirs.

    Parameters
    ----------
    session : xnat.XNATSession
        Connected.
    settings : Settings
        Timeout.
    """

    own = False

    def __init__(self, session: Any, settings: Settings) -> None:
        self.server, self.user = server_and_user(session)
        self._xnatpy = session
        self._settings = settings
        self._generation = 0
        self._renewing = threading.Lock()

    def __repr__(self) -> str:
        return f"<xnatpy login of {self.user or 'guest'} at {self.server}>"

    def __reduce__(self) -> Any:
        return refuse_pickling("login")

    def __enter__(self) -> XnatpyLogin:
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
        http = self._xnatpy.interface
        if http is None:
            raise AccessDenied(
                f"The session of xnatpy with {self.server} was disconnected meanwhile: connect "
                "again."
            )
        return http.request(
            method,
            address.absolute(self.server, path),
            params=params,
            headers=headers,
            stream=stream,
            timeout=timeout or self._settings.timeout,
        )

    def expired(self, response: Any) -> bool:
        """Whether the server opened a new session, that of a guest, for this answer."""
        given = re.findall(r"\bJSESSIONID=\"?([^;,\"\s]+)", response.headers.get("Set-Cookie", ""))
        held = re.search(
            r"\bJSESSIONID=\"?([^;,\"\s]+)", response.request.headers.get("Cookie", "")
        )
        return bool(self.user and given and held and given[-1] != held[1])

    def renew(self, seen: int) -> bool:
        """Ask whether the session is alive: xnatpy keeps no password to log in again with."""
        with self._renewing:
            if self._generation != seen:
                return True
            count("requests")
            try:
                response = self.request("GET", "/data/auth", stream=False)
            except extra.requests().RequestException:
                return False
            alive = response.status_code == 200 and f"'{self.user or 'guest'}'" in response.text
            if alive:
                self._generation += 1
            return alive

    def close(self) -> None:
        """Leave it to the user."""
