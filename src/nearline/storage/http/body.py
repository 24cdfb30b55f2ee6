"""The body of an HTTP answer, taken piece by piece."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from nearline.errors import NearlineError
from nearline.storage.http.connections import translated
from nearline.storage.source import Transient
from nearline.storage.url import printable

__all__ = ["Body"]

_PIECE = 1 << 17


class Body(Iterator[bytes]):
    """Pieces of a body, in order; `close` from any thread ends a read that waits.

    The connection goes back to its pool once the body was read entirely and is
    cut otherwise.

    Parameters
    ----------
    response : urllib3.BaseHTTPResponse
        With its body unread and undecoded.
    length : int or None
        Bytes to come; None: until the server ends the answer.
    url : str
        For messages; its secrets are removed here.
    """

    def __init__(self, response: BaseHTTPResponse, length: int | None, url: str) -> None:
        self._response = response
        self._left = length
        self._url = url
        self._reading = threading.Lock()
        self._given_up = False
        self._finished = False

    def __next__(self) -> bytes:
        """Return the next piece, at most 128 KiB.

        Raises
        ------
        Transient
            The connection broke, the body ended early or `close` was called.
        """
        with self._reading:
            if self._finished:
                raise StopIteration
            if self._given_up:
                raise Transient(f"Reading {printable(self._url)} was given up.")
            piece, failure = self._take()
            if failure is not None:
                self._discard()
                raise failure
            if piece:
                return piece
            self._finish()
            raise StopIteration

    def _take(self) -> tuple[bytes, NearlineError | None]:
        asked = _PIECE if self._left is None else min(_PIECE, self._left)
        if asked == 0:
            return b"", None
        piece, failure = b"", None
        try:
            piece = self._response.read(asked)
        except (HTTPError, OSError) as error:
            failure = translated(error, self._url)
        except ValueError:
            # A TLS socket that `close` took from under this thread.
            self._given_up = True
        if self._given_up:
            # Whatever was read: a TLS socket that is shut down gives cipher text.
            return b"", Transient(f"Reading {printable(self._url)} was given up.")
        if failure is None and self._left is not None:
            self._left -= len(piece)
            if not piece:
                shown = printable(self._url)
                failure = Transient(f"{shown}: the answer ended {self._left} bytes early.")
            elif self._left == 0 and self._response.length_remaining == 0:
                # urllib3 has put the connection back already.
                self._finished = True
        return piece, failure

    def _finish(self) -> None:
        """Put the connection back after the end of a body in chunks, or cut it."""
        self._finished = True
        with suppress(HTTPError, OSError, ValueError):
            if self._response.length_remaining is None and not self._response.read(1):
                self._response.release_conn()
                return
        # More than was asked for, or no orderly end.
        with suppress(HTTPError, OSError):
            self._response.close()

    def _discard(self) -> None:
        # Not finished: whoever goes on must not take what came for all of it.
        self._given_up = True
        with suppress(HTTPError, OSError):
            self._response.close()

    def close(self) -> None:
        """Give up what was not read; may be called more than once and from any thread."""
        if self._finished or self._given_up:
            return
        self._given_up = True
        # Wakes a thread that waits in `read`; it then discards the response itself.
        with suppress(RuntimeError, ValueError, OSError):
            self._response.shutdown()
        if self._reading.acquire(blocking=False):
            try:
                self._discard()
            finally:
                self._reading.release()
