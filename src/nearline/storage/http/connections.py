"""Pooled HTTP connections: certificates and proxies as the environment says, safe after a fork."""

from __future__ import annotations

import logging
import os
import socket
import ssl
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    IncompleteRead,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.util import Timeout, create_urllib3_context, make_headers

from nearline.errors import MissingExtra, NearlineError, Unavailable
from nearline.storage.source import Transient
from nearline.storage.url import DEFAULT_PORTS, printable, printable_target, split

__all__ = ["Verify", "request", "translated"]

Verify = bool | str
"""Check certificates (True), not at all, or against the bundle of this path."""

_BUNDLE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")

_PROXY_VARIABLES = tuple(
    spelled
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "request_method")
    for spelled in (name, name.upper())
)

_POOL_SIZE = 64


class _WithoutSecrets(logging.Filter):
    """Takes signatures and tokens out of what urllib3 notes at DEBUG level of each request."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                printable_target(value) if isinstance(value, str) and "?" in value else value
                for value in record.args
            )
        return True


# On the logger and not on a handler: which handlers there are is the program's affair.
logging.getLogger("urllib3.connectionpool").addFilter(_WithoutSecrets())


class _Pools:
    """The connection pools of one process, by proxy and by how certificates are checked."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self._lock = threading.Lock()
        self._managers: dict[tuple[str | None, Verify | None], urllib3.PoolManager] = {}

    def manager(self, proxy: str | None, verify: Verify | None) -> urllib3.PoolManager:
        """Return the one for a proxy and a way to check certificates; None: no TLS."""
        with self._lock:
            found = self._managers.get((proxy, verify))
            if found is None:
                found = self._managers[proxy, verify] = _open_manager(proxy, verify)
            return found


_pools = _Pools()


def _start_afresh() -> None:
    # A child shares its parent's sockets: a request on one of them would
    # answer the other's. The lock may have been held at the fork.
    global _pools
    _pools = _Pools()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh)


def request(
    url: str, headers: dict[str, str], *, timeout: float, verify: Verify = True
) -> urllib3.BaseHTTPResponse:
    """Send one GET; return the answer with its body unread, redirects included.

    The path goes out as it is written in the URL: ``//`` and ``..`` are parts
    of keys in an object store.

    Parameters
    ----------
    url : str
        Percent-encoded, without user information.
    headers : dict of str to str
        All that are to be sent, besides Host.
    timeout : float
        Seconds to connect, and between two bytes.
    verify : bool or str
        See `Verify`.

    Raises
    ------
    Transient
        Refused, cut, timed out.
    Unavailable
        No such host, a certificate that cannot be trusted, a proxy that refuses.
    """
    parts = split(url)
    kind, host = parts.scheme.lower(), parts.hostname or ""
    proxy = _proxy(kind, host, parts.port)
    if _pools.process != os.getpid():
        # Forked by C code, which runs no hooks.
        _start_afresh()
    manager = _pools.manager(proxy, _bundle(verify) if kind == "https" else None)
    options: dict[str, Any] = {
        "headers": headers,
        "timeout": Timeout(connect=timeout, read=timeout),
        "retries": False,
        "redirect": False,
        "preload_content": False,
        "decode_content": False,
    }
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    failure: NearlineError
    try:
        if proxy is not None and kind == "http":
            # The absolute form, in which urllib3 would resolve dots.
            path = "/".join(_encoded_dots(segment) for segment in parts.path.split("/"))
            query = f"?{parts.query}" if parts.query else ""
            return manager.urlopen("GET", f"http://{parts.netloc}{path or '/'}{query}", **options)
        pool = manager.connection_from_host(host, parts.port, kind)
        return pool.urlopen("GET", target, assert_same_host=False, **options)
    except (HTTPError, OSError, ValueError) as error:
        failure = translated(error, url)
    # Outside of the handler: the transport's exception quotes signed URLs.
    raise failure


def _encoded_dots(segment: str) -> str:
    return segment.replace(".", "%2E") if segment in (".", "..") else segment


# --- what the environment says --------------------------------------------------


def _proxy(kind: str, host: str, port: int | None) -> str | None:
    told = tuple(os.environ.get(name) for name in _PROXY_VARIABLES)
    return _proxy_told(told, kind, host, port or DEFAULT_PORTS[kind])


@lru_cache(maxsize=256)
def _proxy_told(
    _environment: tuple[str | None, ...], kind: str, host: str, port: int
) -> str | None:
    # Remembered for each state of the environment: the standard library goes
    # through all its variables, which costs as much as the rest of a request.
    proxies = getproxies()
    chosen = proxies.get(kind) or proxies.get("all")
    if not chosen or proxy_bypass(f"{host}:{port}"):
        return None
    return chosen if "://" in chosen else f"http://{chosen}"


def _bundle(verify: Verify) -> Verify:
    if verify is not True:
        return verify
    named = (os.environ.get(name) for name in _BUNDLE_VARIABLES)
    return next((path for path in named if path), True)


def _open_manager(proxy: str | None, verify: Verify | None) -> urllib3.PoolManager:
    options: dict[str, Any] = {"num_pools": 64, "maxsize": _POOL_SIZE, "block": False}
    if verify is not None:
        options["ssl_context"] = _tls_context(verify)
        options["cert_reqs"] = ssl.CERT_NONE if verify is False else ssl.CERT_REQUIRED
    if proxy is None:
        return urllib3.PoolManager(**options)
    parts = split(proxy)
    address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    if parts.scheme.startswith("socks"):
        return _open_socks_manager(address, parts.username, parts.password, options)
    if parts.username is not None:
        login = f"{parts.username}:{parts.password or ''}"
        options["proxy_headers"] = make_headers(proxy_basic_auth=login)
    return urllib3.ProxyManager(address, **options)


