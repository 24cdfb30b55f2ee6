"""An open object as a file, for anyone's reader."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterable
from typing import Any

from nearline.fetch.batch import Ahead
from nearline.fetch.hints import Course, Hints
from nearline.fetch.reader import Reader
from nearline.ranges import ByteRange
from nearline.storage.source import Buffer

__all__ = ["RemoteFile"]

_KIB = 1 << 10
_SMALLEST_WINDOW = 64 * _KIB
_LARGEST_WINDOW = 4096 * _KIB
_OVERLAPPING_WINDOW = 512 * _KIB
_HINTED_GROWTH = 256 * _KIB
_TRIES = 8


class RemoteFile(io.BufferedIOBase):
    """A seekable binary file over a `Reader`.

    Small reads are served from a window of 64 KiB, which doubles up to 4 MiB
    as long as reads follow one another; the next window is then fetched while
    this one is used. After a jump the window is small again, unless hints tell
    what will be read. What is fetched goes through the cache as all other reads
    do, and nothing is fetched ahead while what is read is there already.

    Safe to share between threads, although they share its position too.
    Pickles when its source does.

    Parameters
    ----------
    reader : Reader
        What is read.
    find_hints : callable, optional
        Takes the reader and returns `Hints`, or None as long as there are none;
        asked at the first jumps.
    owns_reader : bool
        Whether closing the file closes the reader.

    Attributes
    ----------
    reader : Reader
    name : str
        The URL, without credentials or signature.
    size : int
        Bytes of the object.
    """

    mode = "rb"

    def __init__(
        self,
        reader: Reader,
        find_hints: Callable[[Reader], Hints | None] | None = None,
        *,
        owns_reader: bool = True,
    ) -> None:
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
        self._owns_reader = owns_reader
        self._find_hints = find_hints
        self._hints: Hints | None = None
        self._tries = _TRIES if find_hints else 0
        self._left = 0
        self._course: Course | None = None
        self._expected: frozenset[int] = frozenset()

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
        """Close the file, and its reader if it is its own."""
        if self.closed:
            return
        with self._lock:
            for one in (self._next, self._hinted):
                if one is not None:
                    one.release()
            self._next = self._hinted = None
            self._window = memoryview(b"")
            super().close()
        if self._owns_reader:
            self.reader.close()

    def __repr__(self) -> str:
        return f"RemoteFile({self.name!r}, size={self.size})"

    def __reduce__(self) -> tuple[Any, ...]:
        self._check_open()
        return _reopen, (self.reader, self._find_hints, self._position)

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
        if self._position != self._left and self._hints is not None:
            self._jump()
        if len(self._rest()) < length:
            self._fill(length)
        found = self._rest()[:length]
        self._position += length
        self._left = self._position
        return found

    def _jump(self) -> None:
        found = None if self._hints is None else self._hints.jumped(self._left, self._position)
        self._course = found or self._course

    def _fill(self, length: int) -> None:
        """Have the window begin at the position and hold at least `length` bytes."""
        start = self._position
        if start != self._left and self._hints is None and self._tries and self._find_hints:
            self._tries -= 1
            self._hints = self._find_hints(self.reader)
            self._jump()
        course, self._course = self._course, None
        if course is not None:
            (first, end), _ = course
            if first <= start and start + length <= end:
                self._follow(course)
                return
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
        missing = self._next is not None or self.reader.at_hand(start + len(kept), stop) < stop
        self._show(start, kept, stop)
        # Where hints lack only the length of a run, its beginning does not wait for its growth.
        grows = self._hints is not None and self._window_size < _HINTED_GROWTH
        overlaps = follows and self._window_size >= _OVERLAPPING_WINDOW
        self._fetch_next(missing and (grows or overlaps), stop)

    def _follow(self, course: Course) -> None:
        """Fill the window as a hint says, and have fetched what comes after it."""
        (first, stop), following = course
        start = self._position
        kept = self._rest()
        missing = first in self._expected or self.reader.at_hand(start + len(kept), stop) < stop
        ahead = None
        expected, self._expected = self._expected, frozenset[int]()
        if missing:
            self._expected = frozenset(
                one.start
                for one in following
                if one.start in expected or self.reader.at_hand(*one) < one.stop
            )
            ahead = self.reader.ahead([one for one in following if one.start in self._expected])
        try:
            self._show(start, kept, stop)
        finally:
            # What was hinted at before is given up only now that it has been read.
            used, self._hinted = (self._hinted, self._next), ahead
            self._next = None
            for one in used:
                if one is not None:
                    one.release()
        self._window_size = _SMALLEST_WINDOW

    def _show(self, start: int, kept: memoryview, stop: int) -> None:
        """Have the window reach from `start`, of which `kept` is there, to `stop`."""
        fetched = self.reader.read(start + len(kept), stop)
        self._window = memoryview(b"".join((kept, fetched))) if kept else fetched
        self._window_start = start

    def _fetch_next(self, wanted: bool, start: int) -> None:
        used, self._next = self._next, None
        if wanted and start < self.size:
            following = min(2 * self._window_size, _LARGEST_WINDOW)
            self._next = self.reader.ahead(
                [ByteRange(start, min(start + following, self.size))], hold=True
            )
        if used is not None:
            used.release()


def _reopen(
    reader: Reader, find_hints: Callable[[Reader], Hints | None] | None, position: int
) -> RemoteFile:
    file = RemoteFile(reader, find_hints)
    file.seek(position)
    return file
