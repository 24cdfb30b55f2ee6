"""Frame numbers, which count from 1 in DICOM, and frame indices, which count from 0."""

from __future__ import annotations

from collections.abc import Iterable
from operator import index
from typing import SupportsIndex

from nearline.errors import UnknownFrame

__all__ = ["frame_index", "frame_indices"]


def frame_index(number: SupportsIndex, number_of_frames: int, as_index: bool) -> int:
    """Return the 0-based index that a frame number means.

    Parameters
    ----------
    number : int
        1-based, or 0-based with `as_index`; never counted from the end.
    number_of_frames : int
        Of the image.

    Raises
    ------
    UnknownFrame
        The image has no such frame.
    """
    given = index(number)
    found = given if as_index else given - 1
    if 0 <= found < number_of_frames:
        return found
    if as_index:
        asked = f"frame index {given}: indices go from 0 to {number_of_frames - 1}"
    else:
        asked = f"frame {given}: frames are numbered from 1 to {number_of_frames}"
    raise UnknownFrame(f"The image has no {asked}.")


def frame_indices(
    numbers: Iterable[SupportsIndex] | None, number_of_frames: int, as_indices: bool
) -> list[int]:
    """Return the 0-based indices that frame numbers mean; None means all frames.

    Raises
    ------
    UnknownFrame
        The image lacks one of them.
    """
    if numbers is None:
        return list(range(number_of_frames))
    return [frame_index(one, number_of_frames, as_indices) for one in numbers]
