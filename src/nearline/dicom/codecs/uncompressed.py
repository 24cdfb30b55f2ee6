"""Uncompressed frames."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearline.dicom.codecs.colour import expand_422, is_full_ybr, ybr_full_to_rgb
from nearline.dicom.codecs.frame_codec import FrameCodec
from nearline.dicom.codecs.frame_format import EXPLICIT_BIG_ENDIAN, FrameFormat
from nearline.errors import DecodingFailed

__all__ = ["native_codec"]


def native_codec(frame_format: FrameFormat) -> FrameCodec:
    """Return the decoder of native frames.

    A frame of single-bit pixels is given as the least run of bytes that holds it, one of
    bytes in big-endian words as the least run of words; where in the first of these it
    begins follows from the frame's index.
    """
    if frame_format.bits_allocated == 1:
        return _bits(frame_format)
    return _samples(frame_format)


def _bits(frame_format: FrameFormat) -> FrameCodec:
    count = frame_format.native_bits
    shape = frame_format.shape

    def decode(data: bytes, index: int, _out: NDArray[Any] | None) -> NDArray[Any]:
        first = index * count % 8
        packed = np.frombuffer(data, np.uint8)
        if packed.size * 8 < first + count:
            raise DecodingFailed(_too_short(packed.size, -(-(first + count) // 8)))
        bits = np.unpackbits(packed, count=first + count, bitorder="little")
        return bits[first:].reshape(shape)

    return decode


def _samples(frame_format: FrameFormat) -> FrameCodec:
    big_endian = frame_format.transfer_syntax_uid == EXPLICIT_BIG_ENDIAN
    dtype = frame_format.dtype
    stored = dtype.newbyteorder(">") if big_endian else dtype
    swapped = frame_format.is_in_words
    length = frame_format.native_bits // 8
    rows, columns, samples = frame_format.rows, frame_format.columns, frame_format.samples_per_pixel
    halved = frame_format.photometric_interpretation == "YBR_FULL_422" and samples == 3
    by_plane = samples > 1 and frame_format.planar_configuration == 1 and not halved
    to_rgb = samples == 3 and is_full_ybr(frame_format.photometric_interpretation)

    def decode(data: bytes, index: int, out: NDArray[Any] | None) -> NDArray[Any]:
        raw = memoryview(data)
        if raw.nbytes < length:
            raise DecodingFailed(_too_short(raw.nbytes, length))
        if swapped:
            raw = _swap_pairs(raw, length, index)
        flat = np.frombuffer(raw[:length], stored)
        if halved:
            array = expand_422(flat, rows, columns)
        elif by_plane:
            array = flat.reshape(samples, rows, columns).transpose(1, 2, 0)
        else:
            array = flat.reshape(frame_format.shape)
        if to_rgb:
            return ybr_full_to_rgb(np.ascontiguousarray(array))
        if out is None:
            return array.astype(dtype, order="C", copy=True)
        np.copyto(out, array)
        return out

    return decode


def _swap_pairs(raw: memoryview, length: int, index: int) -> memoryview:
    """Undo the 16-bit words in which big endian holds bytes whose VR is OW (PS3.5 8.1.2)."""
    # The frame before, of an odd number of bytes too, may own the first byte of the first word.
    first = index * length % 2
    even = first + length + (first + length) % 2
    if raw.nbytes < even:
        raise DecodingFailed(_too_short(raw.nbytes, even))
    return np.frombuffer(raw[:even], "u2").byteswap().view(np.uint8).data[first:]


def _too_short(found: int, wanted: int) -> str:
    return f"there are {found} bytes of pixels where the image's size needs {wanted}."
