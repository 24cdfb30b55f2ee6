"""JPEG: baseline, extended, and lossless (PS3.5 A.4.1, A.4.2).

All through libjpeg-turbo, whose colour conversion and upsampling are also Pillow's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearline.dicom.byte_reader import Buffer
from nearline.dicom.codecs.colour import is_full_ybr, ybr_full_to_rgb
from nearline.dicom.codecs.frame_codec import FrameCodec, fit
from nearline.dicom.codecs.frame_format import FrameFormat
from nearline.dicom.codecs.jpeg_markers import (
    JpegHeader,
    conformed_colour,
    has_end,
    read_jpeg_header,
    require_size,
)
from nearline.errors import DecodingFailed

__all__ = ["lossless_jpeg_codec", "lossy_jpeg_codec"]


def lossy_jpeg_codec(frame_format: FrameFormat) -> FrameCodec:
    """Return the decoder of baseline and extended JPEG, 8 or 12 bits."""
    from imagecodecs import jpeg8_decode

    photometric = frame_format.photometric_interpretation
    bytes_wide = frame_format.dtype == np.uint8
    colour = frame_format.samples_per_pixel == 3

    def decode(data: bytes, _index: int, out: NDArray[Any] | None) -> NDArray[Any]:
        header = _header(data, frame_format)
        into = out if bytes_wide and header.precision == 8 else None
        if not colour:
            return fit(jpeg8_decode(data, out=into), frame_format)
        space = "YCBCR" if _is_ycbcr(photometric, header) else "RGB"
        array = jpeg8_decode(data, colorspace=space, outcolorspace="RGB", out=into)
        return fit(array, frame_format)

    return decode


def lossless_jpeg_codec(frame_format: FrameFormat) -> FrameCodec:
    """Return the decoder of lossless JPEG (process 14), 8 to 16 bits."""
    from imagecodecs import jpeg8_decode

    photometric = frame_format.photometric_interpretation
    colour = frame_format.samples_per_pixel == 3

    def decode(data: bytes, _index: int, _out: NDArray[Any] | None) -> NDArray[Any]:
        header = _header(data, frame_format)
        if not colour:
            return fit(jpeg8_decode(data), frame_format)
        # Equal names on both sides: the samples as they are.
        array = fit(jpeg8_decode(data, colorspace="RGB", outcolorspace="RGB"), frame_format)
        if is_full_ybr(conformed_colour(photometric, header)):
            return ybr_full_to_rgb(array)
        return array

    return decode


def _header(data: Buffer, frame_format: FrameFormat) -> JpegHeader:
    """Read the header of a codestream that is there from its first marker to its last.

    libjpeg would fill what a codestream cut short lacks with grey.
    """
    header = read_jpeg_header(data)
    if header is None:
        raise DecodingFailed("it does not begin with the markers of a JPEG codestream.")
    require_size(header, frame_format)
    if not has_end(data):
        raise DecodingFailed("its JPEG codestream ends before the End of Image marker.")
    return header


def _is_ycbcr(photometric_interpretation: str, header: JpegHeader) -> bool:
    """Whether the components must be converted to give RGB.

    Adobe's transform can only add a conversion: objects that say YBR_FULL_422
    above a marker that says RGB were converted by their writers.
    """
    if header.adobe_transform:
        return True
    return "YBR" in conformed_colour(photometric_interpretation, header)
