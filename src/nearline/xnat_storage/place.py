"""``xnat://`` URLs and their options, taken apart (pure)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from nearline.errors import InvalidOption, UnsupportedUrl
from nearline.storage.options.given import Given
from nearline.storage.url import printable
from nearline.xnat.address import encoded

__all__ = ["Place", "XnatOptions", "parse"]

_SERVED_BY = {"xnat": "https", "xnat+https": "https", "xnat+http": "http"}
_DATA = re.compile(r"/(?:data|REST)(?:/archive)?(?=/)")


@dataclass(frozen=True, slots=True)
class Place:
    """A file, scan or resource of a server.

    Attributes
    ----------
    server : str
        URL of the server for the logins of the xnat room; holds what the user wrote before ``@``.
    path : str
        From ``/data`` on, decoded, in the one of its spellings that XNAT itself uses.
    url : str
        For messages and identity: without credentials.
    """

    server: str = field(repr=False)
    path: str
    url: str

    @property
    def request_path(self) -> str:
        """Percent-encoded, for a request."""
        return encoded(self.path)

    @property
    def resource(self) -> tuple[str, str] | None:
        """Path of the resource that a file belongs to, and of the file in it; None for others."""
        found = re.fullmatch(r"(/data/.+/resources/[^/]+)/files/(.+)", self.path)
        return (found[1], found[2]) if found else None

    def beside(self, path: str) -> Place:
        """Return another place on the same server."""
        stem = self.url.removesuffix(encoded(self.path))
        return Place(self.server, path, stem + encoded(path))


def parse(url: str) -> Place:
    """Take a URL apart: ``xnat://host[:port][/context]/data/experiments/...``.

    ``xnat://`` speaks HTTPS; ``xnat+http://`` is for servers without TLS.

    Raises
    ------
    UnsupportedUrl
        It does not name anything below ``/data``.
    """
    scheme, _, rest = url.partition("://")
    scheme = scheme.lower()
    host, slash, path = rest.partition("/")
    found = _DATA.search(slash + path)
    if not host or found is None:
        raise UnsupportedUrl(
            f"{printable(url)} does not name anything on an XNAT: write {scheme}://host/data/"
            "experiments/…/scans/…, with the path of the web application before /data if it has "
            "one."
        )
    context = (slash + path)[: found.start()]
    below = unquote((slash + path)[found.end() :].partition("?")[0])
    path = f"/data{below}"
    shown = f"{scheme}://{host.rpartition('@')[2].lower()}{context}"
    return Place(f"{_SERVED_BY[scheme]}://{host}{context}", path, shown + encoded(path))


@dataclass(frozen=True, slots=True, kw_only=True)
class XnatOptions:
    """Options of ``xnat://`` URLs: those of the logins of measurements.

    Attributes
    ----------
    user, password : str or None
        In place of those that the URL, the environment, ``.netrc`` or ``~/.xnat.cfg`` give.
    token : tuple of str or None
        Alias and secret of an alias token.
    config : str or None
        Path of a ``.xnat.cfg``.
    verify : bool, str or None
        As in `nearline.xnat.sessions.connect`.
    login : object or None
        A pyxnat Interface or a session of xnatpy that is logged in already.
    """

    user: str | None = None
    password: str | None = field(default=None, repr=False)
    token: tuple[str, str] | None = field(default=None, repr=False)
    config: str | None = None
    verify: bool | str | None = None
    login: Any = field(default=None, repr=False)

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> XnatOptions:
        """Read `storage_options`.

        Raises
        ------
        InvalidOption
            An unknown name or an impossible value.
        """
        options = Given(given, "xnat:// URLs")
        token, config = options.take("token"), options.take("config")
        if token is not None and not (
            isinstance(token, (tuple, list))
            and len(token) == 2
            and all(isinstance(part, str) for part in token)
        ):
            raise InvalidOption("token of xnat:// URLs must be (alias, secret).")
        verify = options.take("verify")
        if verify is not None and not isinstance(verify, (bool, str)):
            raise InvalidOption("verify of xnat:// URLs must be True, False or a path.")
        parsed = cls(
            user=options.text("user", "username"),
            password=options.text("password"),
            token=None if token is None else (token[0], token[1]),
            config=None if config is None else os.fspath(config),
            verify=verify,
            login=options.take("login"),
        )
        options.finish()
        if parsed.login is not None and parsed != cls(login=parsed.login):
            raise InvalidOption("login of xnat:// URLs is logged in already: give nothing else.")
        return parsed

    @property
    def wishes(self) -> dict[str, Any]:
        """What `nearline.xnat.sessions` is told beside the server."""
        return {
            "user": self.user,
            "password": self.password,
            "token": self.token,
            "config": self.config,
            "verify": self.verify,
        }
