"""Segmentations in the shapes that archives hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from made.phantom import Phantom
from made.segmentation import MadeSegmentation, write_segmentation

__all__ = ["LIVER", "write_fractional", "write_many_frames", "write_whole_body"]

LIVER = 5
"""Number of the segment labelled "Liver" in all of them, as TotalSegmentator numbers it."""


def _labels(count: int) -> list[str]:
    return ["Liver" if n == LIVER else f"Structure {n}" for n in range(1, count + 1)]


class _Cells:
    """A spindle per segment, each in a square cell of its own: nothing overlaps."""

    def __init__(self, phantom: Phantom, segments: int, frames: int) -> None:
        self.phantom = phantom
        self.across = int(np.ceil(np.sqrt(segments)))
        self.cell = min(phantom.rows, phantom.columns) // self.across
        mean = frames // segments
        rng = np.random.default_rng(segments)
        spread = rng.integers(0, max(1, min(mean, phantom.slices - mean)), segments // 2)
        lengths = np.full(segments, mean)
        lengths[: 2 * len(spread) : 2] += spread
        lengths[1 : 2 * len(spread) : 2] -= spread
        lengths[: frames - int(lengths.sum())] += 1
        self.starts = rng.integers(0, phantom.slices - lengths + 1)
        self.lengths = lengths

    def frames(self) -> list[tuple[int, int]]:
        return [
            (segment, index)
            for segment, (start, length) in enumerate(
                zip(self.starts.tolist(), self.lengths.tolist(), strict=True), 1
            )
            for index in range(start, start + length)
        ]

    def mask(self, segment: int, index: int, level: int = 1) -> NDArray[np.uint8]:
        frame = np.zeros((self.phantom.rows, self.phantom.columns), np.uint8)
        row, column = divmod(segment - 1, self.across)
        along = (index - self.starts[segment - 1] + 0.5) / self.lengths[segment - 1] * 2 - 1
        y, x = np.ogrid[: self.cell, : self.cell]
        centre = (self.cell - 1) / 2
        radius = self.cell / 2 * (0.3 + 0.7 * np.sqrt(1 - along**2))
        inside = (y - centre) ** 2 + (x - centre) ** 2 <= radius**2
        top, left = row * self.cell, column * self.cell
        frame[top : top + self.cell, left : left + self.cell] = inside * level
        return frame


def write_whole_body(
    path: Path, *, segments: int = 60, frames: int = 5_400, slices: int = 300, size: int = 512
) -> MadeSegmentation:
    """Write what TotalSegmentator through dcmqi gives: 180 MB, one segment after the other."""
    phantom = Phantom(size, size, slices, (1.25, 0.8, 0.8))
    cells = _Cells(phantom, segments, frames)
    return write_segmentation(
        path, phantom, labels=_labels(segments), frames=cells.frames(), mask=cells.mask
    )


def write_many_frames(
    path: Path, *, segments: int = 104, slices: int = 300, size: int = 64
) -> MadeSegmentation:
    """Write 31,200 small frames: every segment in every slice."""
    return write_whole_body(
        path, segments=segments, frames=segments * slices, slices=slices, size=size
    )


def write_fractional(
    path: Path, *, segments: int = 6, slices: int = 40, size: int = 512
) -> MadeSegmentation:
    """Write 240 fractional frames in RLE, which are few bytes each."""
    phantom = Phantom(size, size, slices, (1.25, 0.8, 0.8))
    cells = _Cells(phantom, segments, segments * slices)
    return write_segmentation(
        path,
        phantom,
        labels=_labels(segments),
        kind="FRACTIONAL",
        rle=True,
        frames=cells.frames(),
        mask=lambda segment, index: cells.mask(segment, index, level=40 * segment),
    )
