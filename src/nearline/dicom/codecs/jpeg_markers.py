"""What the markers of a JPEG or JPEG-LS codestream say before its pixels begin."""

from __future__ import annotations

from dataclasses import dataclass

from nearline.dicom.byte_reader import Buffer
from nearline.dicom.codecs.frame_format import FrameFormat
from nearline.errors import DecodingFailed

__all__ = ["JpegHeader", "conformed_colour", "has_end", "read_jpeg_header", "require_size"]

_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
_RGB_IDS = (b"RGB", b"rgb")
_LONGEST_PADDING = 64


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """Facts from the segments up to the frame header.

    Attributes
    ----------
    precision : int
        Bits per sample.
    rows, columns : int
        Of the picture; 0 where another segment tells.
    component_ids : bytes
        One byte per component.
    jfif : bool
        A JFIF segment is present, which promises YCbCr.
    adobe_transform : int or None
        Of Adobe's APP14 segment: 0 for RGB, 1 for YCbCr; None without the segment.
    """

    precision: int
    rows: int
    columns: int
    component_ids: bytes
    jfif: bool
    adobe_transform: int | None

    @property
    def names_rgb(self) -> bool:
        """Whether the components are called R, G and B."""
        return self.component_ids in _RGB_IDS


def read_jpeg_header(data: Buffer) -> JpegHeader | None:
    """Read the segments of a codestream up to its frame header (ISO/IEC 10918-1 B.2).

    Returns
    -------
    JpegHeader or None
        None if this is no JPEG or ends before the frame header.
    """
    view = memoryview(data)
    size = view.nbytes
    if view[:2].tobytes() != b"\xff\xd8":
        return None
    jfif = False
    adobe: int | None = None
    at = 2
    while at + 4 <= size and view[at] == 0xFF:
        marker = view[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        length = view[at + 2] << 8 | view[at + 3]
        if marker in _FRAME_MARKERS:
            if at + 10 > size:
                return None
            count = view[at + 9]
            ids = bytes(view[at + 10 : at + 10 + 3 * count : 3])
            rows, columns = view[at + 5] << 8 | view[at + 6], view[at + 7] << 8 | view[at + 8]
            return JpegHeader(view[at + 4], rows, columns, ids, jfif, adobe)
        if 0xE0 <= marker <= 0xEF:
            body = view[at + 4 : at + 2 + length]
            jfif = jfif or body[:4].tobytes() == b"JFIF"
            if marker == 0xEE and body[:5].tobytes() == b"Adobe" and body.nbytes >= 12:
                adobe = body[11]
        at += 2 + length
    return None


def require_size(header: JpegHeader, frame_format: FrameFormat) -> None:
    """Refuse a picture of another size before anything is decoded: it may be a huge one.

    Raises
    ------
    DecodingFailed
    """
    wanted = frame_format.shape
    components = len(header.component_ids)
    found = (header.rows or wanted[0], header.columns or wanted[1], components)[
        : 2 + (components > 1)
    ]
    if found[:2] != wanted[:2]:
        raise DecodingFailed(f"its codestream holds {found} where the image has {wanted}.")


def conformed_colour(photometric_interpretation: str, header: JpegHeader) -> str:
    """Correct the Photometric Interpretation where the codestream contradicts it.

    Components named R, G, B are RGB; a JFIF segment means YCbCr. Otherwise the
    image's word holds, also without any APP segment (PS3.5 8.2.1).
    """
    if len(header.component_ids) != 3:
        return photometric_interpretation
    if header.names_rgb:
        return "RGB"
    if header.jfif and "YBR" not in photometric_interpretation:
        return "YBR_FULL"
    return photometric_interpretation


def has_end(data: Buffer) -> bool:
    """Whether an End of Image marker closes the data, but for padding."""
    return b"\xff\xd9" in bytes(memoryview(data)[-_LONGEST_PADDING:])
