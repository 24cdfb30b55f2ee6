"""From luminance and chrominance to red, green and blue."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["expand_422", "is_full_ybr", "ybr_full_to_rgb"]


def is_full_ybr(photometric_interpretation: str) -> bool:
    """Whether samples are YCbCr of full range, which a reader converts to RGB itself.

    YBR_ICT and YBR_RCT are undone by the JPEG 2000 decoder.
    """
    return photometric_interpretation in ("YBR_FULL", "YBR_FULL_422")


def ybr_full_to_rgb(array: NDArray[Any]) -> NDArray[Any]:
    """Convert by the formula of PS3.3 C.7.6.3.1.2, with pydicom's rounding.

    Parameters
    ----------
    array : ndarray, shape (rows, columns, 3)
        Y, Cb, Cr.

    Returns
    -------
    ndarray, same shape and dtype
        R, G, B.
    """
    from pydicom.pixels.processing import convert_color_space

    return np.asarray(convert_color_space(array, "YBR_FULL", "RGB"), dtype=array.dtype)


def expand_422(samples: NDArray[Any], rows: int, columns: int) -> NDArray[Any]:
    """Give each pixel the chrominance that it shares with its neighbour.

    Parameters
    ----------
    samples : ndarray, shape (rows * columns * 2,)
        Y1 Y2 Cb Cr of each pair of pixels (PS3.3 C.7.6.3.1.2).

    Returns
    -------
    ndarray, shape (rows, columns, 3)
        Y, Cb, Cr.
    """
    pairs = samples.reshape(-1, 4)
    whole = np.empty((len(pairs), 2, 3), samples.dtype)
    whole[:, :, 0] = pairs[:, :2]
    whole[:, :, 1:] = pairs[:, None, 2:]
    return whole.reshape(rows, columns, 3)
