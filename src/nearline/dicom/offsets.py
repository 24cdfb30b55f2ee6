"""Where the frames of an object lie: tables, TIFF tags, or one scan."""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

import numpy as np

from nearline.dicom import offset_tables, scan, tiff
from nearline.dicom.byte_reader import Buffer, ByteReader
from nearline.dicom.elements import ITEM, UNDEFINED, tag_name
from nearline.dicom.header import Header
from nearline.dicom.native_frames import frame_size, native_offsets
from nearline.dicom.offset_tables import FrameOffsets, Unusable
from nearline.errors import InvalidDicom, NoPixels, TruncatedObject
from nearline.ranges import ByteRange

__all__ = ["locate_frames", "number_of_frames"]

_NATIVE = frozenset(
    (
        "",
        "1.2.840.10008.1.2",
        "1.2.840.10008.1.2.1",
        "1.2.840.10008.1.2.1.99",
        "1.2.840.10008.1.2.2",
    )
)
_RLE = "1.2.840.10008.1.2.5"

_NUMBER_OF_FRAMES = 0x00280008
_ROWS, _COLUMNS = 0x00280010, 0x00280011
_MATRIX_COLUMNS, _MATRIX_ROWS = 0x00480006, 0x00480007
_EXTENDED_OFFSETS, _EXTENDED_LENGTHS = 0x7FE00001, 0x7FE00002

_ITEM_HEADER = Struct("<HHI")
_TIFF_DIRECTORY = 4096
_TIFF_TAIL = 4 << 20
_TIFF_READS = 16


def number_of_frames(header: Header) -> int:
    """Return NumberOfFrames, 1 where it is absent or zero.

    Raises
    ------
    InvalidDicom
        It is no number.
    """
    text = header.text(_NUMBER_OF_FRAMES)
    try:
        return max(1, int(text or 1))
    except ValueError:
        raise InvalidDicom(
            f"{header.url} announces {text!r} frames in (0028,0008), which is no number."
        ) from None


def locate_frames(reader: ByteReader, header: Header) -> FrameOffsets:
    """Find the range of every frame.

    Native frames by arithmetic; encapsulated ones by the Extended Offset
    Table, the Basic Offset Table, the TIFF tags of a dual-personality file, or
    a scan of the whole pixel data, whichever comes first and fits the object.

    Raises
    ------
    NoPixels
        The object has no pixel data.
    TruncatedObject
        It ends before the last frame.
    InvalidDicom
        Its header contradicts itself, its items lie, or fragments cannot be
        told apart into frames.
    """
    if header.pixel_offset is None:
        raise NoPixels(f"{header.url} is a DICOM object without pixel data.")
    count = number_of_frames(header)
    if header.pixel_length is not None:
        return _native(reader, header, count)
    if header.transfer_syntax_uid in _NATIVE:
        raise InvalidDicom(
            f"{header.url} has pixel data (7FE0,0010) of undefined length at byte "
            f"{header.pixel_offset}, although its transfer syntax "
            f"{header.transfer_syntax_uid or '(none)'} does not encapsulate."
        )
    return _Encapsulated(reader, header, count).locate()


def _native(reader: ByteReader, header: Header, count: int) -> FrameOffsets:
    pixel_offset, pixel_length = header.pixel_offset or 0, header.pixel_length or 0
    standard = header.transfer_syntax_uid.startswith("1.2.840.10008.1.2.")
    if standard and header.transfer_syntax_uid not in _NATIVE:
        raise InvalidDicom(
            f"{header.url} has pixel data (7FE0,0010) of {pixel_length} bytes at byte "
            f"{pixel_offset}, but its transfer syntax {header.transfer_syntax_uid} asks "
            "for encapsulated frames."
        )
    size = frame_size(header)
    if size is None:
        raise InvalidDicom(
            f"{header.url} does not say how large its frames are: Rows (0028,0010), Columns "
            "(0028,0011) and Bits Allocated (0028,0100) must be there and not zero."
        )
    needed = size.span(count - 1)[1]
    stored = pixel_length
    if not header.deflated:
        stored = min(stored, reader.size - pixel_offset)
    if needed > stored:
        if pixel_length > stored:
            raise TruncatedObject(
                f"{header.url} ends at byte {reader.size}, within its pixel data, which reaches to "
                f"byte {pixel_offset + pixel_length}. Transfer the object again."
            )
        raise InvalidDicom(
            f"{header.url} has {pixel_length} bytes of pixel data at byte "
            f"{pixel_offset}, but its {count} frames need {needed}."
        )
    return native_offsets(size, pixel_offset, count)


