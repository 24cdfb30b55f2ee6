"""Connecting: whatever the user has becomes a `Login`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from nearline.errors import InvalidOption
from nearline.settings import Settings, current

from . import address, credentials

if TYPE_CHECKING:
    from .credentials import Credentials

__all__ = ["Login", "connect", "identity"]


@runtime_checkable
class Login(Protocol):
    """A way to send requests to a server as somebody.

    Attributes
    ----------
    server : str
        URL without credentials and without a slash at its end.
    user : str
        Who asks; empty for the guest.
    alias : str
        Name of the alias token in whose place `user` stands; empty if there is none.
    own : bool
        Whether `close` ends the session on the server; that of a session which the user handed
        over is left alone.
    """

    server: str
    user: str
    alias: str
    own: bool

    @property
    def generation(self) -> int:
        """Number of the login in use: it changes when the login is renewed."""

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
        """Send one request, without repeating it; return a `requests.Response`.

        Raises
        ------
        requests.RequestException
            No answer came.
        """

    def expired(self, response: Any) -> bool:
        """Whether an answer, good as it looks, was given to somebody who is not logged in."""

    def renew(self, seen: int) -> bool:
        """Log in again, unless another thread did so after generation `seen`.

        Returns
        -------
        bool
            Whether it is worth asking again.
        """

    def close(self) -> None:
        """End what is ours."""

    def __enter__(self) -> Login:
        """Return itself."""

    def __exit__(self, *exc: object) -> None:
        """Close."""


def connect(
    target: Any,
    *,
    user: str | None = None,
    password: str | None = None,
    token: tuple[str, str] | None = None,
    config: str | os.PathLike[str] | None = None,
    verify: bool | str | None = None,
    settings: Settings | None = None,
) -> Login:
    """Log in to a server.

    Parameters
    ----------
    target : pyxnat.Interface, xnat.XNATSession, str, PathLike or Login
        A session of the user's, which keeps its login, proxies and certificates and is not
        closed by us; or the URL of a server; or the path of a ``.xnat.cfg``.
    user, password : str, optional
        For a URL; see `nearline.xnat.credentials.find` for where they come from otherwise.
    token : tuple of str, optional
        Alias and secret of an alias token, in place of user and password.
    config : str or PathLike, optional
        A ``.xnat.cfg``, in place of user and password.
    verify : bool or str, optional
        Whether to check the server's certificate, or the path of the authorities to check it by.
    settings : Settings, optional
        Timeout and retries; by default those in force.

    Raises
    ------
    AccessDenied
        Wrong password, or no credentials where the server wants some.
    NotFound
        No XNAT at that URL.
    Unavailable
        The server cannot be reached.
    UnsupportedUrl, InvalidOption
        The target or the credentials cannot be understood.
    MissingExtra
        The package `requests` is not installed.
    """
    wishes = {"user": user, "password": password, "token": token, "config": config}
    settings = settings or current()
    given = isinstance(target, Login)
    if given or _is_pyxnat(target) or _is_xnatpy(target):
        if given_names := [name for name, value in wishes.items() if value is not None]:
            raise InvalidOption(
                f"A session that is logged in already needs no {given_names[0]}: give the URL of "
                "the server instead."
            )
        if verify is not None:
            raise InvalidOption("A session that is logged in already keeps its own verify.")
    if given:
        return target  # type: ignore[no-any-return]
    if _is_pyxnat(target):
        from .pyxnat_login import PyxnatLogin

        return PyxnatLogin(target, settings)
    if _is_xnatpy(target):
        from .xnatpy_login import XnatpyLogin

        return XnatpyLogin(target, settings)
    from .login import UrlLogin

    server, found = _told(target, user=user, password=password, token=token, config=config)
    login = UrlLogin(server, found, verify=verify, settings=settings)
    login.open()
    return login


def identity(
    target: Any,
    *,
    user: str | None = None,
    password: str | None = None,
    token: tuple[str, str] | None = None,
    config: str | os.PathLike[str] | None = None,
    verify: bool | str | None = None,
) -> tuple[str, str]:
    """Return server and user of what `connect` takes, without asking anybody.

    An alias token is not told apart from a user here: only the server knows whose it is.
    """
    del verify
    if isinstance(target, Login):
        return target.server, target.user
    if _is_pyxnat(target):
        from . import pyxnat_login

        return pyxnat_login.server_and_user(target)
    if _is_xnatpy(target):
        from . import xnatpy_login

        return xnatpy_login.server_and_user(target)
    server, found = _told(
        target, user=user, password=password, token=token, config=config, needed=False
    )
    return server, found.user


def _is_pyxnat(target: Any) -> bool:
    return all(hasattr(target, name) for name in ("_http", "_server", "_get_entry_point"))


def _is_xnatpy(target: Any) -> bool:
    return all(hasattr(target, name) for name in ("interface", "heartbeat", "logged_in_user"))


def _told(
    target: Any,
    *,
    user: str | None,
    password: str | None,
    token: tuple[str, str] | None,
    config: str | os.PathLike[str] | None,
    needed: bool = True,
) -> tuple[str, Credentials]:
    """Return the server that a URL or a configuration file names, and credentials for it."""
    if token is not None:
        if user is not None or password is not None or config is not None:
            raise InvalidOption("token= stands in place of user=, password= and config=.")
        user, password = token
    if target is None and config is not None:
        target, config = Path(config), None
    if isinstance(target, str) and "://" not in target and Path(target).expanduser().is_file():
        target = Path(target)
    if isinstance(target, os.PathLike):
        held = credentials.read_config(target)
        if user is None and password is None:
            return held.server, held
        target = held.server
    if not isinstance(target, str):
        raise InvalidOption(
            f"{type(target).__name__} is no way to an XNAT server: give a pyxnat Interface, a "
            "session of xnatpy, a URL or the path of a .xnat.cfg."
        )
    where = address.parse(target)
    return where.server, credentials.find(
        where, user=user, password=password, config=config, needed=needed
    )
