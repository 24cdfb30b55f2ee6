"""JPEG XL: lossless, recompressed JPEG, and general (PS3.5 A.4.12)."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from nearline.dicom.codecs.colour import is_full_ybr, ybr_full_to_rgb
from nearline.dicom.codecs.frame_codec import FrameCodec, fit
from nearline.dicom.codecs.frame_format import FrameFormat

__all__ = ["JPEG_XL_LOSSLESS", "jpegxl_codec"]

JPEG_XL_LOSSLESS = "1.2.840.10008.1.2.4.110"


def jpegxl_codec(frame_format: FrameFormat) -> FrameCodec:
    """Return the decoder of JPEG XL frames, through libjxl.

    Lossy and recompressed codestreams carry their colour transform (XYB, YCbCr)
    and come out as RGB. Lossless ones hold the samples that went in, so that
    YBR_FULL is still to be converted.
    """
    from imagecodecs import jpegxl_decode

    to_rgb = (
        frame_format.transfer_syntax_uid == JPEG_XL_LOSSLESS
        and frame_format.samples_per_pixel == 3
        and is_full_ybr(frame_format.photometric_interpretation)
    )

    def decode(data: bytes, _index: int, _out: NDArray[Any] | None) -> NDArray[Any]:
        array = fit(jpegxl_decode(data, numthreads=1, keeporientation=True), frame_format)
        return ybr_full_to_rgb(array) if to_rgb else array

    return decode
