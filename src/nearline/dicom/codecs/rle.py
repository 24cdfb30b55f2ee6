"""RLE Lossless (PS3.5 annex G)."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nearline.dicom.codecs.colour import is_full_ybr, ybr_full_to_rgb
from nearline.dicom.codecs.frame_codec import FrameCodec
from nearline.dicom.codecs.frame_format import FrameFormat
from nearline.errors import DecodingFailed, UnsupportedTransferSyntax

__all__ = ["rle_codec"]

_HEADER = struct.Struct("<16I")


def rle_codec(frame_format: FrameFormat) -> FrameCodec:
    """Return the decoder of run-length encoded frames.

    Raises
    ------
    UnsupportedTransferSyntax
        Pixels of single bits, which the syntax cannot hold.
    """
    from imagecodecs import packbits_decode

    if frame_format.bits_allocated % 8:
        raise UnsupportedTransferSyntax(
            "RLE Lossless (1.2.840.10008.1.2.5) cannot hold pixels of "
            f"{frame_format.bits_allocated} bits."
        )
    dtype = frame_format.dtype
    shape = frame_format.shape
    samples, width = frame_format.samples_per_pixel, dtype.itemsize
    pixels = frame_format.rows * frame_format.columns
    to_rgb = samples == 3 and is_full_ybr(frame_format.photometric_interpretation)

    def decode(data: bytes, _index: int, _out: NDArray[Any] | None) -> NDArray[Any]:
        view = memoryview(data)
        # One segment per byte of a sample, most significant first: little endian, so the
        # last byte of the word.
        words = np.empty((pixels, samples, width), np.uint8)
        for number, segment in enumerate(_segments(view, samples * width)):
            sample, byte = divmod(number, width)
            plane = np.frombuffer(packbits_decode(cast("bytes", segment)), np.uint8)
            if plane.size < pixels:
                raise DecodingFailed(f"segment {number + 1} holds {plane.size} of {pixels} bytes.")
            words[:, sample, width - 1 - byte] = plane[:pixels]
        array = words.view(dtype.newbyteorder("<")).reshape(shape).astype(dtype, copy=False)
        return ybr_full_to_rgb(array) if to_rgb else array

    return decode


def _segments(data: memoryview, expected: int) -> list[memoryview]:
    """Cut a frame into its segments (PS3.5 G.5)."""
    if data.nbytes < _HEADER.size:
        raise DecodingFailed(f"{data.nbytes} bytes cannot hold the RLE header of 64.")
    count, *offsets = _HEADER.unpack_from(data)
    if count != expected:
        raise DecodingFailed(f"it has {count} RLE segments where the image needs {expected}.")
    limits = [*offsets[:count], data.nbytes]
    if any(start >= stop for start, stop in pairwise(limits)):
        raise DecodingFailed("the offsets in its RLE header do not ascend within the frame.")
    return [data[start:stop] for start, stop in pairwise(limits)]
