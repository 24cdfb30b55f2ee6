"""Finding frames by following every item of the pixel data, when nothing else tells."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from struct import Struct

import numpy as np
from numpy.typing import NDArray

from nearline.dicom.byte_reader import Buffer
from nearline.dicom.elements import ITEM, SEQUENCE_END, UNDEFINED, tag_name
from nearline.dicom.offset_tables import FrameOffsets

__all__ = ["Broken", "Fragments", "Undecidable", "follow_items", "group_into_frames"]

_HEADER = Struct("<HHI")
_MARKER = 12
_STARTS = (
    b"\xff\xd8",  # JPEG, JPEG-LS
    b"\xff\x4f\xff\x51",  # JPEG 2000, HTJ2K: codestream
    b"\x00\x00\x00\x0cjP  ",  # JPEG 2000 in a file
    b"\xff\x0a",  # JPEG XL: codestream
    b"\x00\x00\x00\x0cJXL ",  # JPEG XL in a container
)


class Broken(Exception):
    """The chain of items breaks off at byte `position`; `reason` says how."""

    def __init__(self, reason: str, position: int, *, truncated: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.position = position
        self.truncated = truncated


class Undecidable(Exception):
    """Fragments cannot be told apart into frames."""


@dataclass(frozen=True, slots=True)
class Fragments:
    """The items of encapsulated pixel data.

    Attributes
    ----------
    offsets : ndarray of uint64, shape (m,)
        Of the item headers.
    end : int
        Offset behind the last item.
    starts_image : ndarray of bool, shape (m,)
        Whether the item begins like an encoded image.
    """

    offsets: NDArray[np.uint64]
    end: int
    starts_image: NDArray[np.bool_]


def follow_items(chunks: Iterable[Buffer], start: int) -> Fragments:
    """Follow items through consecutive pieces of an object, the first of which begins at `start`.

    Raises
    ------
    Broken
        Something else is where an item is due, or the object ends within one.
        An object that merely lacks the final delimiter is taken.
    """
    stream = _Forward(chunks, start)
    offsets: list[int] = []
    images: list[bool] = []
    due = start
    while len(head := stream.at(due, _HEADER.size + _MARKER)) >= _HEADER.size:
        group, number, length = _HEADER.unpack_from(head)
        tag = group << 16 | number
        if tag == SEQUENCE_END:
            break
        if tag != ITEM or length == UNDEFINED:
            raise Broken(f"{tag_name(tag)} stands where an item is due", due)
        offsets.append(due)
        images.append(head[_HEADER.size : _HEADER.size + length].startswith(_STARTS))
        due += _HEADER.size + length
    else:
        if due > stream.stop:
            raise Broken("the object ends within an item", offsets[-1], truncated=True)
    return Fragments(np.array(offsets, np.uint64), due, np.array(images, bool))


class _Forward:
    """Consecutive pieces of an object, asked for at ascending positions."""

    def __init__(self, chunks: Iterable[Buffer], start: int) -> None:
        self._chunks = iter(chunks)
        self._base = start
        self._data = memoryview(b"")

    @property
    def stop(self) -> int:
        return self._base + len(self._data)

    def at(self, position: int, length: int) -> bytes:
        """Return bytes at `position`, fewer only at the end."""
        while position + length > self.stop:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            if position < self.stop:
                rest = self._data[position - self._base :]
                self._base, self._data = position, memoryview(b"".join((rest, chunk)))
            else:
                self._base, self._data = self.stop, memoryview(chunk)
        if position >= self.stop:
            return b""
        return bytes(self._data[position - self._base : position - self._base + length])


def group_into_frames(found: Fragments, *, number_of_frames: int, one_each: bool) -> FrameOffsets:
    """Tell which fragments make up which frame.

    Parameters
    ----------
    one_each : bool
        The transfer syntax allows one fragment a frame only (RLE).

    Raises
    ------
    Undecidable
        Neither the number of fragments nor their first bytes tell.
    """
    count = len(found.offsets)
    if count == number_of_frames:
        first = found.offsets
    elif number_of_frames == 1 and count > 1 and not one_each:
        first = found.offsets[:1]
    else:
        first = found.offsets[found.starts_image]
        if one_each or len(first) != number_of_frames or not count or not found.starts_image[0]:
            raise Undecidable(
                f"{number_of_frames} frames lie in {count} fragments, {len(first)} of which begin "
                "like an image"
            )
    lengths = np.append(first[1:], np.uint64(found.end)) - first
    return FrameOffsets(first, lengths, "scan")
