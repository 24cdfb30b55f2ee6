"""JPEG 2000 and High-Throughput JPEG 2000 (PS3.5 A.4.4, A.4.13)."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Any

from numpy.typing import NDArray

from nearline.dicom.byte_reader import Buffer
from nearline.dicom.codecs.colour import is_full_ybr, ybr_full_to_rgb
from nearline.dicom.codecs.frame_codec import FrameCodec, extend_sign, fit
from nearline.dicom.codecs.frame_format import FrameFormat
from nearline.errors import DecodingFailed

__all__ = ["CodestreamHeader", "jpeg2000_codec", "read_codestream_header"]

_AREA = Struct(">IIII")
"""Xsiz, Ysiz, XOsiz, YOsiz of the SIZ segment."""

_JP2_SIGNATURE = b"\x00\x00\x00\x0cjP  "


@dataclass(frozen=True, slots=True)
class CodestreamHeader:
    """Facts from the main header of a codestream (ISO/IEC 15444-1 annex A).

    Attributes
    ----------
    precision : int
        Bits per sample of the first component.
    signed : bool
        Whether the first component is signed.
    rows, columns : int
        Of the image area.
    components : int
    """

    precision: int
    signed: bool
    rows: int
    columns: int
    components: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array that decoding gives."""
        return (self.rows, self.columns, self.components)[: 2 + (self.components > 1)]


def jpeg2000_codec(frame_format: FrameFormat) -> FrameCodec:
    """Return the decoder of JPEG 2000 frames, high-throughput ones included.

    All through OpenJPEG. OpenJPH takes half its time for the latter, but as
    imagecodecs calls it, damage gives pixels that were never decoded instead of
    an error, and lossy values beyond the range of the samples wrap around.
    """
    from imagecodecs import jpeg2k_decode

    def decode(data: bytes, _index: int, _out: NDArray[Any] | None) -> NDArray[Any]:
        header = read_codestream_header(data)
        if header is not None and header.shape[:2] != frame_format.shape[:2]:
            # Before anything is decoded: it may announce a huge one.
            raise DecodingFailed(
                f"its codestream holds {header.shape} where the image has {frame_format.shape}."
            )
        return _finish(jpeg2k_decode(data, numthreads=1), header, frame_format)

    return decode


def _finish(
    array: NDArray[Any], header: CodestreamHeader | None, frame_format: FrameFormat
) -> NDArray[Any]:
    array = fit(array, frame_format)
    if (
        header is not None
        and frame_format.is_monochrome
        and header.signed != bool(frame_format.pixel_representation)
    ):
        # Written with the wrong sign: the bits are right, their reading is the image's.
        array = extend_sign(array, header.precision)
    if frame_format.samples_per_pixel == 3 and is_full_ybr(frame_format.photometric_interpretation):
        return ybr_full_to_rgb(array)
    return array


def read_codestream_header(data: Buffer) -> CodestreamHeader | None:
    """Read precision and sign from a codestream, bare or in a JP2 file.

    Returns
    -------
    CodestreamHeader or None
        None if this is no such codestream.
    """
    view = memoryview(data)
    at = _codestream_offset(view)
    if view[at : at + 4].tobytes() != b"\xff\x4f\xff\x51" or view.nbytes < at + 43:
        return None
    depth = view[at + 42]
    columns, rows, left, top = _AREA.unpack_from(view, at + 8)
    return CodestreamHeader(
        precision=(depth & 0x7F) + 1,
        signed=bool(depth & 0x80),
        rows=rows - top,
        columns=columns - left,
        components=int.from_bytes(view[at + 40 : at + 42], "big"),
    )


def _codestream_offset(view: memoryview) -> int:
    """Find the contiguous codestream box of a JP2 file; 0 for a bare codestream."""
    if view[:8].tobytes() != _JP2_SIGNATURE:
        return 0
    at = 12
    while at + 8 <= view.nbytes:
        if view[at + 4 : at + 8].tobytes() == b"jp2c":
            return at + 8
        at += max(int.from_bytes(view[at : at + 4], "big"), 8)
    return 0
