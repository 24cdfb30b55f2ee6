"""TIFF directories of dual-personality DICOM-TIFF files (TIFF 6.0 and BigTIFF): pure.

Such a file carries a TIFF header in its 128-byte preamble; the tiles that the
directories name are the DICOM frames' own bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

import numpy as np
from numpy.typing import NDArray

from nearline.dicom.byte_reader import Buffer
from nearline.ranges import ByteRange

__all__ = ["Directory", "Elsewhere", "NotTiff", "Pieces", "TiffHeader", "directories", "header"]

_DIRECTORIES = 100_000
_ENTRIES = 4096
_WIDTHS = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}


class NotTiff(Exception):
    """The bytes are no TIFF directories."""


class Elsewhere(Exception):
    """Parts of the file are needed that are not at hand.

    Attributes
    ----------
    arrays : list of ByteRange
        Offsets and lengths of tiles, exactly.
    directory : ByteRange or None
        Where the next directory begins; how long it is may not be known yet.
    """

    def __init__(self, arrays: list[ByteRange], directory: ByteRange | None = None) -> None:
        super().__init__(arrays, directory)
        self.arrays = arrays
        self.directory = directory


class Pieces:
    """Parts of a file, addressed by their offset in it."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._parts: list[tuple[int, memoryview]] = []

    def add(self, start: int, data: Buffer) -> None:
        """Have bytes at hand."""
        self._parts.append((start, memoryview(data)))

    def get(self, start: int, length: int) -> memoryview | None:
        """Return bytes from one part; None where no part holds all of them.

        Raises
        ------
        NotTiff
            They lie outside the file.
        """
        if start < 0 or start + length > self.size:
            raise NotTiff
        for base, data in self._parts:
            if base <= start and start + length <= base + len(data):
                return data[start - base : start - base + length]
        return None


@dataclass(frozen=True, slots=True)
class TiffHeader:
    """Byte order, flavour, and offset of the first directory."""

    little_endian: bool
    big: bool
    first: int


@dataclass(frozen=True, slots=True)
class Directory:
    """One image of a TIFF file.

    Attributes
    ----------
    width, height : int
        Of the image, in pixels.
    tile_width, tile_height : int
        Of its tiles; the image's own where it has one strip.
    offsets, lengths : ndarray of uint64, shape (k,)
        Of the tiles' bytes, in the file.
    """

    width: int
    height: int
    tile_width: int
    tile_height: int
    offsets: NDArray[np.uint64]
    lengths: NDArray[np.uint64]


def header(preamble: Buffer) -> TiffHeader | None:
    """Read a TIFF header; None where there is none."""
    start = bytes(preamble[:16])
    if len(start) < 16 or start[:2] not in (b"II", b"MM"):
        return None
    little = start[:2] == b"II"
    order = "<" if little else ">"
    magic = Struct(f"{order}H").unpack_from(start, 2)[0]
    if magic == 42:
        first = Struct(f"{order}I").unpack_from(start, 4)[0]
    elif magic == 43 and Struct(f"{order}HH").unpack_from(start, 4) == (8, 0):
        first = Struct(f"{order}Q").unpack_from(start, 8)[0]
    else:
        return None
    return TiffHeader(little, magic == 43, first) if first else None


def directories(found: TiffHeader, pieces: Pieces, *, tiles: int) -> list[Directory]:
    """Follow the chain of directories.

    Those without tiles or strips are left out, and those with more than `tiles`.

    Raises
    ------
    Elsewhere
        Add these parts to `pieces` and call again.
    NotTiff
        The chain does not end, or leads outside the file.
    """
    order = "<" if found.little_endian else ">"
    count_of = Struct(f"{order}Q" if found.big else f"{order}H")
    entry_of = Struct(f"{order}HHQ8s" if found.big else f"{order}HHI4s")
    next_of = Struct(f"{order}Q" if found.big else f"{order}I")
    images: list[Directory] = []
    arrays: list[ByteRange] = []
    position, seen = found.first, set[int]()
    while position:
        if position in seen or len(seen) > _DIRECTORIES:
            raise NotTiff
        seen.add(position)
        head = pieces.get(position, count_of.size)
        if head is None:
            raise Elsewhere(arrays, ByteRange(position, position + count_of.size))
        count = count_of.unpack(head)[0]
        if count > _ENTRIES:
            raise NotTiff
        length = count_of.size + count * entry_of.size + next_of.size
        whole = pieces.get(position, length)
        if whole is None:
            raise Elsewhere(arrays, ByteRange(position, position + length))
        body = whole[count_of.size : -next_of.size]
        image = _Entries(body, entry_of, order, pieces, arrays).image(tiles)
        if image is not None:
            images.append(image)
        position = next_of.unpack(whole[-next_of.size :])[0]
    if arrays:
        raise Elsewhere(arrays)
    return images


class _Entries:
    """The entries of one directory; arrays that are not at hand are added to `missing`."""

    def __init__(
        self,
        body: memoryview,
        entry_of: Struct,
        order: str,
        pieces: Pieces,
        missing: list[ByteRange],
    ) -> None:
        self._tags: dict[int, tuple[int, int, bytes]] = {
            tag: (kind, length, value) for tag, kind, length, value in entry_of.iter_unpack(body)
        }
        self._order = order
        self._pieces = pieces
        self._missing = missing

    def image(self, tiles: int) -> Directory | None:
        """Return the image, None where it has no tiles, too many, or arrays that are missing."""
        width, height = self._first(256), self._first(257)
        if 324 in self._tags:
            of_offsets, of_lengths = 324, 325
            tile_width, tile_height = self._first(322), self._first(323)
        elif 273 in self._tags:
            of_offsets, of_lengths = 273, 279
            tile_width, tile_height = width, height
        else:
            return None
        count = self._tags[of_offsets][1]
        if self._tags.get(of_lengths, (4, 0, b""))[1] != count:
            raise NotTiff
        if count > tiles:
            return None
        offsets, lengths = self._values(of_offsets), self._values(of_lengths)
        if offsets is None or lengths is None:
            return None
        return Directory(width, height, tile_width, tile_height, offsets, lengths)

    def _first(self, tag: int) -> int:
        """Return a single number, which stands in its entry; 0 without one."""
        if self._tags.get(tag, (4, 0, b""))[1] != 1:
            return 0
        found = self._values(tag)
        return int(found[0]) if found is not None else 0

    def _values(self, tag: int) -> NDArray[np.uint64] | None:
        """Return the values of a tag; None where they are not at hand."""
        kind, count, inline = self._tags[tag]
        if kind not in _WIDTHS:
            raise NotTiff
        dtype = np.dtype(_WIDTHS[kind]).newbyteorder("<" if self._order == "<" else ">")
        length = count * dtype.itemsize
        data: Buffer | None = inline[:length]
        if length > len(inline):
            place = Struct(f"{self._order}{'Q' if len(inline) == 8 else 'I'}").unpack(inline)[0]
            data = self._pieces.get(place, length)
            if data is None:
                self._missing.append(ByteRange(place, place + length))
                return None
        return np.frombuffer(data or b"", dtype).astype(np.uint64)
