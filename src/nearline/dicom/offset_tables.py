"""From a table of offsets to the range of each frame (PS3.3 C.7.6.3.1.8, PS3.5 A.4): pure.

A frame's range begins with its first item header and ends where the next
frame's begins, so that it holds all of its fragments and one read brings them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["FrameOffsets", "Unusable", "basic", "contiguous", "extended"]

_WRAP = 1 << 32
_LEAST_GUESS = 64 * 1024


class Unusable(Exception):
    """A table that contradicts the object; the message says how."""


@dataclass(frozen=True, slots=True)
class FrameOffsets:
    """Where the frames of an object lie.

    Attributes
    ----------
    offsets : ndarray of uint64, shape (n,)
        First byte of each frame's range: of its first item header, or of its
        pixels when they are native.
    lengths : ndarray of uint64, shape (n,)
        Bytes of each range, item headers included.
    found_by : str
        "native", "Extended Offset Table", "Basic Offset Table", "TIFF tags",
        "scan" or "single frame".
    open_ended : int or None
        0-based index of the frame whose length is a guess, because a table
        tells where frames begin and not where the last one ends.
    notes : tuple of str
        Tables that were found wrong and not used, and why.
    """

    offsets: NDArray[np.uint64]
    lengths: NDArray[np.uint64]
    found_by: str
    open_ended: int | None = None
    notes: tuple[str, ...] = ()


def extended(
    table: bytes | memoryview,
    lengths: bytes | memoryview | None,
    *,
    first_item: int,
    number_of_frames: int,
    size: int,
    little_endian: bool = True,
) -> FrameOffsets:
    """Use an Extended Offset Table and, where there is one, the table of its lengths.

    Parameters
    ----------
    first_item : int
        Offset of the first item behind the Basic Offset Table.
    size : int
        Bytes of the whole object.

    Raises
    ------
    Unusable
        Another number of entries than frames, frames that overlap, or frames
        outside the object.
    """
    code = "<u8" if little_endian else ">u8"
    starts = _entries(table, code, number_of_frames) + np.uint64(first_item)
    if lengths is None:
        return _to_the_next(starts, first_item, size, "Extended Offset Table")
    payload = _entries(lengths, code, number_of_frames)
    _check_inside(starts, first_item, size)
    if (payload > np.uint64(size)).any() or (starts + payload + np.uint64(8) > size).any():
        raise Unusable("it places a frame behind the end of the object")
    stops = _next_starts(starts, size)
    # Some writers count the item header into the lengths. Where the next frame
    # begins tells better; a length is needed for the last one only.
    if (starts + payload > stops).any():
        raise Unusable("its frames overlap")
    last = stops == size
    padded = starts + payload + np.uint64(8) + (payload & np.uint64(1))
    stops[last] = np.minimum(padded[last], np.uint64(size))
    return FrameOffsets(starts, stops - starts, "Extended Offset Table")


def basic(
    table: bytes | memoryview, *, first_item: int, number_of_frames: int, size: int
) -> FrameOffsets:
    """Use a Basic Offset Table, whose 32-bit entries wrap in objects above 4 GiB.

    Raises
    ------
    Unusable
        Another number of entries than frames, or frames outside the object.
    """
    relative = _entries(table, "<u4", number_of_frames)
    notes: tuple[str, ...] = ()
    if size - first_item > _WRAP and len(relative) > 1:
        wraps = np.concatenate([[False], relative[1:] < relative[:-1]]).cumsum()
        if wraps[-1]:
            relative = relative + wraps.astype(np.uint64) * np.uint64(_WRAP)
            notes = ("The Basic Offset Table wraps at 4 GiB; its entries were continued.",)
    starts = relative + np.uint64(first_item)
    return _to_the_next(starts, first_item, size, "Basic Offset Table", notes)


def contiguous(
    payloads: NDArray[np.uint64],
    lengths: NDArray[np.uint64],
    *,
    first_item: int,
    number_of_frames: int,
    size: int,
) -> FrameOffsets:
    """Use offsets and lengths of what lies within the items, as TIFF tags give them.

    Frames without a table lie in the order of their numbers, one item each,
    without gaps; that the entries say the same shows that they are right.

    Raises
    ------
    Unusable
        They do not.
    """
    if len(payloads) != number_of_frames or len(lengths) != number_of_frames:
        raise Unusable(f"they name {len(payloads)} tiles for {number_of_frames} frames")
    order = np.argsort(payloads, kind="stable")
    payloads, lengths = payloads[order], lengths[order]
    if (lengths > np.uint64(size)).any() or int(payloads[0]) < 8:
        raise Unusable("they place a tile outside the object")
    starts = payloads - np.uint64(8)
    stops = payloads + lengths + (lengths & np.uint64(1))
    if int(starts[0]) != first_item or (starts[1:] != stops[:-1]).any():
        raise Unusable("their tiles do not follow each other as frames do")
    if int(payloads[-1] + lengths[-1]) > size:
        raise Unusable("they place a tile behind the end of the object")
    stops[-1] = min(int(stops[-1]), size)
    return FrameOffsets(starts, stops - starts, "TIFF tags")


def _entries(table: bytes | memoryview, code: str, count: int) -> NDArray[np.uint64]:
    width = int(code[-1])
    if len(table) // width != count or len(table) % width:
        raise Unusable(f"it has {len(table) // width} entries for {count} frames")
    return np.frombuffer(table, code).astype(np.uint64)


def _check_inside(starts: NDArray[np.uint64], first_item: int, size: int) -> None:
    if (starts < np.uint64(first_item)).any() or (starts > np.uint64(max(0, size - 8))).any():
        raise Unusable("it places a frame behind the end of the object")
    if not _ascending(starts) and len(np.unique(starts)) < len(starts):
        raise Unusable("it places two frames at one byte")


def _ascending(starts: NDArray[np.uint64]) -> bool:
    return bool((starts[1:] > starts[:-1]).all())


def _next_starts(starts: NDArray[np.uint64], end: int) -> NDArray[np.uint64]:
    """Return, for each start, the next larger one, or `end`."""
    if _ascending(starts):
        return np.append(starts[1:], np.uint64(end))
    ordered = np.append(np.unique(starts), np.uint64(end))
    return ordered[np.searchsorted(ordered[:-1], starts, side="right")]


def _to_the_next(
    starts: NDArray[np.uint64],
    first_item: int,
    size: int,
    found_by: str,
    notes: tuple[str, ...] = (),
) -> FrameOffsets:
    """Let each frame reach to the next; the last one reaches as far as a guess."""
    _check_inside(starts, first_item, size)
    lengths = _next_starts(starts, size) - starts
    last = int(starts.argmax())
    others = np.delete(lengths, last)
    if len(others):
        guess = max(_LEAST_GUESS, 2 * int(others.max()))
        lengths[last] = min(guess, int(lengths[last]))
    return FrameOffsets(starts, lengths, found_by, last, notes)
