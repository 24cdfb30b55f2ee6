"""URLs of objects: how they are shown, and what they identify.

Two URLs of one object differ in case, in a default port, in credentials or in
the signature of the day. `canonical` removes all that, so that the cache knows
the object again; `printable` removes what must not be shown.
"""

from __future__ import annotations

import calendar
import os
import time
from functools import lru_cache
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import url2pathname

from nearline.errors import UnsupportedUrl
from nearline.storage import address

__all__ = [
    "canonical",
    "expires",
    "identity",
    "is_signed",
    "local_path",
    "printable",
    "printable_target",
    "secrets",
    "split",
]

DEFAULT_PORTS = {"http": 80, "https": 443}

_ALWAYS_SECRET = frozenset(
    ["access_token", "api_key", "apikey", "id_token", "sig", "signature", "token"]
)
"""Query parameters (lower case) that grant access, whoever the server."""

_AZURE_SIGNED = (
    "sv ss srt sr st se sp spr sip si ske skoid sks skt sktid skv saoid suoid scid sdd ses"
)

_SIGNED_TOGETHER = {
    # Azure's shared access signature and the fields that it signs.
    "sig": frozenset(_AZURE_SIGNED.split()),
    # S3 version 2, Google's version 2, CloudFront.
    "signature": frozenset(
        ["awsaccesskeyid", "expires", "googleaccessid", "key-pair-id", "policy"]
    ),
}
"""Parameters that belong to a signature only where that signature is present."""

_SIGNED_PREFIXES = ("x-amz-", "x-goog-")


# --- parts ----------------------------------------------------------------------


def local_path(url: str) -> str:
    """Return the absolute path that a path or a ``file://`` URL names.

    Raises
    ------
    UnsupportedUrl
        A file of another machine.
    """
    if address.scheme_of(url) is None:
        return os.path.abspath(url)
    authority, slash, path = url.partition("://")[2].partition("/")
    if authority.lower() not in ("", "localhost") or not slash:
        raise UnsupportedUrl(f"{url} names a file of another machine: write file:///path.")
    return os.path.abspath(url2pathname(slash + path))


@lru_cache(maxsize=256)
def split(url: str) -> SplitResult:
    """Split an HTTP URL, with an error that does not quote its secrets.

    Raises
    ------
    UnsupportedUrl
        It is not valid, or names no host.
    """
    try:
        parts = urlsplit(url)
        if parts.hostname and (parts.port is None or parts.port > 0):
            return parts
    except ValueError:
        pass
    # Outside of the handler: the builtin error quotes the URL.
    raise UnsupportedUrl(f"{_without_secrets_roughly(url)} is not a valid URL.")


def _without_secrets_roughly(url: str) -> str:
    return _without_userinfo(url).partition("?")[0].partition("#")[0]


def _without_userinfo(url: str) -> str:
    kind, mark, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{kind}{mark}{authority.rpartition('@')[2]}{slash}{path}"


# --- signatures -----------------------------------------------------------------


def _query(parts: SplitResult) -> list[tuple[str, str]]:
    """Return the parameters in their order: each as written, its plain name before it."""
    pieces = parts.query.split("&") if parts.query else []
    return [(unquote(piece.partition("=")[0]).lower(), piece) for piece in pieces]


def _secret_names(names: set[str]) -> set[str]:
    together = {
        name
        for mark, companions in _SIGNED_TOGETHER.items()
        if mark in names
        for name in companions
    }
    return {
        name
        for name in names
        if name in _ALWAYS_SECRET or name in together or name.startswith(_SIGNED_PREFIXES)
    }


def is_signed(url: str) -> bool:
    """Tell whether an HTTP URL itself grants access: by user name, signature or token."""
    if address.scheme_of(url) not in DEFAULT_PORTS:
        return False
    parts = split(url)
    return "@" in parts.netloc or bool(_secret_names({name for name, _ in _query(parts)}))


