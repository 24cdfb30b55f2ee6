"""Any other filesystem, through fsspec."""

from __future__ import annotations

import os
import re
import threading
import weakref
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any, TypeVar

from nearline.errors import (
    InvalidOption,
    MissingExtra,
    NearlineError,
    NotFound,
    TruncatedObject,
    Unavailable,
    UnsupportedUrl,
)
from nearline.provenance import Validator
from nearline.storage import address
from nearline.storage.readers.foreign import foreign
from nearline.storage.readers.serial import SerialSource
from nearline.storage.readers.sftp import SftpSource, is_sftp, made_again, refusal
from nearline.storage.readers.status import changed
from nearline.storage.source import Answer, Source, Transient
from nearline.storage.url import identity, printable

__all__ = [
    "FsspecSource",
    "filesystem_of",
    "known_by",
    "open_fsspec",
    "shown_url",
    "source_in",
    "validator_of",
]

_Made = TypeVar("_Made")

_CONCURRENT = {"MemoryFileSystem", "WebHDFS"}
"""Synchronous filesystems that several threads may use at once."""

_READ_AHEAD = 1 << 12
"""Bytes that fsspec's files read beyond what is asked for: the least, and no request more."""

_EXTRAS = {
    "sftp": "sftp",
    "ssh": "sftp",
    "hdfs": "hadoop",
    "arrow_hdfs": "hadoop",
    "webhdfs": "hadoop",
    "swebhdfs": "hadoop",
}
"""Extras that bring what a scheme's filesystem takes."""

_SECRET = re.compile(r"pass|secret|token|key|cred|auth|header|cookie|sas|sign", re.IGNORECASE)
"""Options that no identity may hold."""

_locks: weakref.WeakKeyDictionary[Any, threading.Lock] = weakref.WeakKeyDictionary()
_locks_lock = threading.Lock()


def _lock_of(filesystem: Any) -> threading.Lock:
    # Two objects of one archive share its one handle.
    with _locks_lock:
        try:
            return _locks.setdefault(filesystem, threading.Lock())
        except TypeError:
            return threading.Lock()


def _in_child() -> None:
    global _locks_lock
    _locks_lock = threading.Lock()
    _locks.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


