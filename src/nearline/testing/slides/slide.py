"""Writing a synthetic slide, and what is known about it afterwards."""

from __future__ import annotations

import math
import os
import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset, write_file_meta_info

from nearline.testing.slides.dual_tiff import directories, preamble
from nearline.testing.slides.header import Place, header
from nearline.testing.slides.icc_profile import icc_profile
from nearline.testing.slides.recipe import Recipe
from nearline.testing.slides.tile_encoders import encode_tile
from nearline.testing.slides.tissue import tissue

__all__ = ["Slide", "write_slide"]

_ITEM = struct.pack("<HH", 0xFFFE, 0xE000)
_END_OF_ITEMS = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Slide:
    """A slide that was written: where everything lies, and the pixels before they were encoded.

    Attributes
    ----------
    path : Path
        The file.
    recipe : Recipe
        What it was made from.
    places : list of Place
        Of each frame, in the order of the file.
    pixel_data_offset : int
        First byte of the pixel data's value (of the table's item where encapsulated).
    item_offsets, item_lengths : ndarray of int64, shape (frames, fragments)
        Of the item values in the file, in bytes; item headers are not included.
    """

    path: Path
    recipe: Recipe
    places: list[Place]
    pixel_data_offset: int
    item_offsets: NDArray[np.int64]
    item_lengths: NDArray[np.int64]
    _pool: _Pool

    @property
    def number_of_frames(self) -> int:
        """Frames in the file."""
        return len(self.places)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.path.stat().st_size

    def encoded(self, frame_index: int) -> bytes:
        """Return the encoder's output for one frame (0-based), without padding."""
        return self._pool.encoded(self.places[frame_index])

    def stored(self, frame_index: int) -> NDArray[Any]:
        """Return the encoder's input for one frame (0-based), RGB where it has colour."""
        return self._pool.pixels(self.places[frame_index])

    def matrix(self, *, optical_path: int = 0, focal_plane: int = 0) -> NDArray[Any]:
        """Return the total pixel matrix of one plane before encoding; missing tiles are 0."""
        rows, columns = self.recipe.grid
        height, width = self.recipe.tile_rows, self.recipe.tile_columns
        sample = self.stored(0)
        matrix = np.zeros((rows * height, columns * width, *sample.shape[2:]), sample.dtype)
        for index, place in enumerate(self.places):
            if (place.optical_path, place.focal_plane) == (optical_path, focal_plane):
                top, left = place.tile_row * height, place.tile_column * width
                matrix[top : top + height, left : left + width] = self.stored(index)
        return matrix[: self.recipe.rows, : self.recipe.columns]


class _Pool:
    """The distinct tiles of every plane, each encoded once."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        rows, columns = recipe.grid
        if rows * columns > recipe.distinct_tiles:
            rows = min(rows, math.isqrt(recipe.distinct_tiles))
            columns = min(columns, recipe.distinct_tiles // rows)
        self.grid = rows, columns
        self._pictures = [self._picture(plane) for plane in range(recipe.planes)]
        self._encoded: dict[tuple[int, int, int], bytes] = {}

    def _picture(self, plane: int) -> NDArray[Any]:
        recipe = self.recipe
        colour = tissue(
            self.grid[0] * recipe.tile_rows,
            self.grid[1] * recipe.tile_columns,
            seed=recipe.seed * 1000 + plane,
        )
        if not recipe.monochrome:
            return colour
        if recipe.bits == 8:
            return np.ascontiguousarray(colour[..., 1])
        return colour[..., 1].astype(np.uint16) * 256 + colour[..., 0]

    def _key(self, place: Place) -> tuple[int, int, int]:
        plane = place.optical_path * self.recipe.focal_planes + place.focal_plane
        return plane, place.tile_row % self.grid[0], place.tile_column % self.grid[1]

    def pixels(self, place: Place) -> NDArray[Any]:
        plane, row, column = self._key(place)
        height, width = self.recipe.tile_rows, self.recipe.tile_columns
        return np.ascontiguousarray(
            self._pictures[plane][
                row * height : (row + 1) * height, column * width : (column + 1) * width
            ]
        )

    def encoded(self, place: Place) -> bytes:
        key = self._key(place)
        if key not in self._encoded:
            self._encoded[key] = encode_tile(self.pixels(place), self.recipe)
        return self._encoded[key]


def _places(recipe: Recipe) -> list[Place]:
    """Return the place of each frame, in the order of the file."""
    rows, columns = recipe.grid
    places = [
        Place(path, plane, row, column)
        for path in range(recipe.optical_paths)
        for plane in range(recipe.focal_planes)
        for row in range(rows)
        for column in range(columns)
    ]
    rng = np.random.default_rng([recipe.seed, 1])
    kept = sorted(
        rng.permutation(len(places))[: max(1, round(len(places) * (1 - recipe.missing)))].tolist()
    )
    if recipe.shuffled:
        rng.shuffle(kept)
    return [places[index] for index in kept]


def _fragments(frame: bytes, recipe: Recipe) -> list[bytes]:
    """Cut a frame into its items: of even length, unless the recipe wants them wrong."""
    step = max(2, len(frame) // recipe.fragments // 2 * 2)
    cuts = [step * number for number in range(recipe.fragments)]
    pieces = [frame[start:stop] for start, stop in zip(cuts, [*cuts[1:], len(frame)], strict=True)]
    if len(frame) % 2 and not recipe.odd_items:
        pieces[-1] += b"\0"
    return pieces


def _encoded_header(ds: Dataset) -> bytes:
    """Return preamble, file meta information and dataset; pydicom's way to save refuses JPEG XL."""
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = False, True
    buffer.write(bytes(128) + b"DICM")
    write_file_meta_info(buffer, ds.file_meta)
    write_dataset(buffer, ds)
    return buffer.getvalue()