def secrets(url: str) -> list[str]:
    """Return the secret values in an HTTP URL, as written and decoded, longest first."""
    if address.scheme_of(url) not in DEFAULT_PORTS:
        return []
    parts = split(url)
    query = _query(parts)
    hidden = _secret_names({name for name, _ in query})
    values = [piece.partition("=")[2] for name, piece in query if name in hidden]
    values += [parts.password or ""]
    forms = {form for value in values for form in (value, unquote(value)) if form}
    return sorted(forms, key=len, reverse=True)


def expires(url: str) -> float | None:
    """Return when a signed URL ends to be valid, in seconds since the epoch.

    None if it does not say. Understands Amazon's and Google's versions 2 and 4
    and Azure's shared access signatures.
    """
    told = {name: unquote(piece.partition("=")[2]) for name, piece in _query(split(url))}
    try:
        for prefix in _SIGNED_PREFIXES:
            if f"{prefix}date" in told and f"{prefix}expires" in told:
                begun = time.strptime(told[f"{prefix}date"], "%Y%m%dT%H%M%SZ")
                return calendar.timegm(begun) + float(told[f"{prefix}expires"])
        if "signature" in told and "expires" in told:
            return float(told["expires"])
        if "sig" in told and "se" in told:
            form = "%Y-%m-%dT%H:%M:%SZ" if "T" in told["se"] else "%Y-%m-%d"
            return float(calendar.timegm(time.strptime(told["se"], form)))
    except ValueError:
        return None
    return None


# --- shown and known by -----------------------------------------------------------


def printable(url: str) -> str:
    """Return a URL for messages and provenance.

    An HTTP URL loses credentials, signature, tokens and fragment, any other
    URL its user name and password. Paths and store URLs stay as they are.
    """
    kind = address.scheme_of(url)
    if kind is None or address.store_kind(kind):
        return url
    if kind not in DEFAULT_PORTS:
        return _without_userinfo(url)
    try:
        parts = split(url)
    except UnsupportedUrl:
        return _without_secrets_roughly(url)
    return _rebuilt(parts, parts.scheme, parts.netloc.rpartition("@")[2])


def printable_target(target: str) -> str:
    """Return the target of a request (a path, or a whole URL) as `printable` would show it."""
    if "://" in target.partition("?")[0]:
        return printable(target)
    origin = "http://target"
    return printable(f"{origin}{target}").removeprefix(origin)


def canonical(url: str) -> str:
    """Return what all URLs of one object have in common, for the cache to file it under.

    Scheme and host in lower case, default port, credentials, signature and
    fragment left out; other parameters kept, in their order.
    """
    kind = address.scheme_of(url)
    if kind is None or kind == "file":
        return Path(local_path(url)).as_uri()
    if address.store_kind(kind):
        return address.parse(url).url
    if kind not in DEFAULT_PORTS:
        return f"{kind}://{_without_userinfo(url).partition('://')[2]}"
    parts = split(url)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, DEFAULT_PORTS[kind]) else f":{parts.port}"
    return _rebuilt(parts, kind, host + port)


def _rebuilt(parts: SplitResult, kind: str, netloc: str) -> str:
    query = _query(parts)
    hidden = _secret_names({name for name, _ in query})
    kept = "&".join(piece for name, piece in query if name not in hidden)
    return f"{kind}://{netloc}{parts.path or '/'}{'?' + kept if kept else ''}"


def identity(url: str, *, signed: bool, endpoint: str | None = None) -> str:
    """Return a `Source.identity`: the object, where it is asked for, and on whose behalf.

    Parameters
    ----------
    url : str
        Of the object; made canonical here.
    signed : bool
        Read with credentials.
    endpoint : str, optional
        URL of a server that stands in for the store's own.
    """
    place = "" if endpoint is None else f" at {canonical(endpoint).rstrip('/')}"
    return f"{'signed' if signed else 'unsigned'} {canonical(url)}{place}"
