"""An open object as far as it is here: reading it never costs a request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from nearline.ranges import ByteRange

if TYPE_CHECKING:
    from nearline.fetch.reader import Reader

__all__ = ["AtHand", "NotAtHand"]


_LARGEST_PREFIX = 32 << 20


class NotAtHand(Exception):
    """Bytes would have to be fetched."""


class AtHand:
    """A `Reader` that gives only what it need not fetch.

    Raises `NotAtHand` for everything else.

    Parameters
    ----------
    reader : Reader
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.url = reader.url
        self.size = reader.size

    @property
    def prefix(self) -> memoryview:
        """What is here from byte 0 on, as far as a header may reach."""
        most = min(self.size, _LARGEST_PREFIX)
        return self._reader.read(0, self._reader.at_hand(0, most))

    def read(self, start: int, stop: int) -> memoryview:
        """Return bytes `start` to `stop`."""
        if self._reader.at_hand(start, stop) < stop:
            raise NotAtHand
        return self._reader.read(start, stop)

    def read_many(self, ranges: Sequence[ByteRange]) -> list[memoryview]:
        """Return several ranges, in the order asked for."""
        return [self.read(*span) for span in ranges]

    def scan(self, start: int, stop: int) -> Iterator[memoryview]:  # noqa: ARG002
        """Refuse: whoever scans reads everything."""
        raise NotAtHand
