"""Bounds and centroids of annotations, all at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearline.annotations.graphic_data import GraphicData

__all__ = ["bounds", "centroids"]

_Array = NDArray[np.float64]


def bounds(data: GraphicData, graphic_type: str) -> tuple[_Array, _Array]:
    """Return the smallest and the largest coordinates of each annotation.

    Parameters
    ----------
    data : GraphicData
    graphic_type : str
        Value of `GraphicTypeValues`.

    Returns
    -------
    least, greatest : ndarray of float64, shape (annotations, 2 or 3)
        Those of an ellipse are of its outline, which reaches beyond the ends of
        its axes where it is turned. NaN for an annotation without points.
    """
    points = data.coordinates
    if graphic_type == "ELLIPSE":
        ends = _fours(points)
        centre = ends.mean(axis=1)
        major, minor = (ends[:, 1] - ends[:, 0]) / 2, (ends[:, 3] - ends[:, 2]) / 2
        reach = np.sqrt(major**2 + minor**2)
        return centre - reach, centre + reach
    if graphic_type == "POINT":
        same = points.astype(np.float64)
        return same, same
    return _each(np.minimum, data), _each(np.maximum, data)


def centroids(data: GraphicData, graphic_type: str) -> _Array:
    """Return the centroid of each annotation.

    Parameters
    ----------
    data : GraphicData
    graphic_type : str
        Value of `GraphicTypeValues`.

    Returns
    -------
    ndarray of float64, shape (annotations, 2 or 3)
        Of a polygon's area (in 3D: in its plane), of a polyline's length, of the
        corners or ends of axes of a rectangle or an ellipse. Where a polygon has
        no area or a polyline no length: the mean of its points.
    """
    points = data.coordinates.astype(np.float64)
    if graphic_type == "POINT":
        return points
    if graphic_type in ("ELLIPSE", "RECTANGLE"):
        middle: _Array = _fours(points).mean(axis=1)
        return middle
    lengths = np.diff(data.offsets)
    owner = np.repeat(np.arange(len(data)), lengths)
    means = _sums(points, data) / np.maximum(lengths, 1)[:, None]
    means[lengths == 0] = np.nan
    # About the mean, so that what is small and far from the origin keeps its digits.
    local = points - means[owner]
    following = np.arange(1, len(points) + 1)
    last = data.offsets[1:][lengths > 0] - 1
    following[last] = data.offsets[:-1][lengths > 0]
    behind = local[following]
    if graphic_type == "POLYLINE":
        weights = np.sqrt(((behind - local) ** 2).sum(axis=1))
        weights[last] = 0
        moments = (local + behind) / 2
    else:
        # Triangles from the mean to each edge, counted with the sign of their turn.
        turns = _turns(local, behind)
        axis = _sums(turns, data)
        weights = (turns * axis[owner]).sum(axis=1)
        moments = (local + behind) / 3
    total = _sums(weights[:, None], data)
    largest = _each(np.maximum, GraphicData(np.abs(weights)[:, None], data.offsets))
    defined = total[:, 0] > 1e-12 * np.nan_to_num(largest[:, 0])
    shift = _sums(moments * weights[:, None], data)[defined] / total[defined]
    means[defined] += shift
    return means


def _fours(points: NDArray[Any]) -> _Array:
    """Return points of annotations that have four each, as float64."""
    return points.astype(np.float64).reshape(len(points) // 4, 4, points.shape[1])


def _turns(one: _Array, other: _Array) -> _Array:
    if one.shape[1] == 2:
        return (one[:, :1] * other[:, 1:]) - (one[:, 1:] * other[:, :1])
    return np.cross(one, other)


def _sums(values: _Array, data: GraphicData) -> _Array:
    """Sum over the points of each annotation."""
    found = np.zeros((len(data), values.shape[1]))
    some = np.diff(data.offsets) > 0
    if some.any():
        found[some] = np.add.reduceat(values, data.offsets[:-1][some], axis=0)
    return found


def _each(reduce: np.ufunc, data: GraphicData) -> _Array:
    found = np.full((len(data), data.coordinates.shape[1]), np.nan)
    some = np.diff(data.offsets) > 0
    if some.any():
        values: NDArray[Any] = reduce.reduceat(data.coordinates, data.offsets[:-1][some], axis=0)
        found[some] = values
    return found
