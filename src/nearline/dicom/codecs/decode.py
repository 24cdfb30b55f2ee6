"""Which decoder reads which transfer syntax, and one way to call them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from nearline.dicom.byte_reader import Buffer
from nearline.dicom.codecs.frame_codec import FrameCodec
from nearline.dicom.codecs.frame_format import NATIVE_SYNTAXES, FrameFormat
from nearline.dicom.codecs.jpeg import lossless_jpeg_codec, lossy_jpeg_codec
from nearline.dicom.codecs.jpeg2000 import jpeg2000_codec
from nearline.dicom.codecs.jpegls import jpegls_codec
from nearline.dicom.codecs.jpegxl import jpegxl_codec
from nearline.dicom.codecs.pydicom_codec import pydicom_codec
from nearline.dicom.codecs.rle import rle_codec
from nearline.dicom.codecs.uncompressed import native_codec
from nearline.errors import DecodingFailed, InvalidOption, UnsupportedTransferSyntax
from nearline.traffic import count

__all__ = ["CODECS", "DecoderName", "FrameDecoder", "FrameFormat", "decode", "make_decoder"]

DecoderName = Literal["default", "pydicom"]

CODECS: Mapping[str, Callable[[FrameFormat], FrameCodec]] = MappingProxyType(
    {
        **dict.fromkeys(NATIVE_SYNTAXES, native_codec),
        "1.2.840.10008.1.2.5": rle_codec,
        "1.2.840.10008.1.2.4.50": lossy_jpeg_codec,  # baseline
        "1.2.840.10008.1.2.4.51": lossy_jpeg_codec,  # extended
        "1.2.840.10008.1.2.4.57": lossless_jpeg_codec,
        "1.2.840.10008.1.2.4.70": lossless_jpeg_codec,  # first-order prediction
        "1.2.840.10008.1.2.4.80": jpegls_codec,
        "1.2.840.10008.1.2.4.81": jpegls_codec,  # near-lossless
        "1.2.840.10008.1.2.4.90": jpeg2000_codec,  # lossless
        "1.2.840.10008.1.2.4.91": jpeg2000_codec,
        "1.2.840.10008.1.2.4.201": jpeg2000_codec,  # high-throughput, lossless
        "1.2.840.10008.1.2.4.202": jpeg2000_codec,  # the same, by resolution
        "1.2.840.10008.1.2.4.203": jpeg2000_codec,
        "1.2.840.10008.1.2.4.110": jpegxl_codec,  # lossless
        "1.2.840.10008.1.2.4.111": jpegxl_codec,  # recompressed JPEG
        "1.2.840.10008.1.2.4.112": jpegxl_codec,
    }
)
"""Transfer syntax UID -> what prepares its decoder for a format."""


class FrameDecoder:
    """The decoder of one image's frames; made by `make_decoder`, safe in any thread.

    Attributes
    ----------
    frame_format : FrameFormat
        What it was prepared for.
    """

    __slots__ = ("_codec", "_dtype", "_shape", "format")

    def __init__(self, frame_format: FrameFormat, codec: FrameCodec) -> None:
        self.format = frame_format
        self._codec = codec
        self._shape = frame_format.shape
        self._dtype = frame_format.dtype

    def __call__(
        self, data: Buffer, index: int = 0, *, out: NDArray[Any] | None = None
    ) -> NDArray[Any]:
        """Decode one frame; see `decode`.

        Parameters
        ----------
        out : ndarray, optional
            C-contiguous array of the frame's shape and type to be filled and
            returned, which spares the allocation. Undefined after an error.
        """
        count("decoded_frames")
        if out is not None:
            self._check_out(out)
        try:
            # imagecodecs takes any buffer; its annotations name bytes and bytearray only.
            array = self._codec(cast("bytes", data), index, out)
        except MemoryError:
            raise
        except Exception as fault:
            raise DecodingFailed(
                f"Frame {index + 1} ({self.format.transfer_syntax_uid}) cannot be decoded: {fault}"
            ) from fault
        if array.shape != self._shape:
            raise DecodingFailed(
                f"Frame {index + 1} ({self.format.transfer_syntax_uid}) holds an image of shape "
                f"{array.shape} where the header says {self._shape}."
            )
        if out is None:
            return np.ascontiguousarray(array)
        if array is not out:
            np.copyto(out, array)
        return out

    def _check_out(self, out: NDArray[Any]) -> None:
        if out.shape != self._shape or out.dtype != self._dtype or not out.flags.c_contiguous:
            raise InvalidOption(
                f"out must be a C-contiguous array of {self._dtype} and shape {self._shape}; it is "
                f"of {out.dtype} and {out.shape}."
            )


@lru_cache(maxsize=64)
def make_decoder(frame_format: FrameFormat, decoder: DecoderName = "default") -> FrameDecoder:
    """Prepare the decoder for all frames of one format.

    Parameters
    ----------
    frame_format : FrameFormat
        Of the image.
    decoder : {"default", "pydicom"}
        See `decode`.

    Raises
    ------
    UnsupportedTransferSyntax
        No decoder; the message names the transfer syntax.
    InvalidDicom
        A number of bits that pixels cannot have.
    InvalidOption
        An unknown `decoder`.
    """
    if decoder not in ("default", "pydicom"):
        raise InvalidOption(f"decoder={decoder!r} is not known: use 'default' or 'pydicom'.")
    uid = frame_format.transfer_syntax_uid
    prepare = pydicom_codec if decoder == "pydicom" else CODECS.get(uid)
    if prepare is None:
        raise UnsupportedTransferSyntax(
            f"Pixels in transfer syntax {uid} cannot be decoded. Convert the object with another "
            "tool."
        )
    return FrameDecoder(frame_format, prepare(frame_format))


def decode(
    data: Buffer, frame_format: FrameFormat, *, decoder: DecoderName = "default", index: int = 0
) -> NDArray[Any]:
    """Decode one frame to its stored values.

    Parameters
    ----------
    data : bytes-like
        The frame: of encapsulated pixel data the fragments joined, of native
        pixel data the least run of bytes that holds the frame, of 8-bit pixels
        in big-endian words the least run of words.
    frame_format : FrameFormat
        Of the image.
    decoder : {"default", "pydicom"}
        "default": imagecodecs, which runs beside other threads. "pydicom":
        pydicom and its installed plugins, bit for bit what they give.
    index : int
        0-based index of the frame, for messages and for frames that need not
        begin with a byte or word, where it says at which bit or byte.

    Returns
    -------
    ndarray, shape (rows, columns) or (rows, columns, samples)
        C-contiguous, of `FrameFormat.dtype`; RGB where the pixels are YBR_FULL,
        YBR_FULL_422, YBR_ICT or YBR_RCT. Bits beyond Bits Stored are kept.

    Raises
    ------
    UnsupportedTransferSyntax
        No decoder; the message names the transfer syntax.
    DecodingFailed
        The bytes are damaged or hold an image of another size; names the frame.

    Notes
    -----
    Lossless syntaxes are bit-equal to pydicom. Lossy JPEG is bit-equal to Pillow's
    RGB, which differs from pydicom's own conversion from YCbCr by one level in a
    few samples per million.
    """
    return make_decoder(frame_format, decoder)(data, index)
