"""Everything that reading frames needs to know of an object, derived once and kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from struct import Struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearline.dicom.artefact import Unreadable, pack, unpack
from nearline.dicom.byte_reader import Buffer, ByteReader
from nearline.dicom.columns import Columns
from nearline.dicom.elements import ITEM, SEQUENCE_END, tag_name
from nearline.dicom.functional_groups import read_columns, with_shared
from nearline.dicom.header import SHARED_GROUPS, Header
from nearline.dicom.offsets import locate_frames, number_of_frames
from nearline.dicom.root_columns import root_columns
from nearline.errors import InvalidDicom, TruncatedObject, UnknownFrame
from nearline.ranges import ByteRange

__all__ = ["FrameIndex", "build"]

_VERSION = 2
_ITEM_HEADER = Struct("<HHI")

_NUMBERS = {
    "Rows": 0x00280010,
    "Columns": 0x00280011,
    "TotalPixelMatrixColumns": 0x00480006,
    "TotalPixelMatrixRows": 0x00480007,
    "TotalPixelMatrixFocalPlanes": 0x00480303,
    "NumberOfOpticalPaths": 0x00480302,
    "InConcatenationNumber": 0x00209162,
    "InConcatenationTotalNumber": 0x00209163,
    "ConcatenationFrameOffsetNumber": 0x00209228,
}
_TEXTS = {
    "DimensionOrganizationType": 0x00209311,
    "ConcatenationUID": 0x00209161,
    "SeriesInstanceUID": 0x0020000E,
    "FrameOfReferenceUID": 0x00200052,
}


@dataclass(slots=True)
class FrameIndex:
    """Where each frame of an object lies, and what it shows.

    Attributes
    ----------
    url : str
        For messages.
    size : int
        Bytes of the object; in a deflated one, of what `InflatedReader` shows.
    number_of_frames : int
    encapsulated : bool
    found_by : str
        "native", "Extended Offset Table", "Basic Offset Table", "TIFF tags",
        "scan" or "single frame".
    offsets, lengths : ndarray of uint64, shape (n,)
        Of each frame's range: in an encapsulated object from its first item
        header to behind its last fragment.
    open_ended : int or None
        Index of the frame whose length is a guess; see `missing`.
    notes : tuple of str
        Tables found wrong, and why.
    columns : Columns
        Attributes of the frames, those shared by all included; of the only
        frame of an object without functional groups, those of its header.
    facts : dict of str to int or str
        By DICOM keyword, where the object has them: Rows, Columns,
        TotalPixelMatrixRows, TotalPixelMatrixColumns,
        TotalPixelMatrixFocalPlanes, NumberOfOpticalPaths,
        DimensionOrganizationType, SeriesInstanceUID, FrameOfReferenceUID, and
        the members of a concatenation.
    """

    url: str
    size: int
    number_of_frames: int
    encapsulated: bool
    found_by: str
    offsets: NDArray[np.uint64]
    lengths: NDArray[np.uint64]
    open_ended: int | None = None
    notes: tuple[str, ...] = ()
    columns: Columns = field(default_factory=lambda: Columns(0))
    facts: dict[str, int | str] = field(default_factory=dict)

    def range_of(self, frame_index: int) -> ByteRange:
        """Return the bytes that hold a frame (0-based), item headers included.

        Raises
        ------
        UnknownFrame
        """
        if not 0 <= frame_index < self.number_of_frames:
            raise UnknownFrame(
                f"{self.url} has {self.number_of_frames} frames; there is none of index "
                f"{frame_index}."
            )
        start = int(self.offsets[frame_index])
        return ByteRange(start, start + int(self.lengths[frame_index]))

    def ranges(self, frame_indices: Iterable[int]) -> list[ByteRange]:
        """Return `range_of` each frame, in the order asked."""
        return [self.range_of(index) for index in frame_indices]

    def missing(self, frame_index: int, data: Buffer) -> ByteRange | None:
        """Return what must be read behind `data` to have the whole frame; mostly None.

        Tables tell where frames begin, so that the end of the last one is a
        guess (a generous one). Append what is read, and ask again until None.
        """
        if frame_index != self.open_ended:
            return None
        start = int(self.offsets[frame_index])
        position = 0
        while position + 8 <= len(data):
            group, number, length = _ITEM_HEADER.unpack_from(data, position)
            if group << 16 | number != ITEM:
                return None
            position += 8 + length
        # Behind the last fragment the next item header must be seen, or the end.
        stop = min(self.size, start + position + 8)
        return ByteRange(start + len(data), stop) if stop > start + len(data) else None

    def payload(self, frame_index: int, data: Buffer) -> memoryview:
        """Return the stored bytes of a frame from the bytes of its range.

        Item headers are checked and removed, fragments joined.

        Raises
        ------
        InvalidDicom
            The items are not where the table says; names the frame and the byte.
        TruncatedObject
            `data`, and so the object, ends within the frame.
        """
        whole = memoryview(data)
        if not self.encapsulated:
            if len(whole) < int(self.lengths[frame_index]):
                raise self._truncated(frame_index)
            return whole
        fragments: list[memoryview] = []
        position = 0
        while len(whole) - position >= 8:
            group, number, length = _ITEM_HEADER.unpack_from(whole, position)
            tag = group << 16 | number
            if tag == SEQUENCE_END and position:
                position = len(whole)
                break
            if tag != ITEM:
                raise self._lying(frame_index, position, f"{tag_name(tag)} is there")
            position += 8
            if length > len(whole) - position:
                if frame_index == self.open_ended:
                    raise self._truncated(frame_index)
                reason = f"its item announces {length} bytes, more than there are"
                raise self._lying(frame_index, position - 8, reason)
            fragments.append(whole[position : position + length])
            position += length
        # A table of lengths may count the padding byte that an item lacks.
        if len(whole) - position > 1:
            raise self._lying(frame_index, position, "no item begins")
        if not any(fragments):
            raise self._lying(frame_index, 0, "the frame is empty")
        return fragments[0] if len(fragments) == 1 else memoryview(b"".join(fragments))

    def _lying(self, frame_index: int, position: int, reason: str) -> InvalidDicom:
        place = int(self.offsets[frame_index]) + position
        return InvalidDicom(
            f"Frame {frame_index + 1} of {self.url} is not where the object says (found by: "
            f"{self.found_by}): at byte {place} {reason}. The object was written wrongly."
        )

    def _truncated(self, frame_index: int) -> TruncatedObject:
        return TruncatedObject(
            f"{self.url} ends within frame {frame_index + 1}, which begins at byte "
            f"{int(self.offsets[frame_index])}. Transfer the object again."
        )

    def to_bytes(self) -> bytes:
        """Encode for keeping; `from_bytes` reads it."""
        head: dict[str, Any] = {
            name: getattr(self, name)
            for name in (
                "url",
                "size",
                "number_of_frames",
                "encapsulated",
                "found_by",
                "open_ended",
                "notes",
                "facts",
            )
        }
        own = {"offsets": self.offsets, "lengths": self.lengths}
        return pack("frames", _VERSION, head, own | self.columns.arrays())

    @classmethod
    def from_bytes(cls, data: bytes | memoryview) -> FrameIndex:
        """Restore an index that was kept; its arrays are views of `data`.

        Raises
        ------
        Unreadable
            A ValueError: written by another release, or damaged. Build it anew.
        """
        head, arrays = unpack("frames", _VERSION, data)
        try:
            count = head["number_of_frames"]
            head["notes"] = tuple(head["notes"])
            found = cls(
                offsets=arrays["offsets"],
                lengths=arrays["lengths"],
                columns=Columns.from_arrays(count, arrays),
                **head,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise Unreadable("A frame index that was kept is damaged.") from error
        for one in (found.offsets, found.lengths):
            if one.dtype != np.uint64 or one.shape != (count,):
                raise Unreadable("A frame index that was kept is damaged.")
        return found


def build(reader: ByteReader, header: Header) -> FrameIndex:
    """Find the frames of an object and what its functional groups say of them.

    Raises
    ------
    NoPixels, TruncatedObject, InvalidDicom
        As `locate_frames` and `read_columns`.
    """
    count = number_of_frames(header)
    found = locate_frames(reader, header)
    size = reader.size
    if header.deflated:
        size = (header.pixel_offset or 0) + (header.pixel_length or 0)
    facts: dict[str, int | str] = {}
    for keyword, tag in _NUMBERS.items():
        if (number := header.unsigned(tag)) is not None:
            facts[keyword] = number
    for keyword, tag in _TEXTS.items():
        if text := header.text(tag):
            facts[keyword] = text
    return FrameIndex(
        url=reader.url,
        size=size,
        number_of_frames=count,
        encapsulated=header.pixel_length is None,
        found_by=found.found_by,
        offsets=found.offsets,
        lengths=found.lengths,
        open_ended=found.open_ended,
        notes=found.notes,
        columns=_columns(header, count),
        facts=facts,
    )


def _columns(header: Header, count: int) -> Columns:
    columns = Columns(count)
    encoding: Any = {"implicit_vr": header.implicit_vr, "little_endian": header.little_endian}
    if groups := header.functional_groups:
        columns = read_columns(
            groups, number_of_frames=count, name=header.url, items=header.items, **encoding
        )
    if shared := header.value(SHARED_GROUPS):
        one = read_columns(shared, **encoding, number_of_frames=None, name=header.url)
        columns = with_shared(columns, one)
    elif count == 1 and not groups:
        columns = root_columns(header)
    return columns