class FsspecSource:
    """One file of an fsspec filesystem.

    Parameters
    ----------
    filesystem : fsspec.AbstractFileSystem
    path : str
        As the filesystem understands it.
    url : str
        Without secrets.
    known_by : str
        What tells this filesystem from others of its kind in the identity.

    Notes
    -----
    fsspec takes no conditions, so the file's description is read again after
    each range, and a change between two of them is noticed.
    """

    in_place = False
    signed = True
    """Unknown, and so the more careful of the two."""

    def __init__(self, filesystem: Any, path: str, *, url: str, known_by: str) -> None:
        self.url = url
        self.identity = f"{identity(url, signed=True)} through {known_by}"
        self.concurrent = bool(
            getattr(filesystem, "async_impl", False) or type(filesystem).__name__ in _CONCURRENT
        )
        self._filesystem = filesystem
        self._path = path
        self._known_by = known_by
        self._ranges = _has_ranges(filesystem)
        self._lock = _lock_of(filesystem)
        self._process = os.getpid()

    def __repr__(self) -> str:
        return f"<FsspecSource {self.url}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self._filesystem, self._path, self.url, self._known_by)

    def read(
        self,
        start: int,
        stop: int | None,
        *,
        pin: Validator | None = None,
        unless: Validator | None = None,
        timeout: float = 30.0,  # noqa: ARG002 - the filesystem has its own
    ) -> Answer:
        """Read one range; see `Source.read`."""
        if os.getpid() != self._process:
            self._make_own()
        if self.concurrent:
            return self._read(start, stop, pin, unless)
        with self._lock:
            return self._read(start, stop, pin, unless)

    def _read(
        self, start: int, stop: int | None, pin: Validator | None, unless: Validator | None
    ) -> Answer:
        try:
            if pin is None or pin.size is None or stop is None:
                before = self._describe()
                if unless is not None and unless.same_version(before):
                    return Answer("unchanged", 0, 0, before)
            else:
                before = pin
            if before.size is None:
                raise UnsupportedUrl(f"{self.url} has no size: its filesystem does not tell it.")
            end = before.size if stop is None else min(stop, before.size)
            body = self._take(start, end) if end > start else b""
            after = self._describe() if before.pins else before
        except FileNotFoundError:
            if pin is not None:
                raise changed(self.url) from None
            raise NotFound(f"There is no object at {self.url}.") from None
        except NearlineError:
            raise
        except Exception as problem:  # noqa: BLE001 - a foreign filesystem may raise anything
            raise foreign(problem, self.url) from None
        if before.pins and not after.same_version(pin or before):
            raise changed(self.url, after)
        if len(body) != max(0, end - start):
            raise TruncatedObject(f"{self.url} gave {len(body)} bytes instead of {end - start}.")
        return Answer("partial", start, start + len(body), after, iter((body,)))

    def _make_own(self) -> None:
        """Make the filesystem anew in a forked child: its sockets and handles are its parent's.

        Asynchronous ones refuse by themselves.
        """
        if not getattr(self._filesystem, "async_impl", False):
            self._filesystem = made_again(self._filesystem)
            self._lock = _lock_of(self._filesystem)
        self._process = os.getpid()

    def _take(self, start: int, stop: int) -> bytes:
        if self._ranges:
            body: bytes = self._filesystem.cat_file(self._path, start=start, end=stop)
            if len(body) == stop - start:
                return body
            # Some filesystems (sshfs) return the whole file whatever range was asked for.
            self._ranges = False
        with self._filesystem.open(self._path, "rb", block_size=_READ_AHEAD) as file:
            file.seek(start)
            pieces = []
            while start < stop:
                piece = file.read(stop - start)
                if not piece:
                    break
                pieces.append(piece)
                start += len(piece)
        return b"".join(pieces)

    def _describe(self) -> Validator:
        return validator_of(self._filesystem.info(self._path))

    def close(self) -> None:
        """Do nothing: the filesystem is shared."""


def _has_ranges(filesystem: Any) -> bool:
    """Whether a filesystem has a way of its own to read a range; fsspec's reads ahead by 5 MB."""
    from fsspec import AbstractFileSystem

    return getattr(type(filesystem), "cat_file", None) is not AbstractFileSystem.cat_file


def _reopen(filesystem: Any, path: str, url: str, known_by: str) -> FsspecSource:
    return FsspecSource(filesystem, path, url=url, known_by=known_by)


def validator_of(info: Mapping[str, Any]) -> Validator:
    """Return what a filesystem's description of a file says about its version."""

    def first(*names: str) -> Any:
        return next((info[name] for name in names if info.get(name) is not None), None)

    size = first("size")
    etag = first("ETag", "etag", "e_tag")
    generation = first("generation")
    modified = first(
        "LastModified", "last_modified", "mtime", "modified", "updated", "modificationTime"
    )
    if etag is None and modified is None and info.get("CRC") is not None:
        # Of a member of an archive: its own dates are those of the file that was put in.
        etag = f'"crc32-{info["CRC"]:08x}-{size}"'
    if isinstance(modified, datetime):
        modified = format_datetime(modified, usegmt=True) if modified.tzinfo else str(modified)
    return Validator(
        size=size if isinstance(size, int) else None,
        etag=str(etag) if etag else None,
        generation=str(generation) if generation else None,
        last_modified=str(modified) if modified is not None else None,
    )


def open_fsspec(url: str, storage_options: Mapping[str, Any]) -> Source:
    """Open a URL by the filesystem that fsspec has for its scheme.

    A chain of filesystems (``simplecache::sftp://...``) is opened as one file
    and read serially: what its parts do to the bytes is not known here.

    Raises
    ------
    MissingExtra
        fsspec, or the package that the filesystem takes, is not installed.
    UnsupportedUrl
        No filesystem reads such URLs.
    AccessDenied, Unavailable
        Its server does not let us in, or is not there.
    """
    shown = shown_url(url)
    scheme = address.scheme_of(url)
    if "::" in url and scheme != "zip":

        def open_chain() -> Source:
            import fsspec

            return SerialSource(fsspec.open(url, "rb", **storage_options).open(), shown)

        return _attempt(open_chain, shown)
    if scheme in ("sftp", "ssh"):
        # Its connections would wait as long as the operating system does.
        storage_options = {"timeout": 30, **storage_options}
    filesystem, path = filesystem_of(url, storage_options)
    return source_in(filesystem, path, shown)


