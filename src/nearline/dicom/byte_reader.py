"""The door through which this room sees an object's bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from nearline.ranges import ByteRange

__all__ = ["Buffer", "ByteReader"]

Buffer = bytes | bytearray | memoryview


class ByteReader(Protocol):
    """One open object, pinned to one version. Thread-safe."""

    @property
    def url(self) -> str:
        """Of the object, for messages: without credentials or signature."""
        ...

    @property
    def size(self) -> int:
        """Bytes of the whole object."""
        ...

    @property
    def prefix(self) -> Buffer:
        """Bytes from offset 0 on that are at hand without a request; may be empty."""
        ...

    def read(self, start: int, stop: int) -> Buffer:
        """Return bytes `start` to `stop` of the object.

        Raises
        ------
        TruncatedObject
            `stop` lies past the end.
        """
        ...

    def read_many(self, ranges: Sequence[ByteRange]) -> Sequence[Buffer]:
        """Return several ranges, fetched together, in the order asked."""
        ...

    def scan(self, start: int, stop: int) -> Iterator[Buffer]:
        """Yield bytes `start` to `stop` in order, in pieces, fetched ahead of use."""
        ...
