"""Slices of a volume side by side in one picture, a mask over them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["chosen_slices", "grey_levels", "mosaic"]

_COLOR = np.array([255.0, 64.0, 48.0])
_SHARE = 0.35
"""Of the colour within the mask; its edge is drawn in full."""


def chosen_slices(mask: NDArray[np.bool_], most: int) -> list[int]:
    """Return at most so many slices, evenly spread over those that the mask touches.

    Parameters
    ----------
    mask : ndarray of bool, shape (slices, rows, columns)
    most : int
        At least 1.

    Returns
    -------
    list of int
        0-based, ascending; all of them are candidates where the mask is empty.
    """
    touched = np.flatnonzero(mask.any(axis=(1, 2)))
    if not len(touched):
        touched = np.arange(len(mask))
    if len(touched) <= most:
        return [int(one) for one in touched]
    return [int(touched[round(i)]) for i in np.linspace(0, len(touched) - 1, most)]


def grey_levels(values: NDArray[Any], window: tuple[float, float] | None) -> NDArray[np.uint8]:
    """Map values to 0-255.

    Parameters
    ----------
    values : ndarray
    window : tuple of float, optional
        What becomes black and white. None: the 1st and the 99th percentile.
    """
    if window is None:
        low, high = (float(one) for one in np.percentile(values, (1, 99)))
    else:
        low, high = window
    scaled = (values.astype(np.float32) - low) * (255.0 / max(high - low, 1e-12))
    levels: NDArray[np.uint8] = np.clip(scaled, 0, 255).astype(np.uint8)
    return levels


def mosaic(
    grey: NDArray[np.uint8], mask: NDArray[np.bool_], aspect: float = 1.0
) -> NDArray[np.uint8]:
    """Lay slices out from left to right and from top to bottom.

    Parameters
    ----------
    grey : ndarray of uint8, shape (slices, rows, columns)
    mask : ndarray of bool, of the same shape
    aspect : float
        Distance between rows over that between columns: pixels are repeated
        until they look square.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
    """
    count, rows, columns = grey.shape
    across = max(1, math.ceil(math.sqrt(count * rows * aspect / columns)))
    down = math.ceil(count / across)
    picture = np.zeros((down * rows, across * columns, 3), np.uint8)
    for number in range(count):
        top, left = divmod(number, across)
        tile = np.repeat(grey[number, :, :, np.newaxis], 3, axis=2).astype(np.float32)
        inside = mask[number]
        tile[inside] = tile[inside] * (1 - _SHARE) + _COLOR * _SHARE
        tile[_edge(inside)] = _COLOR
        picture[top * rows : (top + 1) * rows, left * columns : (left + 1) * columns] = tile
    return _stretched(picture, aspect)


def _edge(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels of a mask that have a neighbour outside."""
    around = np.pad(mask, 1)
    inner = around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    return mask & ~inner


def _stretched(picture: NDArray[np.uint8], aspect: float) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    if aspect > 1:
        height = round(height * aspect)
    else:
        width = round(width / aspect)
    rows = np.minimum(np.arange(height) * picture.shape[0] // height, picture.shape[0] - 1)
    columns = np.minimum(np.arange(width) * picture.shape[1] // width, picture.shape[1] - 1)
    stretched: NDArray[np.uint8] = picture[rows][:, columns]
    return stretched
