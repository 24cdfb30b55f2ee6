"""Files over SFTP: the connection of fsspec's filesystem, several channels of it."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from nearline.errors import AccessDenied, NearlineError, NotFound, Unavailable
from nearline.provenance import Validator
from nearline.storage.readers.foreign import foreign
from nearline.storage.readers.status import changed
from nearline.storage.source import Answer, Transient
from nearline.storage.url import identity

__all__ = ["SftpSource", "is_sftp", "made_again", "refusal"]

_MOST = 8
"""Channels of one connection; OpenSSH allows ten unless told otherwise."""

_PIECE = 1 << 15
"""What every server gives to one request (SFTP version 3, section 3)."""


def is_sftp(filesystem: Any) -> bool:
    """Whether a filesystem is fsspec's own for SFTP, over paramiko."""
    kind = type(filesystem)
    return f"{kind.__module__}.{kind.__qualname__}" == "fsspec.implementations.sftp.SFTPFileSystem"


def made_again(filesystem: Any) -> Any:
    """Return a filesystem made as another was, in this process."""
    return type(filesystem)(*filesystem.storage_args, **filesystem.storage_options)


class _Channels:
    """Channels of one connection: each serves one thread at a time.

    Two threads on one channel would take each other's answers and wait for ever.
    """

    def __init__(self) -> None:
        self._free: list[Any] = []
        self._turns = threading.BoundedSemaphore(_MOST)

    @contextmanager
    def one(self, filesystem: Any, timeout: float) -> Iterator[Any]:
        with self._turns:
            try:
                channel = self._free.pop()
            except IndexError:
                channel = filesystem.client.open_sftp()
            try:
                channel.get_channel().settimeout(timeout)
                yield channel
            except (FileNotFoundError, PermissionError):
                self._free.append(channel)
                raise
            except BaseException:
                # Answers that are still to come would be taken for those of the next request.
                with suppress(Exception):
                    channel.close()
                raise
            self._free.append(channel)


_channels: weakref.WeakKeyDictionary[Any, _Channels] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def _channels_of(filesystem: Any) -> _Channels:
    with _lock:
        return _channels.setdefault(filesystem, _Channels())


class SftpSource:
    """One file on a server.

    Parameters
    ----------
    filesystem : fsspec.implementations.sftp.SFTPFileSystem
        Its connection is used, its own channel is not.
    path : str
        On the server.
    url : str
        Without secrets.
    known_by : str
        What tells this server and user from others in the identity.

    Notes
    -----
    SFTP takes no conditions. The file is opened for each range, and its size and time are asked
    of that open file once the range is read.
    """

    in_place = False
    concurrent = True
    signed = True

    def __init__(self, filesystem: Any, path: str, *, url: str, known_by: str) -> None:
        self.url = url
        self.identity = f"{identity(url, signed=True)} through {known_by}"
        self._filesystem = filesystem
        self._path = path
        self._known_by = known_by
        self._process = os.getpid()
        self._connecting = threading.Lock()

    def __repr__(self) -> str:
        return f"<SftpSource {self.url}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self._filesystem, self._path, self.url, self._known_by)

    def read(
        self,
        start: int,
        stop: int | None,
        *,
        pin: Validator | None = None,
        unless: Validator | None = None,
        timeout: float = 30.0,
    ) -> Answer:
        """Read one range; see `Source.read`."""
        failure: NearlineError
        try:
            connected = self._connected()
            with _channels_of(connected).one(connected, timeout) as channel:
                if unless is not None:
                    now = _validator(channel.stat(self._path))
                    if unless.same_version(now):
                        return Answer("unchanged", 0, 0, now)
                body, found = self._take(channel, start, stop, pin)
        except FileNotFoundError:
            failure = (
                changed(self.url)
                if pin is not None
                else NotFound(f"There is no object at {self.url}.")
            )
        except Exception as problem:  # noqa: BLE001 - paramiko, socket and fsspec have no common root
            failure = _failure(problem, self.url)
        else:
            if pin is not None and not pin.same_version(found):
                raise changed(self.url, found)
            return Answer("partial", start, start + len(body), found, iter((body,)))
        raise failure

    def _take(
        self, channel: Any, start: int, stop: int | None, pin: Validator | None
    ) -> tuple[bytes, Validator]:
        with channel.open(self._path, "rb") as file:
            size = pin.size if pin is not None and pin.size is not None else file.stat().st_size
            end = size if stop is None else min(stop, size)
            spans = [(at, min(_PIECE, end - at)) for at in range(start, end, _PIECE)]
            # All are asked for before the first comes.
            body = b"".join(file.readv(spans)) if spans else b""
            found = _validator(file.stat())
        if len(body) != max(0, end - start) and found.size == size:
            raise Transient(f"{self.url} gave {len(body)} bytes instead of {end - start}.")
        return body, found

    def _connected(self) -> Any:
        """Return the filesystem, connected anew where it has to be.

        In a forked child nobody reads the socket, and a connection that was lost stays so.
        """
        with self._connecting:
            if self._process != os.getpid():
                self._filesystem = made_again(self._filesystem)
                self._process = os.getpid()
            filesystem = self._filesystem
        with _lock:
            transport = filesystem.client.get_transport()
            if transport is None or not transport.is_active():
                _channels.pop(filesystem, None)
                filesystem._connect()
        return filesystem

    def close(self) -> None:
        """Do nothing: the connection is shared."""


def refusal(problem: Exception, url: str) -> NearlineError | None:
    """Return our error where a server, or what is known about it, does not let us in."""
    kinds, text = {kind.__name__ for kind in type(problem).__mro__}, str(problem)
    if "AuthenticationException" in kinds or "No authentication methods" in text:
        return AccessDenied(
            f"{url} refuses the login: give username and password, or key_filename and its "
            "passphrase, in storage_options."
        )
    if "BadHostKeyException" in kinds or "known_hosts" in text:
        return Unavailable(
            f"{url} was not read: the key of its server is not the one in known_hosts. Compare "
            "it, and put it there if it is right."
        )
    return None


def _failure(problem: Exception, url: str) -> NearlineError:
    kind = type(problem).__name__
    refused = refusal(problem, url)
    if refused is not None:
        return refused
    if kind in ("SSHException", "ChannelException", "NoValidConnectionsError", "SFTPError"):
        return Transient(f"{url} could not be read ({kind}).")
    return foreign(problem, url)


def _validator(told: Any) -> Validator:
    moment = datetime.fromtimestamp(told.st_mtime, UTC)
    return Validator(size=told.st_size, last_modified=format_datetime(moment, usegmt=True))


def _reopen(filesystem: Any, path: str, url: str, known_by: str) -> SftpSource:
    return SftpSource(filesystem, path, url=url, known_by=known_by)


_inherited: list[Any] = []


def _in_child() -> None:
    """Keep a forked child from speaking on the connections of its parent.

    What it said at its end, when paramiko's objects are collected, would break them.
    """
    global _lock
    _lock = threading.Lock()
    for filesystem, channels in list(_channels.items()):
        _inherited.append((filesystem, channels))
        with suppress(Exception):
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.dup2(nowhere, filesystem.client.get_transport().sock.fileno())
            os.close(nowhere)
    _channels.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