def _write_native(file: BinaryIO, pool: _Pool, places: list[Place]) -> None:
    recipe = pool.recipe
    length = sum(len(pool.encoded(place)) for place in places)
    vr = b"OB" if recipe.bits == 8 else b"OW"
    file.write(struct.pack("<HH2sHI", 0x7FE0, 0x0010, vr, 0, length + length % 2))
    for place in places:
        file.write(pool.encoded(place))
    file.write(bytes(length % 2))


def _write_encapsulated(file: BinaryIO, pool: _Pool, places: list[Place], table: bytes) -> None:
    file.write(struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF))
    file.write(_ITEM + struct.pack("<I", len(table)) + table)
    for place in places:
        for piece in _fragments(pool.encoded(place), pool.recipe):
            file.write(_ITEM + struct.pack("<I", len(piece)) + piece)
    file.write(_END_OF_ITEMS)


def _items(pool: _Pool, places: list[Place]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return offsets, from the first frame's first byte on, and lengths of all item values."""
    head = 0 if pool.recipe.codec == "native" else 8
    split = (lambda frame, _: [frame]) if pool.recipe.codec == "native" else _fragments
    lengths = np.array(
        [[len(piece) for piece in split(pool.encoded(place), pool.recipe)] for place in places],
        dtype=np.int64,
    )
    ends = (lengths + head).ravel().cumsum().reshape(lengths.shape)
    return ends - lengths, lengths


def _by_plane(recipe: Recipe, places: list[Place], values: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Spread one value per frame over (planes, tile rows, tile columns)."""
    spread = np.zeros((recipe.planes, *recipe.grid), dtype=np.uint64)
    for place, value in zip(places, values, strict=True):
        plane = place.optical_path * recipe.focal_planes + place.focal_plane
        spread[plane, place.tile_row, place.tile_column] = value
    return spread


def write_slide(
    path: str | os.PathLike[str], recipe: Recipe | None = None, **changes: Any
) -> Slide:
    """Write a synthetic slide.

    Parameters
    ----------
    path : str or PathLike
        The DICOM file to write.
    recipe : Recipe, optional
        What it shall be like.
    **changes
        Attributes of `Recipe` that differ from `recipe`, or from the defaults.

    Returns
    -------
    Slide
        Where frames lie and what they hold, known from the writing.

    Examples
    --------
    >>> slide = write_slide("slide.dcm", rows=20_000, columns=20_000, icc_size=150_000)
    """
    recipe = replace(recipe or Recipe(), **changes)
    pool, places = _Pool(recipe), _places(recipe)
    profile = icc_profile(recipe.icc_size) if recipe.icc_size else b""
    offsets, lengths = _items(pool, places)
    ds = header(recipe, places, profile)
    starts = offsets[:, 0] - 8  # tables count from the first frame's item header
    table = b""
    if recipe.codec != "native":
        if recipe.offset_table == "extended":
            ds.ExtendedOffsetTable = starts.astype("<u8").tobytes()
            ds.ExtendedOffsetTableLengths = lengths[:, 0].astype("<u8").tobytes()
        elif recipe.offset_table == "basic":
            table = starts.astype("<u4").tobytes()

    head = _encoded_header(ds)
    value = len(head) + 12
    if recipe.codec != "native":
        offsets += value + 8 + len(table)
    else:
        offsets += value

    target = Path(path)
    with target.open("wb") as file:
        file.write(head)
        if recipe.codec == "native":
            _write_native(file, pool, places)
        else:
            _write_encapsulated(file, pool, places, table)
        if recipe.dual_tiff:
            # TIFF wants directories on even offsets; odd items may have shifted the end.
            gap = file.tell() % 2
            start = file.tell() + 12 + gap
            chain = bytes(gap) + directories(
                recipe,
                _by_plane(recipe, places, offsets[:, 0]),
                _by_plane(recipe, places, lengths[:, 0]),
                profile,
                start,
            )
            chain += bytes(len(chain) % 2)
            file.write(struct.pack("<HH2sHI", 0xFFFC, 0xFFFC, b"OB", 0, len(chain)) + chain)
            file.seek(0)
            file.write(preamble(recipe, start))
    return Slide(target, recipe, places, value, offsets, lengths, pool)
