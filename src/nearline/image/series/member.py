"""One object of a series: its header, where its frame lies, what sorts it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nearline.dicom.artefact import Unreadable
from nearline.dicom.codecs.frame_format import FrameFormat
from nearline.dicom.deflated import InflatedReader
from nearline.dicom.frame_index import FrameIndex, build
from nearline.dicom.header import Header
from nearline.dicom.header_reading import read_header
from nearline.errors import InvalidDicom
from nearline.image.reading.frames import Part

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from nearline.fetch.reader import Reader

__all__ = ["Member", "format_of", "open_member"]

_HEADER, _FRAMES = "header", "frames"

_SOP_CLASS = 0x00080016
_MODALITY = 0x00080060
_DESCRIPTION = 0x0008103E
_SERIES = 0x0020000E
_INSTANCE_NUMBER = 0x00200013
_FRAME_OF_REFERENCE = 0x00200052
_CONTAINER = 0x00400512
_POSITION = 0x00200032
_ORIENTATION = 0x00200037
_SPACING = 0x00280030

# Everything that decides how stored values become those asked for: Image Pixel, windows, rescaling,
# lookup tables and palettes (group 0028), real world values, presentation, profiles.
_PIXEL_GROUP = 0x0028
_RENDERING = (0x00082218, 0x00409096, 0x00480105, 0x20500010, 0x20500020, 0x52009229, 0x52009230)
_OF_ONE_FRAME = frozenset([0x00280106, 0x00280107, 0x00280303])
"""Of group 0028, what differs from frame to frame and changes nothing."""


@dataclass(eq=False)
class Member:
    """One DICOM object that was found.

    Attributes
    ----------
    reader : Reader
    header : Header
    index : FrameIndex or None
        None for an object without pixels.
    """

    reader: Reader
    header: Header
    index: FrameIndex | None

    @property
    def url(self) -> str:
        """Of the object."""
        return self.reader.url

    @cached_property
    def series_uid(self) -> str:
        """Series Instance UID."""
        return self.header.text(_SERIES)

    @property
    def frame_of_reference(self) -> str:
        """Frame of Reference UID; empty without one."""
        return self.header.text(_FRAME_OF_REFERENCE)

    @property
    def sop_class(self) -> str:
        """SOP Class UID."""
        return self.header.text(_SOP_CLASS)

    @property
    def modality(self) -> str:
        """As written."""
        return self.header.text(_MODALITY)

    @property
    def description(self) -> str:
        """Series Description, in the object's own character set."""
        held = self.header.value(_DESCRIPTION)
        if not held:
            return ""
        if bytes(held).isascii() and b"\x1b" not in bytes(held):
            return bytes(held).decode().strip(" \0")
        return str(self.header.dataset([_DESCRIPTION]).get("SeriesDescription") or "")

    @property
    def instance_number(self) -> int:
        """As written; 0 without one."""
        text = self.header.text(_INSTANCE_NUMBER)
        try:
            return int(text or 0)
        except ValueError:
            return 0

    @property
    def number_of_frames(self) -> int:
        """0 without pixels."""
        return 0 if self.index is None else self.index.number_of_frames

    @property
    def unfit(self) -> str:
        """Why it cannot be a slice of a volume; empty if it can."""
        if self.index is None:
            return "it has no pixels"
        if self.number_of_frames != 1 or self.header.groups_offset is not None:
            return f"it is an image of {self.number_of_frames} frames; open it with imread"
        if self.header.value(_CONTAINER) is not None and self.header.value(_POSITION) is None:
            return "it is a slide, which has no place in a patient"
        lacking = [
            name
            for name, tag in (
                ("ImagePositionPatient", _POSITION),
                ("ImageOrientationPatient", _ORIENTATION),
                ("PixelSpacing", _SPACING),
                ("FrameOfReferenceUID", _FRAME_OF_REFERENCE),
            )
            if not self.header.value(tag)
        ]
        return f"it has no {' and no '.join(lacking)}" if lacking else ""

    @cached_property
    def rendering_key(self) -> bytes:
        """Equal for objects whose stored values are taken through the same transforms."""
        pieces = [self.header.transfer_syntax_uid.encode()]
        for tag in self.header.tags():
            if tag in _RENDERING or (tag >> 16 == _PIXEL_GROUP and tag not in _OF_ONE_FRAME):
                pieces += [tag.to_bytes(4, "big"), bytes(self.header.value(tag) or b"")]
        # Values left in the object are lookup tables, which differ for all we know.
        pieces += [f"{self.url} {offset}".encode() for _, _, offset, _ in self.header.left]
        return b"\0".join(pieces)

    def dataset(self) -> Dataset:
        """Parse the header."""
        return self.header.dataset()

    def part(self, first: int) -> Part:
        """Return it as the part of an image that begins with frame `first`."""
        if self.index is None:
            raise ValueError("There are no frames.")
        inflated = InflatedReader(self.reader, self.header) if self.header.deflated else None
        return Part(self.reader, self.index, first, inflated)

    def __reduce__(self) -> tuple[Any, ...]:
        index = None if self.index is None else self.index.to_bytes()
        return _revived, (self.reader, self.header.to_bytes(), index)


def open_member(reader: Reader) -> Member:
    """Read the header of an object, or take what was kept of it.

    Raises
    ------
    NotDicom, InvalidDicom
        It is no DICOM file, or a damaged one.
    """
    # Of an object that was not known nothing can have been kept.
    kept = None if len(reader.prefix) else reader.artefact(_HEADER)
    if kept is not None:
        try:
            header = Header.from_bytes(kept, reader)
            frames = None if header.pixel_keyword is None else reader.artefact(_FRAMES)
            if header.pixel_keyword is None:
                return Member(reader, header, None)
            if frames is not None:
                return Member(reader, header, FrameIndex.from_bytes(frames))
        except Unreadable:
            pass
    header = read_header(reader)
    index = None
    if header.pixel_keyword is not None:
        index = build(InflatedReader(reader, header) if header.deflated else reader, header)
        reader.keep(_FRAMES, index.to_bytes())
    reader.keep(_HEADER, header.to_bytes())
    return Member(reader, header, index)


def format_of(member: Member, known: dict[bytes, FrameFormat]) -> FrameFormat:
    """Return how the frame is encoded; `known` remembers it for objects that say the same."""
    key = member.rendering_key
    found = known.get(key)
    if found is None:
        header = member.header
        try:
            found = FrameFormat.from_dataset(
                header.dataset(),
                header.transfer_syntax_uid,
                pixel_keyword=header.pixel_keyword,
                pixel_vr=header.pixel_vr,
            )
        except InvalidDicom as fault:
            raise InvalidDicom(f"{member.url}: {fault}") from None
        known[key] = found
    return found


def _revived(reader: Reader, header: bytes, index: bytes | None) -> Member:
    found = None if index is None else FrameIndex.from_bytes(index)
    return Member(reader, Header.from_bytes(header, reader), found)
