"""Objects of several versions, and what every part of each version is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread

from nearline.testing.slides import Recipe, write_slide

__all__ = ["OBJECTS", "VERSIONS", "Truth", "make_world", "truths"]

TILE = 64
SIZE = 512
VERSIONS = 3

OBJECTS: dict[str, dict[str, Any]] = {
    "native": {"codec": "native"},
    "table": {"codec": "jpegls", "offset_table": "basic"},
    "scan": {"codec": "jpegls", "offset_table": None, "seed": 100},
    "sparse": {
        "codec": "jpegls",
        "organisation": "TILED_SPARSE",
        "shuffled": True,
        "offset_table": "extended",
        "seed": 200,
    },
}
"""By name; lossless, so that every sample has one right value."""


def make_world(folder: Path) -> None:
    """Write every version of every object and its pixels, as pydicom reads them."""
    for name, recipe in OBJECTS.items():
        for version in range(VERSIONS):
            made = recipe | {"seed": recipe.get("seed", 0) + version}
            path = folder / f"{name}.{version}.dcm"
            size = {"rows": SIZE, "columns": SIZE, "tile_rows": TILE, "tile_columns": TILE}
            write_slide(path, Recipe(**size, **made))
            np.save(path.with_suffix(".npy"), dcmread(path).pixel_array)


@dataclass(frozen=True)
class Truth:
    """One version of an object.

    Attributes
    ----------
    path : Path
        The file; its frames lie beside it.
    """

    path: Path

    @cached_property
    def data(self) -> bytes:
        """The file's bytes."""
        return self.path.read_bytes()

    @cached_property
    def frames(self) -> NDArray[np.uint8]:
        """Frames in the order of the file: (n, rows, columns, 3)."""
        found: NDArray[np.uint8] = np.load(self.path.with_suffix(".npy"), mmap_mode="r")
        return found

    @cached_property
    def uid(self) -> str:
        """SOPInstanceUID."""
        return str(dcmread(self.path, stop_before_pixels=True).SOPInstanceUID)

    @cached_property
    def matrix(self) -> NDArray[np.uint8]:
        """Total pixel matrix: (rows, columns, 3)."""
        dataset = dcmread(self.path, stop_before_pixels=True)
        groups = dataset.get("PerFrameFunctionalGroupsSequence")
        found = np.zeros((SIZE, SIZE, 3), np.uint8)
        for number, frame in enumerate(self.frames):
            row, column = divmod(number, SIZE // TILE)
            top, left = row * TILE, column * TILE
            if groups:
                place = groups[number].PlanePositionSlideSequence[0]
                top = place.RowPositionInTotalImagePixelMatrix - 1
                left = place.ColumnPositionInTotalImagePixelMatrix - 1
            found[top : top + TILE, left : left + TILE] = frame
        return found


def truths(folder: Path) -> dict[str, list[Truth]]:
    """Return the versions of each object that `make_world` wrote."""
    return {
        name: [Truth(folder / f"{name}.{version}.dcm") for version in range(VERSIONS)]
        for name in OBJECTS
    }
