"""A pyxnat `Interface` as a login: its requests session, its credentials, its proxies."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from nearline.errors import AccessDenied, Unavailable
from nearline.settings import Settings
from nearline.traffic import count

from . import address, answers, extra
from .base_login import BaseLogin

__all__ = ["PyxnatLogin", "server_and_user"]


def server_and_user(interface: Any) -> tuple[str, str]:
    """Return the server and the user of an Interface."""
    return address.parse(str(interface._server)).server, str(interface._user or "")


class PyxnatLogin(BaseLogin):
    """A pyxnat Interface that the user handed over; it stays open and stays theirs.

    Parameters
    ----------
    interface : pyxnat.Interface
        Of pyxnat or bbrc-pyxnat.
    settings : Settings
        Timeout.
    """

    kind = "pyxnat login"

    def __init__(self, interface: Any, settings: Settings) -> None:
        super().__init__(*server_and_user(interface), settings)
        self._interface = interface
        self._enter()
        self._ask_whose_alias()

    def _session_of_requests(self) -> Any:
        return self._interface._http

    def expired(self, response: Any) -> bool:
        """Never: pyxnat sends its password with every request."""
        del response
        return False

    def renew(self, seen: int) -> bool:
        """Open one session for all threads, see `Login`."""
        with self._renewing:
            if self._generation == seen:
                self._check()
                self._generation += 1
            return True

    def _enter(self) -> None:
        """Have the Interface log in as it does before its first request.

        Threads that find no cookie would open a session each.
        """
        interface = self._interface
        # Whatever goes wrong makes pyxnat believe in a server of version 1.4.
        if interface._entry == "/data":
            return
        interface._entry = None
        count("requests")
        with suppress(Exception):
            interface._get_entry_point()
        if interface._entry != "/data":
            interface._entry = None
            # Ask for the same, for an error that says what happened.
            self._check()
            raise Unavailable(f"pyxnat cannot log in to {self.server}.")

    def _check(self) -> None:
        count("requests")
        try:
            response = self.request("GET", "/data/JSESSION", stream=False)
        except extra.requests().RequestException as error:
            raise Unavailable(
                f"{self.server} cannot be reached by pyxnat: {type(error).__name__}."
            ) from None
        who = self.user or "the guest"
        if response.status_code in (401, 403) or answers.is_page(response.content):
            raise AccessDenied(
                f"{self.server} refuses {who} ({answers.words(response.content)}): check the user "
                "and password of the pyxnat Interface."
            )
        if response.status_code != 200:
            raise Unavailable(
                f"{self.server} answers a login of {who} with {response.status_code}."
            )
