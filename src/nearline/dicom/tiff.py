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

__all__ = ["Directory", "Elsewhere", "NotTiff", "Pieces", "TiffHeader", "directories", "header"]

_DIRECTORIES = 100_000
_ENTRIES = 4096
_WIDTHS = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}


class NotTiff(Exception):
    """The bytes are no TIFF directories."""


class Elsewhere(Exception):
    """Bytes `start` to `stop` of the file are needed, and not at hand."""

    def __init__(self, start: int, stop: int) -> None:
        super().__init__(start, stop)
        self.start = start
        self.stop = stop


class Pieces:
    """Parts of a file, addressed by their offset in it."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._parts: list[tuple[int, memoryview]] = []

    def add(self, start: int, data: Buffer) -> None:
        """Have bytes at hand."""
        self._parts.append((start, memoryview(data)))

    def get(self, start: int, length: int) -> memoryview:
        """Return bytes, from one part.

        Raises
        ------
        Elsewhere
            No part holds all of them.
        NotTiff
            They lie outside the file.
        """
        if start < 0 or start + length > self.size:
            raise NotTiff
        for base, data in self._parts:
            if base <= start and start + length <= base + len(data):
                return data[start - base : start - base + length]
        raise Elsewhere(start, start + length)


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


def directories(found: TiffHeader, pieces: Pieces) -> list[Directory]:
    """Follow the chain of directories; those without tiles or strips are left out.

    Raises
    ------
    Elsewhere
        Add these bytes to `pieces` and call again.
    NotTiff
        The chain does not end, or leads outside the file.
    """
    order = "<" if found.little_endian else ">"
    count_of = Struct(f"{order}Q" if found.big else f"{order}H")
    entry_of = Struct(f"{order}HHQ8s" if found.big else f"{order}HHI4s")
    next_of = Struct(f"{order}Q" if found.big else f"{order}I")
    images: list[Directory] = []
    position, seen = found.first, set[int]()
    while position:
        if position in seen or len(seen) > _DIRECTORIES:
            raise NotTiff
        seen.add(position)
        count = count_of.unpack(pieces.get(position, count_of.size))[0]
        if count > _ENTRIES:
            raise NotTiff
        position += count_of.size
        body = pieces.get(position, count * entry_of.size + next_of.size)
        tags = {
            tag: (kind, length, value)
            for tag, kind, length, value in entry_of.iter_unpack(body[: count * entry_of.size])
        }
        image = _image(tags, pieces, order)
        if image is not None:
            images.append(image)
        position = next_of.unpack_from(body, count * entry_of.size)[0]
    return images


_Tags = dict[int, tuple[int, int, bytes]]


def _image(tags: _Tags, pieces: Pieces, order: str) -> Directory | None:
    def values(tag: int) -> NDArray[np.uint64]:
        kind, count, inline = tags.get(tag, (4, 0, b""))
        if kind not in _WIDTHS:
            raise NotTiff
        dtype = np.dtype(_WIDTHS[kind]).newbyteorder("<" if order == "<" else ">")
        length = count * dtype.itemsize
        if length > len(inline):
            kind_of = Struct(f"{order}Q" if len(inline) == 8 else f"{order}I")
            data: Buffer = pieces.get(kind_of.unpack(inline)[0], length)
        else:
            data = inline[:length]
        return np.frombuffer(data, dtype).astype(np.uint64)

    def first(tag: int) -> int:
        found = values(tag)
        return int(found[0]) if len(found) else 0

    width, height = first(256), first(257)
    if 324 in tags:
        offsets, lengths = values(324), values(325)
        tile_width, tile_height = first(322), first(323)
    elif 273 in tags:
        offsets, lengths = values(273), values(279)
        tile_width, tile_height = width, height
    else:
        return None
    if len(offsets) != len(lengths):
        raise NotTiff
    return Directory(width, height, tile_width, tile_height, offsets, lengths)
