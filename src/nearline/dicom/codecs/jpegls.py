"""JPEG-LS, lossless and near-lossless (PS3.5 A.4.3)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearline.dicom.codecs.colour import is_full_ybr, ybr_full_to_rgb
from nearline.dicom.codecs.frame_codec import FrameCodec, extend_sign, fit
from nearline.dicom.codecs.frame_format import FrameFormat
from nearline.dicom.codecs.jpeg_markers import (
    conformed_colour,
    has_end,
    read_jpeg_header,
    require_size,
)
from nearline.errors import DecodingFailed

__all__ = ["jpegls_codec"]


def jpegls_codec(frame_format: FrameFormat) -> FrameCodec:
    """Return the decoder of JPEG-LS frames.

    The codestream knows no signs: those of two's complement samples are restored
    from its precision.
    """
    from imagecodecs import jpegls_decode

    photometric = frame_format.photometric_interpretation
    signed = frame_format.pixel_representation == 1
    shape = frame_format.shape

    def decode(data: bytes, _index: int, _out: NDArray[Any] | None) -> NDArray[Any]:
        header = read_jpeg_header(data)
        if header is None:
            raise DecodingFailed("it does not begin with the markers of a JPEG-LS codestream.")
        require_size(header, frame_format)
        if not has_end(data):
            # CharLS finds that out, too, but may take seconds for a few hundred bytes.
            raise DecodingFailed("its codestream is cut: there is no End of Image marker.")
        array = jpegls_decode(data)
        if array.ndim == 3 and array.shape != shape and array.shape == shape[2:] + shape[:2]:
            array = np.ascontiguousarray(array.transpose(1, 2, 0))
        array = fit(array, frame_format)
        if signed:
            array = extend_sign(array, header.precision)
        if is_full_ybr(conformed_colour(photometric, header)) and array.ndim == 3:
            return ybr_full_to_rgb(array)
        return array

    return decode
