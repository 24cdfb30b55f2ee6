"""Where native (not encapsulated) frames lie: arithmetic (PS3.5 8.1, 8.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nearline.dicom.codecs.frame_format import EXPLICIT_BIG_ENDIAN
from nearline.dicom.header import Header
from nearline.dicom.offset_tables import FrameOffsets

__all__ = ["FrameSize", "frame_size", "native_offsets"]

_ROWS = 0x00280010
_COLUMNS = 0x00280011
_SAMPLES = 0x00280002
_BITS_ALLOCATED = 0x00280100
_PHOTOMETRIC = 0x00280004


@dataclass(frozen=True, slots=True)
class FrameSize:
    """What one native frame takes.

    Attributes
    ----------
    bits : int
        Bits of one frame; frames follow each other without padding, so those
        of one bit a pixel may begin within a byte.
    word : int
        Bytes that can only be read together: 2 where bytes are held in
        big-endian 16-bit words (PS3.5 8.1.2), so that frames of an odd number
        of bytes begin or end within one.
    """

    bits: int
    word: int = 1

    def span(self, frame_index: int) -> tuple[int, int]:
        """Return the bytes, relative to the pixel data, that hold a frame."""
        first = frame_index * self.bits
        unit = 8 * self.word
        return first // unit * self.word, -(-(first + self.bits) // unit) * self.word


def frame_size(header: Header) -> FrameSize | None:
    """Return the size of a native frame; None where the header does not tell."""
    rows, columns = header.unsigned(_ROWS), header.unsigned(_COLUMNS)
    samples = header.unsigned(_SAMPLES) or 1
    bits = header.unsigned(_BITS_ALLOCATED)
    if not bits:
        bits = {"FloatPixelData": 32, "DoubleFloatPixelData": 64}.get(header.pixel_keyword or "", 0)
    if not rows or not columns or not bits:
        return None
    if samples == 3 and header.text(_PHOTOMETRIC) == "YBR_FULL_422":
        samples = 2  # two luminances share their chrominances
    in_words = header.transfer_syntax_uid == EXPLICIT_BIG_ENDIAN and header.pixel_vr == "OW"
    return FrameSize(rows * columns * samples * bits, 2 if in_words and bits == 8 else 1)


def native_offsets(size: FrameSize, pixel_offset: int, number_of_frames: int) -> FrameOffsets:
    """Return where each frame lies: the whole bytes, or words, that hold it."""
    first = np.arange(number_of_frames, dtype=np.uint64) * np.uint64(size.bits)
    unit, word = np.uint64(8 * size.word), np.uint64(size.word)
    start = first // unit * word
    stop = (first + np.uint64(size.bits) + unit - np.uint64(1)) // unit * word
    return FrameOffsets(start + np.uint64(pixel_offset), stop - start, "native")
