"""Deflated objects (PS3.5 A.5): everything behind the file meta information is one zlib stream."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from nearline.dicom.byte_reader import ByteReader
from nearline.errors import InvalidDicom, TooLarge, TruncatedObject
from nearline.ranges import ByteRange

if TYPE_CHECKING:
    from nearline.dicom.header import Header

__all__ = ["InflatedReader", "Inflater"]

_LIMIT = 2 << 30
_STEP = 1 << 20


class Inflater:
    """The dataset of a deflated object, inflated in order and no further than asked.

    Parameters
    ----------
    reader : ByteReader
        The object as stored.
    start : int
        Offset of the first deflated byte.
    """

    def __init__(self, reader: ByteReader, start: int) -> None:
        self._url = reader.url
        self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
        self._stored = reader.scan(start, reader.size)
        self._rest: bytes = b""
        self._given = 0

    def following(self, count: int) -> bytes:
        """Return the next `count` bytes of the dataset, fewer only at its end.

        Raises
        ------
        InvalidDicom
            The bytes are not a deflate stream.
        TruncatedObject
            The stream ends early.
        TooLarge
            More than 2 GiB would have to be inflated.
        """
        if self._given + count > _LIMIT:
            raise TooLarge(
                f"{self._url} is deflated, and more than {_LIMIT} bytes of it would have to be "
                "inflated in memory. Inflate it on disk first (for example with dcmconv)."
            )
        parts: list[bytes] = []
        while count > 0 and not self._stream.eof:
            if not self._rest and (chunk := next(self._stored, None)) is not None:
                self._rest = bytes(chunk)
            try:
                part = self._stream.decompress(self._rest, min(count, _STEP))
            except zlib.error as error:
                raise InvalidDicom(
                    f"{self._url} announces a deflated dataset, but it cannot be inflated: {error}."
                ) from None
            if not part and not self._rest and not self._stream.eof:
                raise TruncatedObject(
                    f"{self._url} ends within its deflated dataset. Transfer the object again."
                )
            self._rest = self._stream.unconsumed_tail
            parts.append(part)
            count -= len(part)
            self._given += len(part)
        return b"".join(parts)


class InflatedReader:
    """A deflated object seen as if its dataset were stored inflated.

    Offsets are those that `Header.pixel_offset` uses: file meta information as
    stored, then the inflated dataset. The dataset is inflated up to the end of
    the pixel data at the first read, and held in memory. Thread-safe.

    Parameters
    ----------
    reader : ByteReader
        The object as stored.
    header : Header
        Its header.
    """

    def __init__(self, reader: ByteReader, header: Header) -> None:
        stop = (header.pixel_offset or 0) + (header.pixel_length or 0)
        self._set(reader, header.dataset_offset, stop, None)

    def _set(self, reader: ByteReader, start: int, stop: int, dataset: bytes | None) -> None:
        self.url = reader.url
        self.size = stop
        self._reader = reader
        self._start = start
        self._dataset = dataset
        self._lock = threading.Lock()

    @classmethod
    def whole(cls, reader: ByteReader, start: int) -> InflatedReader:
        """Inflate all of an object whose dataset begins at `start`.

        Raises
        ------
        InvalidDicom
            The bytes are not a deflate stream.
        TooLarge
            There are 2 GiB or more.
        """
        inflater = Inflater(reader, start)
        parts = []
        while part := inflater.following(_STEP):
            parts.append(part)
        dataset = b"".join(parts)
        found = cls.__new__(cls)
        found._set(reader, start, start + len(dataset), dataset)
        return found

    @property
    def prefix(self) -> bytes:
        """Nothing: what is stored at offset 0 on is not what this reader shows."""
        return b""

    def read(self, start: int, stop: int) -> memoryview:
        """Return bytes `start` to `stop`; both must lie in the dataset.

        Raises
        ------
        TruncatedObject
            The dataset ends before `stop`.
        """
        with self._lock:
            if self._dataset is None:
                self._dataset = Inflater(self._reader, self._start).following(
                    max(0, self.size - self._start)
                )
        found = memoryview(self._dataset)[start - self._start : stop - self._start]
        if start < self._start or len(found) < stop - start:
            raise TruncatedObject(
                f"{self.url} ends before byte {stop} of its inflated dataset. "
                "Transfer the object again."
            )
        return found

    def read_many(self, ranges: Sequence[ByteRange]) -> list[memoryview]:
        """Return several ranges in the order asked."""
        return [self.read(start, stop) for start, stop in ranges]

    def scan(self, start: int, stop: int) -> Iterator[memoryview]:
        """Yield bytes `start` to `stop` in pieces."""
        for position in range(start, stop, _STEP):
            yield self.read(position, min(stop, position + _STEP))