def source_in(filesystem: Any, path: str, url: str) -> Source:
    """Return the source of a file of a filesystem; `url` is for people."""
    kind = SftpSource if is_sftp(filesystem) else FsspecSource
    return kind(filesystem, path, url=url, known_by=known_by(filesystem))


def shown_url(url: str) -> str:
    """Return a URL, or a chain of them, without secrets."""
    return "::".join(printable(part) for part in url.split("::"))


def known_by(filesystem: Any) -> str:
    """Return what tells a filesystem from others of its kind, in every process; no secrets."""
    kind = type(filesystem)
    options = {**dict(getattr(filesystem, "storage_options", {}))}
    told = [*getattr(filesystem, "storage_args", ()), *sorted(options.items())]
    plain = [one for one in told if not (isinstance(one, tuple) and _SECRET.search(str(one[0])))]
    values = [one[1] if isinstance(one, tuple) else one for one in plain]
    if all(value is None or isinstance(value, (str, int, float)) for value in values):
        return f"fsspec {kind.__module__}.{kind.__qualname__} {plain}"
    # Objects among its options: of this process only.
    return f"fsspec {getattr(filesystem, '_fs_token', id(filesystem))}"


def filesystem_of(url: str, storage_options: Mapping[str, Any]) -> tuple[Any, str]:
    """Return fsspec's filesystem for a URL, and the path in it; raises as `open_fsspec` does."""

    def find() -> tuple[Any, str]:
        import fsspec.core

        found: tuple[Any, str] = fsspec.core.url_to_fs(url, **storage_options)
        return found

    return _attempt(find, shown_url(url))


def _attempt(work: Callable[[], _Made], shown: str) -> _Made:
    """Call fsspec, and translate what it raises."""
    try:
        import fsspec  # noqa: F401
    except ImportError:
        raise MissingExtra(
            f'{shown} is read through fsspec: pip install "nearline[fsspec]".'
        ) from None
    try:
        return work()
    except ImportError as lacking:
        extra = _EXTRAS.get(address.scheme_of(shown) or "")
        remedy = f'pip install "nearline[{extra}]"' if extra else str(lacking)
        failure: NearlineError = MissingExtra(f"{shown} takes another package: {remedy}.")
    except TypeError:
        failure = InvalidOption(
            f"storage_options hold a name that the filesystem of {shown} does not know."
        )
    except Exception as problem:  # noqa: BLE001 - a foreign filesystem may raise anything
        failure = _unopened(problem, shown)
    raise failure


def _unopened(problem: Exception, shown: str) -> NearlineError:
    """Return our error for a filesystem that could not be made, or did not connect."""
    kinds, text = {kind.__name__ for kind in type(problem).__mro__}, str(problem)
    if isinstance(problem, NearlineError):
        return problem
    if isinstance(problem, ValueError) and "rotocol" in text:
        return UnsupportedUrl(f"{shown} has a scheme that neither nearline nor fsspec knows.")
    if "BadZipFile" in kinds:
        return UnsupportedUrl(f"{shown} was not read: what should be a zip archive is none.")
    refused = refusal(problem, shown)
    if refused is not None:
        return refused
    if re.search("libhdfs|libjvm|JAVA_HOME", text):
        return MissingExtra(
            f"{shown} is read by Hadoop's own library (libhdfs) in a Java machine: set JAVA_HOME, "
            "HADOOP_HOME and CLASSPATH (to the output of 'hadoop classpath --glob'), or use "
            "webhdfs:// or swebhdfs://, which take neither."
        )
    failure = foreign(problem, shown)
    # Nobody would repeat this: no read has begun.
    return Unavailable(str(failure)) if isinstance(failure, Transient) else failure