class _Encapsulated:
    """One search for encapsulated frames."""

    def __init__(self, reader: ByteReader, header: Header, count: int) -> None:
        self._reader = reader
        self._header = header
        self._count = count
        self._pixels = header.pixel_offset or 0
        if count > max(1, (reader.size - self._pixels) // 8):
            raise TruncatedObject(
                f"{header.url} announces {count} frames, which do not fit into its "
                f"{reader.size} bytes. Transfer the object again, or correct (0028,0008)."
            )

    def locate(self) -> FrameOffsets:
        table = self._basic_table()
        first_item = self._pixels + 8 + len(table)
        notes: list[str] = []
        ways: tuple[tuple[str, Callable[[], FrameOffsets | None]], ...] = (
            ("The Extended Offset Table", lambda: self._extended(first_item)),
            ("The Basic Offset Table", lambda: self._basic(table, first_item)),
            ("A single frame", lambda: self._single(first_item)),
            ("The TIFF tags", lambda: self._tiff(first_item)),
        )
        for name, found in ways:
            try:
                offsets = found()
            except Unusable as reason:
                notes.append(f"{name} cannot be used: {reason}.")
                continue
            if offsets is not None:
                return self._noted(offsets, notes)
        return self._noted(self._scan(first_item), notes)

    def _noted(self, found: FrameOffsets, notes: list[str]) -> FrameOffsets:
        return FrameOffsets(
            found.offsets,
            found.lengths,
            found.found_by,
            found.open_ended,
            (*notes, *found.notes),
        )

    def _bytes(self, start: int, stop: int) -> Buffer:
        """Return bytes of the offset table, read only if they did not come with the header."""
        came = self._header.behind
        if stop <= self._pixels + len(came):
            return memoryview(came)[start - self._pixels : stop - self._pixels]
        return self._reader.read(start, stop)

    def _basic_table(self) -> Buffer:
        size, pixels = self._reader.size, self._pixels
        if pixels + 8 > size:
            raise TruncatedObject(
                f"{self._header.url} ends at byte {size}, where its pixel data begins. "
                "Transfer the object again."
            )
        # A table comes along with its item header; beside an extended one it is empty.
        expected = 0 if self._header.value(_EXTENDED_OFFSETS) else 4 * self._count
        came = len(self._header.behind) >= 8
        at_hand = self._bytes(pixels, pixels + 8 if came else min(size, pixels + 8 + expected))
        group, number, length = _ITEM_HEADER.unpack_from(at_hand)
        tag = group << 16 | number
        if tag != ITEM or length == UNDEFINED:
            raise InvalidDicom(
                f"{self._header.url} is not valid DICOM: its pixel data (7FE0,0010) begins with "
                f"{tag_name(tag)} at byte {pixels}, not with an offset table item."
            )
        stop = pixels + 8 + length
        if stop > size:
            raise TruncatedObject(
                f"{self._header.url} ends at byte {size}, within its Basic Offset Table, which "
                f"reaches to byte {stop}. Transfer the object again."
            )
        if 8 + length <= len(at_hand):
            return memoryview(at_hand)[8 : 8 + length]
        return self._bytes(pixels + 8, stop)

    def _extended(self, first_item: int) -> FrameOffsets | None:
        table = self._header.value(_EXTENDED_OFFSETS)
        if not table:
            return None
        return offset_tables.extended(
            table,
            self._header.value(_EXTENDED_LENGTHS) or None,
            first_item=first_item,
            number_of_frames=self._count,
            size=self._reader.size,
        )

    def _basic(self, table: Buffer, first_item: int) -> FrameOffsets | None:
        if not len(table):
            return None
        return offset_tables.basic(
            memoryview(table),
            first_item=first_item,
            number_of_frames=self._count,
            size=self._reader.size,
        )

    def _single(self, first_item: int) -> FrameOffsets | None:
        """Let the only frame take all fragments, to the end of the object."""
        if self._count != 1:
            return None
        length = self._reader.size - first_item
        return FrameOffsets(
            np.array([first_item], np.uint64), np.array([length], np.uint64), "single frame", 0
        )

    def _tiff(self, first_item: int) -> FrameOffsets | None:
        found = tiff.header(self._header.preamble)
        if found is None:
            return None
        images = self._directories(found)
        rows, columns = self._header.unsigned(_ROWS), self._header.unsigned(_COLUMNS)
        width = self._header.unsigned(_MATRIX_COLUMNS) or columns
        height = self._header.unsigned(_MATRIX_ROWS) or rows
        ours = [
            one
            for one in images
            if (one.tile_width, one.tile_height) == (columns, rows)
            and (one.width, one.height) in ((width, height), (columns, rows))
        ]
        for chosen in ([one for one in ours if len(one.offsets) == self._count][:1], ours):
            if sum(len(one.offsets) for one in chosen) == self._count:
                return offset_tables.contiguous(
                    np.concatenate([one.offsets for one in chosen]),
                    np.concatenate([one.lengths for one in chosen]),
                    first_item=first_item,
                    number_of_frames=self._count,
                    size=self._reader.size,
                )
        raise Unusable(f"no image of theirs has {self._count} tiles of {columns} x {rows}")

    def _directories(self, found: tiff.TiffHeader) -> list[tiff.Directory]:
        pieces = tiff.Pieces(self._reader.size)
        pieces.add(0, self._reader.prefix)
        # A directory's arrays lie beside it as a rule, and these are their bytes. What lies
        # behind them may be large: an ICC profile, a description.
        near = self._count * (16 if found.big else 8) + _TIFF_DIRECTORY
        try:
            for _ in range(_TIFF_READS):
                try:
                    return tiff.directories(found, pieces, tiles=self._count)
                except tiff.Elsewhere as places:
                    spans = list(places.arrays)
                    if places.directory is not None:
                        spans.append(self._around(places.directory, near))
                        near = max(near, min(2 * near, _TIFF_TAIL))
                    for span, data in zip(spans, self._reader.read_many(spans), strict=True):
                        pieces.add(span.start, data)
        except tiff.NotTiff:
            pass
        raise Unusable("their directories cannot be followed")

    def _around(self, place: ByteRange, length: int) -> ByteRange:
        """Return `length` bytes from a place on; where the file ends before, some from before."""
        stop = max(place.stop, min(place.start + length, self._reader.size))
        return ByteRange(max(0, min(place.start, stop - length)), stop)

    def _scan(self, first_item: int) -> FrameOffsets:
        url, size = self._header.url, self._reader.size
        try:
            found = scan.follow_items(self._reader.scan(first_item, size), first_item)
            return scan.group_into_frames(
                found,
                number_of_frames=self._count,
                one_each=self._header.transfer_syntax_uid == _RLE,
            )
        except scan.Broken as fault:
            kind = TruncatedObject if fault.truncated else InvalidDicom
            raise kind(
                f"{url} has damaged pixel data (7FE0,0010): {fault.reason}, at byte "
                f"{fault.position} of {size}. Transfer the object again."
            ) from None
        except scan.Undecidable as reason:
            raise InvalidDicom(
                f"{url} does not tell where its frames begin: {reason}. It needs an offset table."
            ) from None
