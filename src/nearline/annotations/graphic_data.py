"""Coordinates of many annotations: one array and its offsets, used like a list of arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, SupportsIndex, overload

import numpy as np
from numpy.typing import NDArray

__all__ = ["GraphicData"]


class GraphicData(Sequence[NDArray[Any]]):
    """The points of annotations; indexes and iterates like highdicom's list of arrays.

    Parameters
    ----------
    coordinates : ndarray
        Points of all annotations.
    offsets : ndarray
        Where in `coordinates` each begins.

    Attributes
    ----------
    coordinates : ndarray of float32 or float64, shape (points, 2) or (points, 3)
        Column and row in pixels, or x, y and z in mm, of all points, in the
        order of the annotations. Read-only.
    offsets : ndarray of int64, shape (annotations + 1,)
        Annotation `i` (0-based) has the points ``offsets[i]:offsets[i + 1]``.
        Read-only.
    """

    __slots__ = ("coordinates", "offsets")

    def __init__(self, coordinates: NDArray[Any], offsets: NDArray[np.int64]) -> None:
        self.coordinates = coordinates
        self.offsets = offsets
        coordinates.flags.writeable = False
        offsets.flags.writeable = False

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, key: SupportsIndex) -> NDArray[Any]: ...
    @overload
    def __getitem__(self, key: slice) -> GraphicData: ...
    def __getitem__(self, key: SupportsIndex | slice) -> NDArray[Any] | GraphicData:
        """Return the points of one annotation, a view; or some annotations."""
        if not isinstance(key, slice):
            index = range(len(self))[key]  # an IndexError as of a list
            start, stop = self.offsets[index : index + 2]
            return self.coordinates[start:stop]
        start, stop, step = key.indices(len(self))
        if step != 1:
            return self.take(np.arange(start, stop, step))
        offsets = self.offsets[start : max(start, stop) + 1]
        points = self.coordinates[offsets[0] : offsets[-1]]
        return GraphicData(points, offsets - offsets[0])

    def take(self, indices: NDArray[np.integer[Any]]) -> GraphicData:
        """Return a copy of some annotations.

        Parameters
        ----------
        indices : ndarray of int
            0-based, in the order wanted.
        """
        starts = self.offsets[:-1][indices]
        lengths = self.offsets[1:][indices] - starts
        offsets = np.zeros(len(indices) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        rows = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
        return GraphicData(self.coordinates[rows], offsets)

    def __iter__(self) -> Iterator[NDArray[Any]]:
        coordinates, bounds = self.coordinates, self.offsets.tolist()
        for start, stop in pairwise(bounds):
            yield coordinates[start:stop]

    def __repr__(self) -> str:
        points, dimensions = self.coordinates.shape
        return f"<{len(self)} annotations of {points} points in {dimensions}D>"

    def __reduce__(self) -> tuple[Any, ...]:
        return GraphicData, (self.coordinates, self.offsets)
