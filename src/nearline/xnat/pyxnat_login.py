"""A pyxnat `Interface` as a login: its requests session, its credentials, its proxies."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from nearline.errors import AccessDenied, Unavailable
from nearline.settings import Settings
from nearline.traffic import count

from . import address, answers, extra
from .login import whose_alias
from .sessions import refuse_pickling

__all__ = ["PyxnatLogin", "server_and_user"]


def server_and_user(interface: Any) -> tuple[str, str]:
    """Return the server and the user of an Interface."""
    return address.parse(str(interface._server)).server, str(interface._user or "")


class PyxnatLogin:
    """A pyxnat Interface that the user handed over; it stays open and stays theirs.

    Parameters
    ----------
    interface : pyxnat.Interface
        Of pyxnat or bbrc-pyxnat.
    settings : Settings
        Timeout.
    """

    own = False

    def __init__(self, interface: Any, settings: Settings) -> None:
        self.server, self.user = server_and_user(interface)
        self._interface = interface
        self._settings = settings
        self._generation = 0
        self._renewing = threading.Lock()
        self._enter()
        if self.user and len(self.user) == 36 and self.user.count("-") == 4:
            self.user = whose_alias(self) or self.user

    def __repr__(self) -> str:
        return f"<pyxnat login of {self.user or 'guest'} at {self.server}>"

    def __reduce__(self) -> Any:
        return refuse_pickling("login")

    def __enter__(self) -> PyxnatLogin:
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
        return self._interface._http.request(
            method,
            address.absolute(self.server, path),
            params=params,
            headers=headers,
            stream=stream,
            timeout=timeout or self._settings.timeout,
        )

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

    def close(self) -> None:
        """Leave it to the user."""

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
