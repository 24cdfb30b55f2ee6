"""How much of an object each segment takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nearline.image.segmentation.segmentation import Segmentation

__all__ = ["Extent", "extents"]


@dataclass(frozen=True, slots=True)
class Extent:
    """What a segment takes.

    Attributes
    ----------
    frames : int
        That show it.
    bytes : int
        Of those frames, as they are encoded.
    """

    frames: int
    bytes: int


def extents(segmentation: Segmentation) -> dict[int, Extent]:
    """Return the frames and bytes of each segment; empty for a label map, whose frames show all."""
    shown = segmentation._segment_of_frame()
    if shown is None:
        return {}
    frames = segmentation._opened.frames
    if frames.format.is_native:
        sizes = np.full(len(frames), frames.format.native_bits / 8)
    else:
        sizes = np.concatenate([part.index.lengths for part in frames.parts]).astype(np.float64)
    return {
        number: Extent(
            int(np.count_nonzero(shown == number)), round(float(sizes[shown == number].sum()))
        )
        for number in segmentation.segment_numbers
    }
