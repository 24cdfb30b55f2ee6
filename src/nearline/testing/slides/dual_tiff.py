"""The TIFF side of files that are DICOM and TIFF at once.

The TIFF header lies in the DICOM preamble, the directory in a
DataSetTrailingPadding element behind the pixel data, and the tile offsets
point at the frames inside their items (TIFF 6.0; BigTIFF has wider offsets).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nearline.testing.slides.recipe import Recipe

__all__ = ["Layout", "directories", "preamble"]

_SHORT, _LONG, _UNDEFINED, _LONG8 = 3, 4, 7, 16
_COMPRESSION = {
    "native": 1,
    "jpeg": 7,
    "jpeg-lossless": 7,
    "jpeg2000": 34712,
    "jpeg2000-lossless": 34712,
    "jpegxl": 50002,
}


@dataclass(frozen=True, slots=True)
class Layout:
    """How the words of a TIFF file are packed; `big` is BigTIFF."""

    big: bool

    def header(self, first_directory: int) -> bytes:
        """Return the file header that points at the first directory."""
        if self.big:
            return struct.pack("<2sHHHQ", b"II", 43, 8, 0, first_directory)
        return struct.pack("<2sHI", b"II", 42, first_directory)

    def directory(self, tags: dict[int, tuple[int, bytes]], start: int, last: bool) -> bytes:
        """Return one directory that begins at file offset `start`, with the values it needs."""
        count, entry, pointer = ("<Q", "<HHQ", "<Q") if self.big else ("<H", "<HHI", "<I")
        inline = struct.calcsize(pointer)
        size = struct.calcsize(count) + len(tags) * (struct.calcsize(entry) + inline) + inline
        size += size % 2
        table, values = struct.pack(count, len(tags)), b""
        for tag in sorted(tags):
            kind, data = tags[tag]
            width = {_SHORT: 2, _LONG: 4, _UNDEFINED: 1, _LONG8: 8}[kind]
            table += struct.pack(entry, tag, kind, len(data) // width)
            if len(data) <= inline:
                table += data.ljust(inline, b"\0")
            else:
                table += struct.pack(pointer, start + size + len(values))
                values += data + bytes(len(data) % 2)
        table += struct.pack(pointer, 0 if last else start + size + len(values))
        return table.ljust(size, b"\0") + values


def preamble(recipe: Recipe, first_directory: int) -> bytes:
    """Return the 128 bytes in front of ``DICM``."""
    return Layout(recipe.offset_table == "bigtiff").header(first_directory).ljust(128, b"\0")


def directories(
    recipe: Recipe,
    offsets: NDArray[np.uint64],
    lengths: NDArray[np.uint64],
    profile: bytes,
    start: int,
) -> bytes:
    """Return the chain of directories, one per plane.

    Parameters
    ----------
    offsets, lengths : ndarray of uint64, shape (planes, tile rows, tile columns)
        Of the frames in the file, in bytes; 0 for a tile that is missing.
    profile : bytes
        ICC profile, may be empty.
    start : int
        Where the first directory begins in the file (even).
    """
    big = recipe.offset_table == "bigtiff"
    layout, kind, dtype = Layout(big), *((_LONG8, "<u8") if big else (_LONG, "<u4"))
    chain = b""
    for plane in range(recipe.planes):
        tags = _tags(recipe, profile)
        tags[324] = kind, offsets[plane].astype(dtype).tobytes()
        tags[325] = _LONG, lengths[plane].astype("<u4").tobytes()
        chain += layout.directory(tags, start + len(chain), last=plane == recipe.planes - 1)
    return chain


def _tags(recipe: Recipe, profile: bytes) -> dict[int, tuple[int, bytes]]:
    """Return what a directory says besides where the tiles lie."""

    def short(*values: int) -> tuple[int, bytes]:
        return _SHORT, struct.pack(f"<{len(values)}H", *values)

    def long(value: int) -> tuple[int, bytes]:
        return _LONG, struct.pack("<I", value)

    photometric = {"MONOCHROME1": 0, "MONOCHROME2": 1}.get(recipe.photometric_interpretation, 2)
    if recipe.photometric_interpretation.startswith("YBR_FULL"):
        photometric = 6
    tags = {
        254: long(0),
        256: long(recipe.columns),
        257: long(recipe.rows),
        258: short(*(recipe.bits,) * recipe.samples_per_pixel),
        259: short(_COMPRESSION[recipe.codec]),
        262: short(photometric),
        277: short(recipe.samples_per_pixel),
        284: short(1),
        322: short(recipe.tile_columns),
        323: short(recipe.tile_rows),
    }
    if photometric == 6:
        tags[530] = short(*{"4:4:4": (1, 1), "4:2:2": (2, 1), "4:2:0": (2, 2)}[recipe.subsampling])
    if profile:
        tags[34675] = _UNDEFINED, profile
    return tags
