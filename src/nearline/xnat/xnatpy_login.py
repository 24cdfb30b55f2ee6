"""A session of xnatpy as a login: its requests session and the cookie in it."""

from __future__ import annotations

from typing import Any

from nearline.errors import AccessDenied
from nearline.settings import Settings
from nearline.traffic import count

from . import address, extra
from .base_login import BaseLogin, session_set

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


class XnatpyLogin(BaseLogin):
    """A session of xnatpy that the user handed over; it stays open and stays theirs.

    Parameters
    ----------
    session : xnat.XNATSession
        Connected.
    settings : Settings
        Timeout.
    """

    kind = "xnatpy login"

    def __init__(self, session: Any, settings: Settings) -> None:
        super().__init__(*server_and_user(session), settings)
        self._xnatpy = session

    def _session_of_requests(self) -> Any:
        http = self._xnatpy.interface
        if http is None:
            raise AccessDenied(
                f"The session of xnatpy with {self.server} was disconnected meanwhile: connect "
                "again."
            )
        return http

    def expired(self, response: Any) -> bool:
        """Whether the server opened a new session, that of a guest, for this answer."""
        given = session_set(response.headers.get("Set-Cookie", ""))
        held = session_set(response.request.headers.get("Cookie", ""))
        return bool(self.user and given and held and given != held)

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
