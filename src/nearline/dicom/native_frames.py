"""Where native (not encapsulated) frames lie: arithmetic (PS3.5 8.1, 8.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
    """

    bits: int

    def span(self, frame_index: int) -> tuple[int, int]:
        """Return the bytes, relative to the pixel data, that hold a frame."""
        first = frame_index * self.bits
        return first // 8, -(-(first + self.bits) // 8)


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
    return FrameSize(rows * columns * samples * bits)


def native_offsets(size: FrameSize, pixel_offset: int, number_of_frames: int) -> FrameOffsets:
    """Return where each frame lies; bit-packed frames get the bytes that hold them."""
    first = np.arange(number_of_frames, dtype=np.uint64) * np.uint64(size.bits)
    start = first // np.uint64(8)
    stop = (first + np.uint64(size.bits + 7)) // np.uint64(8)
    return FrameOffsets(start + np.uint64(pixel_offset), stop - start, "native")
