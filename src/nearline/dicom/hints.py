"""Which frames a program that reads a DICOM file piece by piece will want next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nearline.dicom.header_reading import read_header
from nearline.dicom.offsets import locate_frames
from nearline.ranges import ByteRange

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nearline.dicom.byte_reader import ByteReader

__all__ = ["FrameHints", "frame_hints"]

_ITEM_HEADER = 8
"""Readers look at the item header that follows a frame to know that it has ended."""

_LARGEST_WINDOW = 4 << 20
_MOST_AHEAD = 4 << 20
_FIRST_RUNS, _MOST_RUNS = 2, 4


class FrameHints:
    """Recognises runs of frames that begin at even distances, as those of a region do.

    A region of a tiled image is read row of tiles by row of tiles: so many
    frames in a run, and the next run so many frames further on.

    Parameters
    ----------
    starts, stops : ndarray of int64
        First byte of each frame, and the byte behind what is read of it; ascending.
    """

    def __init__(self, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> None:
        self._starts = starts
        self._stops = stops
        self._first: int | None = None
        self._stride: int | None = None
        self._runs = _FIRST_RUNS

    def jumped(self, left: int, to: int) -> tuple[ByteRange, tuple[ByteRange, ...]] | None:
        """Take note that reading ended at byte `left` and goes on at byte `to`.

        Returns
        -------
        tuple of (ByteRange, tuple of ByteRange), or None
            The run of frames that probably begins here, and those after it.
        """
        frame = self._frame_at(to)
        if frame is None:
            return None
        # The item header of the following frame was looked at, too.
        last = self._frame_at(left - _ITEM_HEADER - 1)
        first = self._first
        if first is None or last is None:
            self._first = frame
            return None
        if last <= frame <= last + 1:
            return None
        length = last - first + 1 if last >= first else 1
        stride = frame - first
        self._runs = min(2 * self._runs, _MOST_RUNS) if stride == self._stride else _FIRST_RUNS
        self._first, self._stride = frame, stride
        window = self._run(frame, length)
        if window is None or window.length > _LARGEST_WINDOW:
            return None
        ahead: list[ByteRange] = []
        room = _MOST_AHEAD
        for number in range(1, self._runs + 1):
            run = self._run(frame + number * stride, length)
            if run is None or run.length > room:
                break
            room -= run.length
            ahead.append(run)
        return window, tuple(ahead)

    def _run(self, frame: int, length: int) -> ByteRange | None:
        if not 0 <= frame < len(self._starts):
            return None
        last = min(frame + length, len(self._starts)) - 1
        return ByteRange(int(self._starts[frame]), int(self._stops[last]))

    def _frame_at(self, position: int) -> int | None:
        """Return the frame that a byte belongs to."""
        frame = int(np.searchsorted(self._starts, position, "right")) - 1
        return frame if frame >= 0 and position < self._stops[frame] else None


def frame_hints(reader: ByteReader) -> FrameHints | None:
    """Return hints for an object; None where it has no frames that jumps could lead to.

    Raises
    ------
    NearlineError
        The object is no DICOM file, or a damaged one.
    """
    header = read_header(reader)
    if header.pixel_keyword is None or header.deflated:
        return None
    found = locate_frames(reader, header)
    starts = found.offsets.astype(np.int64)
    if len(starts) < 2 or (np.diff(starts) <= 0).any():
        return None
    looked_at = _ITEM_HEADER if header.pixel_length is None else 0
    stops = starts + found.lengths.astype(np.int64) + looked_at
    return FrameHints(starts, np.minimum(stops, reader.size))
