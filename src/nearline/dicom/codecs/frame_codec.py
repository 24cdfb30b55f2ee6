"""What every decoder of frames is: a function prepared for one format."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nearline.dicom.codecs.frame_format import FrameFormat
from nearline.errors import DecodingFailed

__all__ = ["FrameCodec", "extend_sign", "fit"]


class FrameCodec(Protocol):
    """Decode the bytes of one frame."""

    def __call__(self, data: bytes, index: int, out: NDArray[Any] | None, /) -> NDArray[Any]:
        """Return the pixels in the shape and type of the format, as RGB where they are YBR_FULL.

        Parameters
        ----------
        data : bytes
            The frame, without item headers, its fragments joined. Codecs must take a
            memoryview as well.
        index : int
            0-based, within the pixel data; only native frames that need not begin with a
            byte or word depend on it.
        out : ndarray or None
            C-contiguous, of the right shape and type: the codec may write there and
            return it, or return another array.

        Raises
        ------
        Exception
            Of any kind; the caller translates.
        """
        ...


def fit(array: NDArray[Any], frame_format: FrameFormat) -> NDArray[Any]:
    """Give decoded samples the type that the image announces, as pydicom does.

    The decoder's words may be narrower than Bits Allocated (by the precision of the
    codestream). They are first taken as signed or unsigned by Pixel Representation,
    then widened, so that the value is kept.

    Raises
    ------
    DecodingFailed
        They are wider, so that values would be cut.
    """
    dtype = frame_format.dtype
    if array.dtype == dtype:
        return array
    if array.dtype.kind not in "ui" or array.dtype.itemsize > dtype.itemsize:
        raise DecodingFailed(
            f"its codestream holds {array.dtype} where the image allocates "
            f"{frame_format.bits_allocated} bits."
        )
    same_sign = array.view(f"{dtype.kind}{array.dtype.itemsize}")
    return same_sign.astype(dtype, copy=False)


def extend_sign(array: NDArray[Any], precision: int) -> NDArray[Any]:
    """Read the low `precision` bits of each sample as its type reads a whole word, in place."""
    unused = 8 * array.dtype.itemsize - precision
    if unused > 0:
        np.left_shift(array, unused, out=array)
        np.right_shift(array, unused, out=array)
    return array
