"""Comparing arrays by the rules that the documentation promises."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["assert_close_jpeg", "assert_same", "jpeg_by_pillow"]


def assert_same(ours: NDArray[Any], theirs: NDArray[Any]) -> None:
    """Same shape, same type, same bits (NaN equals NaN)."""
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)


def assert_close_jpeg(ours: NDArray[Any], theirs: NDArray[Any], *, share: float = 1e-5) -> None:
    """Compare RGB of lossy JPEG with highdicom's default: 1 level, green only, on few samples.

    libjpeg-turbo converts colours in integers, pydicom in floats. For 42 of the 65,536 pairs of
    Cb and Cr the two round green differently, never red or blue; `share` of all samples may
    differ, which depends on how much of the picture has one of these 42 colours.
    """
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    difference = np.abs(ours.astype(np.float64) - theirs.astype(np.float64))
    assert difference.max(initial=0) <= 1
    assert not difference[..., ::2].any()
    # Small arrays have too few samples for the share to mean much.
    assert np.count_nonzero(difference) <= max(2, share * difference.size)


def jpeg_by_pillow(frame: bytes) -> NDArray[np.uint8]:
    """Decode a JPEG frame as libjpeg-turbo does for everyone."""
    with Image.open(io.BytesIO(frame)) as image:
        return np.asarray(image)
