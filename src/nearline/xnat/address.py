"""Addresses of servers and of what lies on them (pure)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

from nearline.errors import UnsupportedUrl

__all__ = ["Address", "absolute", "can_be_overheard", "encoded", "parse", "same_host", "upgraded"]

_PORTS = {"http": 80, "https": 443}

_SAFE = "/!$&'()*,;:=@~"
"""Left as they are in paths: XNAT decodes a path only where it contains %20 or %2B."""


@dataclass(frozen=True, slots=True)
class Address:
    """A server's URL, taken apart.

    Attributes
    ----------
    server : str
        Scheme, host, port if it is not the usual one, context path; no credentials, no slash at
        the end.
    user, password : str
        As written in the URL; empty if there are none.
    """

    server: str
    user: str = ""
    password: str = field(default="", repr=False)


def parse(url: str) -> Address:
    """Take the URL of a server apart.

    Raises
    ------
    UnsupportedUrl
        It is not an http(s) URL with a host; the message does not quote credentials.
    """
    try:
        parts = urlsplit(url.strip())
        scheme, host, port = parts.scheme.lower(), (parts.hostname or "").lower(), parts.port
    except ValueError:
        scheme, host, port, parts = "", "", None, urlsplit("")
    if scheme not in _PORTS or not host:
        shown = re.sub(r"//[^/]*@", "//", url).partition("?")[0]
        raise UnsupportedUrl(
            f"{shown!r} is not the URL of an XNAT server: write https://host or https://host/xnat."
        )
    host = f"[{host}]" if ":" in host else host
    netloc = host if port in (None, _PORTS[scheme]) else f"{host}:{port}"
    path = re.sub(r"/+$", "", re.sub(r"/(data|REST|app)(/.*)?$", "", parts.path))
    return Address(
        f"{scheme}://{netloc}{path}", unquote(parts.username or ""), unquote(parts.password or "")
    )


def same_host(one: str, other: str) -> bool:
    """Whether two URLs name the same host, whatever scheme, port and path."""
    first, second = urlsplit(one).hostname, urlsplit(other).hostname
    return first is not None and first == second


def can_be_overheard(server: str) -> bool:
    """Whether passwords would cross a network in the clear."""
    parts = urlsplit(server)
    host = parts.hostname or ""
    here = host in ("localhost", "::1") or re.fullmatch(r"127(\.\d+){3}", host) is not None
    return parts.scheme == "http" and not here


def upgraded(server: str, asked: str, location: str) -> str | None:
    """Return where a server says that it lies, from a redirect.

    Parameters
    ----------
    server : str
        As it was known.
    asked : str
        Path below the server that was asked for, ``/data/JSESSION``.
    location : str
        Absolute URL that the answer pointed to.

    Returns
    -------
    str or None
        The server's other URL; None if the redirect leads to another host, from https to http,
        to another port otherwise than from http to https, or to nothing that tells.
    """
    if not same_host(server, location):
        return None
    if server.startswith("https:") and not location.startswith("https:"):
        return None
    # What listens at another port of the host may be another program, of another owner.
    kept_scheme = server.partition(":")[0] == location.partition(":")[0]
    if kept_scheme and urlsplit(server).port != urlsplit(location).port:
        return None
    bare = re.split(r"[?#;]", location)[0]
    if asked.strip("/") and bare.rstrip("/").endswith(asked.rstrip("/")):
        bare = bare.rstrip("/").removesuffix(asked.rstrip("/"))
    else:
        # The front page sends browsers on to its own pages.
        bare = re.sub(r"/(app|login|screens)(/.*)?$", "", bare)
    found = parse(bare).server
    return None if found == server else found


def absolute(server: str, path: str) -> str:
    """Return the URL of a path on a server, with or without ``/data`` in front of it."""
    if re.match(r"https?://", path, re.IGNORECASE):
        if not (path == server or path.startswith(f"{server}/")):
            raise UnsupportedUrl(f"{path.partition('?')[0]} does not lie on {server}.")
        return path
    path = f"/{path.lstrip('/')}"
    context = urlsplit(server).path
    if context and path.startswith(f"{context}/data/"):
        path = path[len(context) :]
    if not path.startswith(("/data/", "/xapi/", "/REST/")) and path != "/":
        path = f"/data{path}"
    return server + path


def encoded(path: str) -> str:
    """Percent-encode a path of decoded characters, no more than XNAT decodes again."""
    return quote(path, safe=_SAFE)
