"""Who to be on a server: from arguments, the URL, the environment and the usual files."""

from __future__ import annotations

import json
import netrc
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from nearline.errors import InvalidOption, UnsupportedUrl

from . import address

__all__ = ["Credentials", "find", "read_config"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """Credentials for one server.

    Attributes
    ----------
    user : str
        Name or alias; empty for the guest.
    password : str
        Or the secret of the alias.
    where : str
        For messages: where they were found.
    server : str
        That a configuration file names; empty elsewhere.
    verify : bool
        False where a configuration file turns the check of certificates off.
    proxy : str
        That a configuration file names.
    """

    user: str = ""
    password: str = field(default="", repr=False)
    where: str = ""
    server: str = ""
    verify: bool = True
    proxy: str = field(default="", repr=False)


def read_config(path: str | os.PathLike[str]) -> Credentials:
    """Read a configuration file as pyxnat writes it: JSON with server, user and password.

    Raises
    ------
    InvalidOption
        It cannot be read, or lacks one of these.
    """
    place = Path(path).expanduser()
    try:
        held = json.loads(place.read_text(encoding="utf-8"))
        server, user, password = (str(held[key]) for key in ("server", "user", "password"))
    except OSError as error:
        raise InvalidOption(f"{place} cannot be read: {error.strerror or error}.") from None
    except (ValueError, KeyError, TypeError):
        # The error of the parser may quote the file, password included.
        raise InvalidOption(
            f"{place} is not a configuration of an XNAT server: it must hold JSON with server, "
            "user and password."
        ) from None
    verify, proxy = bool(held.get("verify", True)), str(held.get("proxy") or "")
    server = address.parse(server).server
    return Credentials(user, password, str(place), server, verify, proxy)


def find(
    where: address.Address,
    *,
    user: str | None = None,
    password: str | None = None,
    config: str | os.PathLike[str] | None = None,
    environ: Mapping[str, str] = os.environ,
    needed: bool = True,
) -> Credentials:
    """Find credentials for a server; those of the guest if there are none.

    In this order: arguments, the URL, a configuration file that was named, the environment
    (``XNATPY_USER`` and ``XNATPY_PASS``, ``XNAT_USER`` and ``XNAT_PASS``), ``.netrc``,
    ``~/.xnat.cfg``. A user without a password gets the one found for that user.

    Raises
    ------
    InvalidOption
        A user without a password anywhere, or a file that cannot be read.
    """
    user = user or where.user or None
    password = password or where.password or None
    if password is not None and user is None:
        raise InvalidOption(f"A password for {where.server} was given without a user.")
    if user is not None and password is not None:
        return Credentials(user, password, "arguments")
    for found in _candidates(where.server, user, config, environ):
        if user is None or found.user == user:
            return found
    if user is not None and not needed:
        return Credentials(user, where="nowhere")
    if user is not None:
        raise InvalidOption(
            f"No password for {user} at {where.server}: give password=, or put it into the "
            "environment (XNAT_USER and XNAT_PASS), ~/.netrc or ~/.xnat.cfg."
        )
    return Credentials(where="nowhere")


def _candidates(
    server: str,
    user: str | None,
    config: str | os.PathLike[str] | None,
    environ: Mapping[str, str],
) -> Iterator[Credentials]:
    if config is not None:
        named = read_config(config)
        if named.server != server:
            raise InvalidOption(
                f"{named.where} is about {named.server}, not {server}: give one of the two."
            )
        yield named
    for prefix in ("XNATPY", "XNAT"):
        yield from _environment(server, prefix, user, environ)
    yield from _netrc(server, environ)
    usual = Path(environ.get("HOME") or Path.home()) / ".xnat.cfg"
    if usual.is_file():
        try:
            found = read_config(usual)
        except (InvalidOption, UnsupportedUrl):
            return  # nobody asked for this one
        if found.server == server:
            yield found


def _environment(
    server: str, prefix: str, wanted: str | None, environ: Mapping[str, str]
) -> Iterator[Credentials]:
    user, password = environ.get(f"{prefix}_USER") or wanted, environ.get(f"{prefix}_PASS")
    meant = environ.get(f"{prefix}_HOST") or environ.get(f"{prefix}_SERVER")
    if not user or not password:
        return
    # A password that belongs to one server is not shown to another.
    if meant and not address.same_host(meant if "://" in meant else f"https://{meant}", server):
        return
    yield Credentials(user, password, f"the environment ({prefix}_PASS)")


def _netrc(server: str, environ: Mapping[str, str]) -> Iterator[Credentials]:
    home = Path(environ.get("HOME") or Path.home())
    named = environ.get("NETRC")
    places = [Path(named).expanduser()] if named else [home / ".netrc", home / "_netrc"]
    parts = urlsplit(server)
    for place in places:
        if not place.is_file():
            continue
        try:
            held = netrc.netrc(place)
        except netrc.NetrcParseError as error:
            raise InvalidOption(
                f"{place} cannot be understood (line {error.lineno}): correct it or give user= "
                "and password=."
            ) from None
        except OSError:
            continue
        for host in (parts.netloc, parts.hostname or ""):
            # Entries for this host only: `default` would show a password to any server.
            if host in held.hosts and (found := held.authenticators(host)) and found[2]:
                yield Credentials(found[0] or found[1] or "", found[2], str(place))
                return