def _open_socks_manager(
    address: str, username: str | None, password: str | None, options: dict[str, Any]
) -> urllib3.PoolManager:
    try:
        from urllib3.contrib.socks import SOCKSProxyManager
    except ImportError:
        raise MissingExtra(
            f"The environment names the proxy {address}, which takes PySocks: pip install PySocks."
        ) from None
    return SOCKSProxyManager(address, username=username, password=password, **options)


def _tls_context(verify: Verify) -> ssl.SSLContext:
    context = create_urllib3_context()
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    if isinstance(verify, str):
        if not Path(verify).exists():
            raise Unavailable(f"The bundle of certificates {verify} does not exist.")
        is_folder = Path(verify).is_dir()
        try:
            context.load_verify_locations(
                cafile=None if is_folder else verify, capath=verify if is_folder else None
            )
        except ssl.SSLError:
            raise Unavailable(f"{verify} is not a bundle of certificates (PEM).") from None
        return context
    context.load_default_certs()
    if not _system_has_certificates():
        try:
            import certifi
        except ImportError:
            return context
        context.load_verify_locations(cafile=certifi.where())
    return context


def _system_has_certificates() -> bool:
    if os.name == "nt":
        return True
    paths = ssl.get_default_verify_paths()
    return bool(paths.cafile or (paths.capath and any(Path(paths.capath).iterdir())))


# --- what went wrong --------------------------------------------------------------


def translated(error: Exception, url: str) -> NearlineError:
    """Return what a failure of the transport means, in words without secrets."""
    shown, host = printable(url), split(url).hostname
    if isinstance(error, ProxyError):
        return _of_proxy(error.original_error, shown)
    if isinstance(error, SSLError):
        return _of_tls(error, shown, host)
    if isinstance(error, NameResolutionError):
        return Unavailable(
            f"{shown} cannot be reached: there is no address for the host {host}. "
            "Check its spelling and the network."
        )
    if _within(error, ConnectionRefusedError):
        return Transient(f"{shown} cannot be reached: {host} refuses the connection.")
    # urllib3 counts connections that fail at once among those that time out.
    silent = isinstance(error, (ConnectTimeoutError, ReadTimeoutError, TimeoutError))
    if silent and not isinstance(error, NewConnectionError):
        return Transient(f"{shown}: {host} kept silent for longer than the timeout.")
    if isinstance(error, NewConnectionError):
        return Transient(f"{shown} cannot be reached: there is no way to {host}.")
    if _within(error, IncompleteRead):
        return Transient(f"{shown}: the connection ended before the answer was complete.")
    if isinstance(error, ValueError):
        return Unavailable(f"{shown} cannot be asked for: the URL or a header is not valid.")
    return Transient(f"{shown}: the connection to {host} broke.")


def _of_proxy(error: BaseException, shown: str) -> NearlineError:
    if _within(error, socket.gaierror) or isinstance(error, NameResolutionError):
        return Unavailable(
            f"{shown} cannot be reached: the proxy that the environment names has no address."
        )
    said = str(error)
    if said.startswith("Tunnel connection failed"):
        reason = said.partition(":")[2].strip()
        return Unavailable(f"{shown} cannot be reached: the proxy refuses ({reason}).")
    return Transient(f"{shown} cannot be reached through the proxy that the environment names.")


_DAMAGED_RECORDS = frozenset(
    {
        "BAD_RECORD_TYPE",
        "DATA_LENGTH_TOO_LONG",
        "DECRYPTION_FAILED_OR_BAD_RECORD_MAC",
        "ENCRYPTED_LENGTH_TOO_LONG",
        "INVALID_CCS_MESSAGE",
        "LENGTH_TOO_SHORT",
        "PACKET_LENGTH_TOO_LONG",
        "RECORD_LAYER_FAILURE",
        "SSLV3_ALERT_BAD_RECORD_MAC",
        "UNEXPECTED_MESSAGE",
        "UNEXPECTED_RECORD",
    }
)
"""What OpenSSL says of records that are not as they were sent; with the next try, they may be."""


def _of_tls(error: SSLError, shown: str, host: str | None) -> NearlineError:
    refused = _within(error, ssl.SSLCertVerificationError)
    if isinstance(refused, ssl.SSLCertVerificationError):
        return Unavailable(
            f"{shown} was not read: the certificate of {host} cannot be trusted "
            f"({refused.verify_message}). If its authority is your own, name its bundle in "
            "REQUESTS_CA_BUNDLE."
        )
    if _within(error, ssl.SSLEOFError) or _within(error, ssl.SSLZeroReturnError):
        return Transient(f"{shown}: the connection to {host} broke.")
    broken = _within(error, ssl.SSLError)
    if isinstance(broken, ssl.SSLError) and broken.reason in _DAMAGED_RECORDS:
        return Transient(f"{shown}: bytes from {host} were corrupted on the line.")
    return Unavailable(f"{shown} was not read: no encrypted connection to {host} could be made.")


def _within(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    """Find an exception of a kind among an exception, its arguments and its causes."""
    waiting: list[BaseException | None] = [error]
    for one in waiting:
        if one is None or len(waiting) > 32:
            continue
        if isinstance(one, kind):
            return one
        # What urllib3 calls the reason is an exception, but that of ssl is a text.
        arguments = (*one.args, getattr(one, "reason", None))
        waiting += [one.__cause__, one.__context__]
        waiting += [argument for argument in arguments if isinstance(argument, BaseException)]
    return None
