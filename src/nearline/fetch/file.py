"""An open object as a file, for anyone's reader."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterable
from typing import Any

from nearline.fetch.batch import Ahead
from nearline.fetch.reader import Reader
from nearline.ranges import ByteRange
from nearline.storage.source import Buffer

__all__ = ["RemoteFile"]

_KIB = 1 << 10
_SMALLEST_WINDOW = 64 * _KIB
_LARGEST_WINDOW = 4096 * _KIB
_OVERLAPPING_WINDOW = 256 * _KIB


class RemoteFile(io.BufferedIOBase):
    """A seekable binary file over a `Reader`.

    Small reads are served from a window of 64 KiB, which doubles up to 4 MiB
    as long as reads follow one another; the next window is then fetched while
    this one is used. After a jump the window is small again. What is fetched
    goes through the cache as all other reads do.

    Safe to share between threads, although they share its position too.
    Pickles when its source does.

    Parameters
    ----------
    reader : Reader
        Belongs to the file: closing the file closes it.

    Attributes
    ----------
    reader : Reader
    name : str
        The URL, without credentials or signature.
    size : int
        Bytes of the object.
    """

    mode = "rb"

    def __init__(self, reader: Reader) -> None:
        super().__init__()
        self.reader = reader
        self.name = reader.url
        self.size = reader.size
        self._lock = threading.RLock()
        self._position = 0
        self._window = memoryview(b"")
        self._window_start = 0
        self._window_size = _SMALLEST_WINDOW
        self._next: Ahead | None = None
        self._hinted: Ahead | None = None

    # --- reading ----------------------------------------------------------

    def read(self, size: int | None = -1, /) -> bytes:
        """Return up to `size` bytes, fewer only at the end; all that follow if negative or None."""
        with self._lock:
            return bytes(self._take(self._length(size)))

    def read1(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes with at most one fetch; by default what is at hand."""
        with self._lock:
            if size < 0:
                size = max(len(self._rest()), _SMALLEST_WINDOW)
            return bytes(self._take(self._length(size)))

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer; returns the number of bytes, fewer than it holds only at the end."""
        target = memoryview(buffer).cast("B")
        with self._lock:
            found = self._take(self._length(len(target)))
            target[: len(found)] = found
            return len(found)

    def readinto1(self, buffer: Any, /) -> int:
        """Fill a buffer, as `readinto`."""
        return self.readinto(buffer)

    def readline(self, size: int | None = -1, /) -> bytes:
        """Return bytes up to a line's end or `size` bytes, whichever comes first."""
        # That of the base class returns more than `size` where two windows meet.
        line = bytearray()
        with self._lock:
            left = self._length(size)
            while left > 0:
                if not self._rest():
                    self._fill(1)
                at_hand = bytes(self._rest()[:left])
                found = self._take(at_hand.find(b"\n") + 1 or len(at_hand))
                line += found
                left = 0 if line.endswith(b"\n") else left - len(found)
        return bytes(line)

    def peek(self, size: int = 0, /) -> bytes:
        """Return bytes that follow, without moving on; at least one unless at the end."""
        with self._lock:
            self._check_open()
            if not self._rest() and self._position < self.size:
                self._fill(max(size, 1))
            return bytes(self._rest())

    def hint(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Begin to fetch byte ranges that will be read soon, such as the frames to come.

        Parameters
        ----------
        ranges : iterable of (int, int)
            First byte and end (excluded) of each. A later hint replaces this one.
        """
        with self._lock:
            self._check_open()
            following = self.reader.ahead([ByteRange(start, stop) for start, stop in ranges])
            if self._hinted is not None:
                self._hinted.release()
            self._hinted = following

    # --- position ---------------------------------------------------------

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to an offset from the start, the position (1) or the end (2); returns it."""
        with self._lock:
            self._check_open()
            origins = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}
            if whence not in origins:
                raise ValueError(f"whence={whence} is not 0, 1 or 2.")
            position = origins[whence] + offset
            if position < 0:
                raise ValueError(f"Position {position} lies before the start of {self.name}.")
            self._position = position
            return position

    def tell(self) -> int:
        """Return the position, bytes from the start."""
        self._check_open()
        return self._position

    def readable(self) -> bool:
        """Return True."""
        self._check_open()
        return True

    def seekable(self) -> bool:
        """Return True."""
        self._check_open()
        return True

    def __len__(self) -> int:
        return self.size

    def __bool__(self) -> bool:
        return True

    # --- life -------------------------------------------------------------

    def close(self) -> None:
        """Close the file and its reader."""
        if self.closed:
            return
        with self._lock:
            for one in (self._next, self._hinted):
                if one is not None:
                    one.release()
            self._next = self._hinted = None
            self._window = memoryview(b"")
            super().close()
        self.reader.close()

    def __repr__(self) -> str:
        return f"RemoteFile({self.name!r}, size={self.size})"

    def __reduce__(self) -> tuple[Any, ...]:
        self._check_open()
        return _reopen, (self.reader, self._position)

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError(f"{self.name} was closed; open it again to read it.")

    # --- the window -------------------------------------------------------

    def _length(self, size: int | None) -> int:
        self._check_open()
        left = max(self.size - self._position, 0)
        return left if size is None or size < 0 else min(size, left)

    def _rest(self) -> memoryview:
        """Return what the window holds from the position on."""
        offset = self._position - self._window_start
        return self._window[offset:] if 0 <= offset < len(self._window) else memoryview(b"")

    def _take(self, length: int) -> Buffer:
        if length == 0:
            return b""
        if len(self._rest()) < length:
            self._fill(length)
        found = self._rest()[:length]
        self._position += length
        return found

    def _fill(self, length: int) -> None:
        """Have the window begin at the position and hold at least `length` bytes."""
        start = self._position
        window_stop = self._window_start + len(self._window)
        follows = self._window_start <= start <= window_stop + self._window_size
        if not follows:
            self._window_size = _SMALLEST_WINDOW
        elif self._window:
            self._window_size = min(2 * self._window_size, _LARGEST_WINDOW)
        kept = self._rest()
        stop = min(max(start + length, start + len(kept) + self._window_size), self.size)
        if length > self._window_size:
            # Larger reads go for exactly what they ask.
            stop = start + length
        fetched = self.reader.read(start + len(kept), stop)
        self._window = memoryview(b"".join((kept, fetched))) if kept else fetched
        self._window_start = start
        self._fetch_next(follows, stop)

    def _fetch_next(self, follows: bool, start: int) -> None:
        used, self._next = self._next, None
        if follows and self._window_size >= _OVERLAPPING_WINDOW and start < self.size:
            following = min(2 * self._window_size, _LARGEST_WINDOW)
            self._next = self.reader.ahead(
                [ByteRange(start, min(start + following, self.size))], hold=True
            )
        if used is not None:
            used.release()


def _reopen(reader: Reader, position: int) -> RemoteFile:
    file = RemoteFile(reader)
    file.seek(position)
    return file
