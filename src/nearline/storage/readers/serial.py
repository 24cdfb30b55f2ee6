"""Any object with `read` and `seek`, read as it offers itself: one seek and one read at a time."""

from __future__ import annotations

import itertools
import os
import threading
from typing import Any, NoReturn

from nearline.errors import (
    InvalidOption,
    NearlineError,
    NotPicklable,
    TruncatedObject,
    UnsafeAfterFork,
    UnsupportedUrl,
)
from nearline.provenance import Validator
from nearline.storage.readers.foreign import foreign
from nearline.storage.source import Answer

__all__ = ["SerialSource"]

_numbers = itertools.count(1)


class SerialSource:
    """A file that is read by `seek` and `read`, under a lock.

    Its identity is its own: nothing tells which object lies behind it, so
    nothing read from it may be taken for that of another.

    Parameters
    ----------
    handle : file-like
        Open, binary, seekable.
    name : str
        For messages.
    """

    in_place = False
    concurrent = False
    signed = True
    """Unknown, and so the more careful of the two."""

    def __init__(self, handle: Any, name: str) -> None:
        self.url = name
        self.identity = f"handle:{id(handle):x}-{next(_numbers)}"
        self._handle = handle
        self._lock = threading.Lock()
        self._process = os.getpid()
        try:
            self._base = handle.tell()
            self._size = handle.seek(0, 2)
            if not isinstance(self._size, int):
                # Some wrappers return nothing from seek.
                self._size = handle.tell()
        except Exception as problem:
            if isinstance(problem, (OSError, ValueError, AttributeError, NotImplementedError)):
                raise UnsupportedUrl(
                    f"{name} cannot be read from any place ({type(problem).__name__}): it must "
                    "support seek and tell."
                ) from None
            raise
        self._size = max(0, self._size - self._base)

    def __repr__(self) -> str:
        return f"<SerialSource {self.url}>"

    def __reduce__(self) -> NoReturn:
        raise NotPicklable(
            f"{self.url} was passed as an open file, which another process cannot reopen: "
            "pass its URL or path instead."
        )

    def read(
        self,
        start: int,
        stop: int | None,
        *,
        pin: Validator | None = None,  # noqa: ARG002 - nothing identifies a version
        unless: Validator | None = None,  # noqa: ARG002
        timeout: float = 30.0,  # noqa: ARG002 - the handle has its own
    ) -> Answer:
        """Seek and read, one caller at a time; see `Source.read`."""
        if os.getpid() != self._process:
            raise UnsafeAfterFork(
                f"{self.url} was passed as an open file, and this process was forked since: two "
                "processes that share a file move each other's position. Pass its URL or path, or "
                "open it in the worker."
            )
        end = self._size if stop is None else min(stop, self._size)
        if end <= start:
            return Answer("partial", start, start, Validator(size=self._size))
        with self._lock:
            body = self._take(start, end - start)
        return Answer("partial", start, end, Validator(size=self._size), iter((body,)))

    def _take(self, start: int, length: int) -> bytes:
        handle = self._handle
        if getattr(handle, "closed", False) is True:
            raise UnsupportedUrl(
                f"{self.url} was closed while its image was still in use: keep the 'with' block "
                "open, or pass the URL instead of the file."
            )
        try:
            handle.seek(self._base + start)
            body = handle.read(length)
            if isinstance(body, str):
                raise InvalidOption(f"{self.url} is open in text mode: open it with mode 'rb'.")
            while body and len(body) < length:
                more = handle.read(length - len(body))
                if not more:
                    break
                body += more
        except NearlineError:
            raise
        except Exception as problem:  # noqa: BLE001 - a foreign object may raise anything
            raise foreign(problem, self.url) from None
        if len(body or b"") < length:
            raise TruncatedObject(
                f"{self.url} ends {length - len(body or b'')} bytes before the size that it gave."
            )
        return bytes(body[:length])

    def close(self) -> None:
        """Leave the file open: it is its owner's."""
