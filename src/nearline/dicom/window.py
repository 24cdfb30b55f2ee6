"""The part of an object that a header is being read from; it grows on demand."""

from __future__ import annotations

from collections.abc import Callable, Container

from nearline.dicom.byte_reader import Buffer
from nearline.dicom.elements import (
    Element,
    Encoding,
    Incomplete,
    Malformed,
    follow_plain,
    read_element,
    skip_sequence,
)

__all__ = ["LIMIT", "Ended", "Oversized", "Window"]

LIMIT = 1 << 30
"""Largest header, in bytes; a slide of a million sparse tiles has less than half."""

_STEP = 256 * 1024


class Ended(Exception):
    """The object ends before byte `needed`; it has `size` bytes."""

    def __init__(self, needed: int, size: int) -> None:
        super().__init__(needed, size)
        self.needed = needed
        self.size = size


class Oversized(Exception):
    """A header beyond `LIMIT`."""


class Window:
    """Consecutive bytes of an object, addressed by their offset in it.

    Parameters
    ----------
    first : bytes-like
        Bytes that are at hand.
    following : callable
        Returns the next so many bytes in order, fewer only at the end.
    base : int
        Offset of the first of them.
    end : int or None
        Bytes of the whole object; None where only its end will tell.
    """

    def __init__(
        self,
        first: Buffer,
        following: Callable[[int], Buffer],
        *,
        base: int = 0,
        end: int | None = None,
    ) -> None:
        self.base = base
        self.data = memoryview(first).toreadonly()
        self._following = following
        self._end = end
        self._jumped = 0

    @property
    def stop(self) -> int:
        """Offset behind the last byte at hand."""
        return self.base + len(self.data)

    def copy(self, start: int, stop: int) -> bytes:
        """Copy bytes that are at hand."""
        return bytes(self.data[start - self.base : stop - self.base])

    def reach(self, stop: int, *, generously: int = 0) -> None:
        """Have bytes up to `stop` at hand; where more is fetched, `generously` more.

        Raises
        ------
        Ended
            The object is shorter.
        Oversized
            `stop` lies beyond `LIMIT`.
        """
        if stop <= self.stop:
            return
        more = self._fetch(stop, generously)
        if len(more):
            self.data = memoryview(b"".join((self.data, more)))
        if stop > self.stop:
            raise Ended(stop, self.stop)

    def _fetch(self, stop: int, generously: int) -> Buffer:
        if self._end is not None:
            if stop > self._end:
                raise Ended(stop, self._end)
            generously = min(generously, self._end - stop)
        if stop - self._jumped > LIMIT:
            raise Oversized
        return self._following(stop + generously - self.stop)

    def cut(self, start: int, stop: int, *, generously: int = 0) -> bytes:
        """Take bytes `start` to `stop` out; the window begins at `stop` afterwards.

        A large value is thus held twice for a moment, and never three times.
        """
        if stop <= self.stop:
            taken = self.copy(start, stop)
            self.data = self.data[stop - self.base :]
        else:
            more = memoryview(self._fetch(stop, generously))
            if len(more) < stop - self.stop:
                raise Ended(stop, self.stop + len(more))
            taken = b"".join((self.data[start - self.base :], more[: stop - self.stop]))
            self.data = memoryview(bytes(more[stop - self.stop :]))
        self.base = stop
        return taken

    def jump(self, position: int, following: Callable[[int], Buffer]) -> None:
        """Let the window begin at `position`; bytes up to there are not fetched.

        `following` brings the bytes behind those at hand, or behind `position` if that is further.
        """
        beyond = max(0, position - self.stop)
        self.data = self.data[min(position, self.stop) - self.base :]
        self.base = position
        self._jumped += beyond
        self._following = following

    def at_end(self, position: int) -> bool:
        """Whether fewer than the eight bytes of an element remain behind `position`."""
        wanted = position + 8
        if self._end is not None:
            wanted = max(position, min(wanted, self._end))
        try:
            self.reach(wanted, generously=_STEP)
        except Ended:
            return True
        return wanted < position + 8

    def follow_plain(
        self,
        position: int,
        encoding: Encoding,
        places: dict[int, tuple[int, int]],
        *,
        stopping: Container[int],
        shift: int,
    ) -> int:
        """Go over what is at hand; see `elements.follow_plain` (offsets in the object)."""
        base = self.base
        start, shift = position - base, shift - base
        return base + follow_plain(
            self.data, start, encoding, places, stopping=stopping, shift=shift
        )

    def element(self, position: int, encoding: Encoding) -> Element:
        """Read the tag, VR and length of the element at `position` (offsets in the object)."""
        while True:
            try:
                found = read_element(self.data, position - self.base, encoding)
            except Incomplete as more:
                self.reach(more.needed + self.base, generously=_STEP)
            else:
                return found._replace(start=position, value=found.value + self.base)

    def behind(self, element: Element, encoding: Encoding, *, generously: int = 0) -> int:
        """Return the offset behind an element, and have all of it at hand.

        A value of known length is fetched at once; one of undefined length by doubling.
        """
        if element.length is not None:
            stop = element.value + element.length
            self.reach(stop, generously=generously)
            return stop
        while True:
            try:
                return self.base + skip_sequence(self.data, element.value - self.base, encoding)
            except Incomplete as more:
                self.double(more.needed + self.base)
            except Malformed as fault:
                raise Malformed(fault.reason, fault.position + self.base) from None

    def double(self, needed: int, expected: int = 0) -> None:
        """Have at least `needed` at hand, and what is expected where the object goes on.

        Where nothing more than `needed` is expected: twice as much as now.
        """
        more = expected - needed
        self.reach(needed, generously=more if more > 0 else max(_STEP, len(self.data)))
