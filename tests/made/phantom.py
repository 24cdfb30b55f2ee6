"""A trunk of ellipsoids: Hounsfield units, and which organ is where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["ORGANS", "Phantom"]

Ellipsoid = tuple[tuple[float, float, float], tuple[float, float, float]]
"""Centre and radii along (x, y, z): in half widths of the picture, z in half lengths of the stack.

x runs to the patient's left, y to the back, z to the head.
"""

_BODY: Ellipsoid = ((0, 0, 0), (0.86, 0.62, 9))
_INSIDE: Ellipsoid = ((0, 0, 0), (0.79, 0.54, 9))

_ORGANS: dict[str, tuple[int, tuple[Ellipsoid, ...]]] = {
    "Liver": (
        62,
        (
            ((-0.40, -0.08, 0.15), (0.36, 0.36, 0.62)),
            ((-0.08, -0.24, 0.30), (0.36, 0.20, 0.36)),
        ),
    ),
    "Spleen": (48, (((0.56, 0.14, 0.25), (0.17, 0.25, 0.42)),)),
    "Stomach": (22, (((0.30, -0.24, 0.28), (0.25, 0.20, 0.40)),)),
    "Kidney, right": (34, (((-0.33, 0.31, -0.42), (0.14, 0.15, 0.40)),)),
    "Kidney, left": (34, (((0.33, 0.31, -0.32), (0.14, 0.15, 0.40)),)),
    "Aorta": (150, (((0.06, 0.17, 0), (0.055, 0.055, 9)),)),
    "Vertebrae": (
        320,
        (
            ((0, 0.33, 0), (0.13, 0.11, 9)),
            ((0, 0.47, 0), (0.045, 0.09, 9)),
        ),
    ),
}

ORGANS = tuple(_ORGANS)
"""Labels; number 1 is the first."""

_AIR, _FAT, _SOFT = -1000, -95, 30
_NOISE = 11.0


def _within(shape: Ellipsoid, x: NDArray[np.float32], y: NDArray[np.float32], z: float) -> NDArray:
    (cx, cy, cz), (rx, ry, rz) = shape
    return ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1 - ((z - cz) / rz) ** 2


@dataclass(frozen=True)
class Phantom:
    """A body in axial slices, 0-based, the first one nearest to the feet.

    Attributes
    ----------
    rows, columns, slices : int
        Of the stack.
    spacing : tuple of float
        Between slices, rows and columns, in mm.
    seed : int
        Of the noise.
    """

    rows: int = 64
    columns: int = 64
    slices: int = 12
    spacing: tuple[float, float, float] = (5.0, 0.8, 0.8)
    seed: int = 0

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slices, rows, columns."""
        return self.slices, self.rows, self.columns

    def _grid(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
        y = (np.arange(self.rows, dtype=np.float32)[:, None] + 0.5) / self.rows * 2 - 1
        x = (np.arange(self.columns, dtype=np.float32)[None, :] + 0.5) / self.columns * 2 - 1
        return x, y, (index + 0.5) / self.slices * 2 - 1

    def labels(self, index: int) -> NDArray[np.uint8]:
        """Return the organ of each pixel of a slice: 0 for none, else 1 + its index."""
        x, y, z = self._grid(index)
        labels = np.zeros((self.rows, self.columns), np.uint8)
        for number, (_, shapes) in enumerate(_ORGANS.values(), 1):
            for shape in shapes:
                labels[_within(shape, x, y, z) & (labels == 0)] = number
        return labels

    def hounsfield(self, index: int) -> NDArray[np.int16]:
        """Return a slice in Hounsfield units."""
        x, y, z = self._grid(index)
        values = np.full((self.rows, self.columns), _AIR, np.float32)
        values[_within(_BODY, x, y, z)] = _FAT
        values[_within(_INSIDE, x, y, z)] = _SOFT
        levels = np.array([0, *(level for level, _ in _ORGANS.values())], np.float32)
        labels = self.labels(index)
        values = np.where(labels > 0, levels[labels], values)
        noise = np.random.default_rng([self.seed, index]).normal(0, _NOISE, values.shape)
        return np.clip(values + noise, -1024, 3000).astype(np.int16)

    def label_volume(self) -> NDArray[np.uint8]:
        """Return the labels of all slices."""
        return np.stack([self.labels(index) for index in range(self.slices)])
