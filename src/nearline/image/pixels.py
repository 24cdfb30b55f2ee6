"""`im.pixels`: an image indexed like a NumPy array, read when it is."""

from __future__ import annotations

from math import prod
from operator import index
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from nearline.errors import InvalidOption, TooLarge
from nearline.image.geometry.indexing import spans_of
from nearline.image.geometry.region import Region
from nearline.image.reading.assembly import frame_stack, region_array
from nearline.image.reading.rendering import render
from nearline.image.transforms.options import TransformOptions

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray
    from pydicom.dataset import Dataset

    from nearline.image.geometry.tiles import Tiling
    from nearline.image.opened import Opened

__all__ = ["Pixels", "refuse_too_large"]


class Pixels:
    """Pixels of an image by NumPy's basic index rules: 0-based, nothing read until indexed.

    Axes are (rows, columns) of the total pixel matrix for a tiled image; else
    those of `pixel_array`: (frames, rows, columns), or (rows, columns) for one
    frame. Colour adds a last axis of 3.

    Values are those of `get_total_pixel_matrix` and `get_frames` with their
    default transforms: colour corrected by the ICC profile, grey values
    rescaled. They have the type in which the pixels are stored, or float64
    where a grey image is rescaled or inverted.

    Indices are integers, slices, Ellipsis and None. What a sparse image has no
    tiles for is an error, as in `get_total_pixel_matrix`.
    """

    def __init__(
        self,
        opened: Opened,
        dataset: Dataset,
        optical_path: str | None = None,
        focal_plane: int | None = None,
    ) -> None:
        self._opened = opened
        self._dataset = dataset
        self._optical_path = optical_path
        self._focal_plane = focal_plane

    def select(
        self, *, optical_path: str | None = None, focal_plane: SupportsIndex | None = None
    ) -> Pixels:
        """Return the pixels of one optical path and focal plane of a tiled image.

        Parameters
        ----------
        optical_path : str, optional
            Identifier; see `Image.optical_paths`.
        focal_plane : int, optional
            0-based; see `Image.number_of_focal_planes`.
        """
        plane = None if focal_plane is None else index(focal_plane)
        return Pixels(self._opened, self._dataset, optical_path, plane)

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        facts, tiling = self._opened.facts, self._opened.tiling
        colour = () if facts.color == "monochrome" else (3,)
        if tiling is not None:
            return (tiling.rows, tiling.columns, *colour)
        frames = len(self._opened.frames)
        stack = (frames,) if frames > 1 else ()
        return (*stack, facts.format.rows, facts.format.columns, *colour)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        facts = self._opened.facts
        if facts.color == "palette":
            wide = facts.palette_bits > 8 and not facts.profiles
            return np.dtype(np.uint16 if wide else np.uint8)
        if facts.color == "color" or facts.plain:
            return facts.format.dtype
        return np.dtype(np.float64)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes that all values would take as an array."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Read a part.

        Raises
        ------
        OutsideMatrix
            An IndexError: an integer outside its axis.
        MissingFrames, AmbiguousFrames
            As `Image.get_total_pixel_matrix`.
        """
        spans, rest = spans_of(key, self.shape)
        tiling = self._opened.tiling
        if tiling is not None:
            values = self._matrix_part(tiling, Region(spans[0], spans[1]))
            spatial = 2
        else:
            spatial = self.ndim - (self._opened.facts.color != "monochrome")
            frames = spans[0] if spatial == 3 else None
            chosen = [0] if frames is None else list(range(frames.start, frames.stop, frames.step))
            values = self._frames_part(chosen, Region(spans[spatial - 2], spans[spatial - 1]))
            values = values[0] if frames is None else values
        for span in spans[spatial:]:
            values = values[..., span.start : span.stop : span.step]
        found: NDArray[Any] = values[rest]
        return found

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Read all.

        Raises
        ------
        TooLarge
            The array would be larger than the setting `max_array_size`.
        InvalidOption
            `copy` is False.
        """
        if copy is False:
            raise InvalidOption(
                "These pixels are not in memory: an array of them is always a copy. Leave "
                "copy=False out."
            )
        refuse_too_large(self._opened, self.shape, self.dtype)
        values = self[...]
        return values if dtype is None else values.astype(dtype, copy=False)

    def __repr__(self) -> str:
        return f"<pixels of {self._opened.reader.url}: shape {self.shape}, {self.dtype}>"

    def _matrix_part(self, tiling: Tiling, region: Region) -> NDArray[Any]:
        return region_array(
            self._opened,
            tiling,
            self._dataset,
            region,
            self.dtype,
            TransformOptions(),
            optical_path=self._optical_path,
            focal_plane=self._focal_plane,
            allow_missing=False,
        )

    def _frames_part(self, frames: list[int], region: Region) -> NDArray[Any]:
        rendering = render(self._opened, self._dataset, frames, self.dtype, TransformOptions())
        return frame_stack(self._opened, frames, rendering, region)


def refuse_too_large(opened: Opened, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Raise `TooLarge` for an array above the setting `max_array_size`."""
    size, limit = prod(shape) * dtype.itemsize, opened.reader.settings.max_array_size
    if size > limit:
        raise TooLarge(
            f"All pixels of {opened.reader.url} would take {size:,} bytes, and the setting "
            f"max_array_size allows {limit:,}. Index a part, as in im.pixels[:1000, :1000], or "
            f"open it within nearline.settings(max_array_size={size})."
        )
