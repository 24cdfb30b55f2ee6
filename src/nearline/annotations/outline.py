"""What an annotations object says of itself, and where its arrays lie; read once, then kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nearline.dicom.artefact import Unreadable, pack, unpack
from nearline.dicom.deflated import InflatedReader
from nearline.dicom.header import Header
from nearline.dicom.header_reading import read_header
from nearline.dicom.skimming import Cut, SkimmedItem, skim
from nearline.errors import WrongKind

if TYPE_CHECKING:
    from nearline.dicom.byte_reader import ByteReader
    from nearline.dicom.elements import Element, Encoding
    from nearline.dicom.window import Window
    from nearline.fetch.reader import Reader

__all__ = [
    "ANNOTATION_INDICES",
    "COORDINATES",
    "DOUBLE_COORDINATES",
    "GROUPS",
    "MEASUREMENTS",
    "MEASUREMENT_VALUES",
    "POINT_INDICES",
    "VALUES",
    "Outline",
    "open_outline",
]

GROUPS = 0x006A0002
COORDINATES = 0x00660016
DOUBLE_COORDINATES = 0x00660022
POINT_INDICES = 0x00660040
MEASUREMENTS = 0x00660121
MEASUREMENT_VALUES = 0x00660132
VALUES = 0x00660125
ANNOTATION_INDICES = 0x006A0011

_SOP_CLASS = 0x00080016
_BULK_SIMPLE_ANNOTATIONS = "1.2.840.10008.5.1.4.1.1.91.1"

_ARRAYS = frozenset((COORDINATES, DOUBLE_COORDINATES, POINT_INDICES, VALUES, ANNOTATION_INDICES))
_FOLLOWED = frozenset((MEASUREMENTS, MEASUREMENT_VALUES))
_LARGE = 1 << 20
_NAME, _VERSION = "annotations", 1


@dataclass(slots=True)
class Outline:
    """An annotations object without its arrays.

    Attributes
    ----------
    reader : Reader
    header : Header
        The elements of the dataset without the groups.
    items : list of SkimmedItem
        The groups. Offsets in a deflated object are those in the inflated one.
    """

    reader: Reader
    header: Header
    items: list[SkimmedItem]
    _inflated: InflatedReader | None = None

    @property
    def source(self) -> ByteReader:
        """Where the offsets are valid."""
        if not self.header.deflated:
            return self.reader
        if self._inflated is None:
            self._inflated = InflatedReader.whole(self.reader, self.header.dataset_offset)
        return self._inflated

    def to_bytes(self) -> bytes:
        """Encode for keeping; `from_bytes` reads it."""
        layout = [[len(one.elements), one.cuts] for one in self.items]
        parts = {
            "header": self.header.to_bytes(),
            "elements": b"".join(one.elements for one in self.items),
        }
        arrays = {name: np.frombuffer(part, np.uint8) for name, part in parts.items()}
        return pack(_NAME, _VERSION, {"items": layout}, arrays)

    @classmethod
    def from_bytes(cls, data: bytes, reader: Reader) -> Outline:
        """Restore what was kept for the object of `reader`.

        Raises
        ------
        Unreadable
            Written by another release, or damaged.
        """
        head, arrays = unpack(_NAME, _VERSION, data)
        try:
            header = Header.from_bytes(arrays["header"].tobytes(), reader)
            elements, position = arrays["elements"].tobytes(), 0
            items = []
            for length, cuts in head["items"]:
                found = [_cut(*one) for one in cuts]
                items.append(SkimmedItem(elements[position : position + length], found))
                position += length
        except (LookupError, TypeError, ValueError) as error:
            raise Unreadable("An outline that was kept is damaged.") from error
        return cls(reader, header, items)

    def __deepcopy__(self, memo: dict[int, Any]) -> Outline:
        return self  # nothing in it is changed

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (self.to_bytes(), self.reader)


def _reopened(data: bytes, reader: Reader) -> Outline:
    return Outline.from_bytes(data, reader)


def _cut(path: Sequence[int], tag: int, vr: str, offset: int, length: int) -> Cut:
    if not all(type(one) is int and one >= 0 for one in (*path, tag, offset, length)):
        raise Unreadable("An outline that was kept is damaged.")
    return Cut(tuple(path), tag, str(vr), offset, length)


def open_outline(reader: Reader) -> Outline:
    """Return the outline of the object of `reader`, from the cache where it is known.

    Raises
    ------
    NotDicom, InvalidDicom
        The object is no DICOM file, or a damaged one.
    WrongKind
        It holds no bulk annotations.
    """
    kept = reader.artefact(_NAME)
    if kept is not None:
        try:
            return Outline.from_bytes(kept, reader)
        except Unreadable:
            pass
    items: list[SkimmedItem] = []

    def later(
        source: ByteReader, window: Window, element: Element, encoding: Encoding
    ) -> int | None:
        if element.tag != GROUPS:
            large = element.length is not None and element.length > _LARGE
            return element.value + (element.length or 0) if large else None
        stop, found = skim(
            source,
            window.data,
            window.base,
            element,
            encoding,
            leave=_ARRAYS,
            follow=_FOLLOWED,
        )
        items.extend(found)
        return stop

    header = read_header(reader, later=later)
    if header.text(_SOP_CLASS) != _BULK_SIMPLE_ANNOTATIONS:
        raise _wrong_kind(header)
    header.left = [one for one in header.left if one[0] != GROUPS]
    outline = Outline(reader, header, items)
    if isinstance(header._reader, InflatedReader):
        outline._inflated = header._reader
    reader.keep(_NAME, outline.to_bytes())
    return outline


def _wrong_kind(header: Header) -> WrongKind:
    from pydicom.uid import UID

    found = UID(header.text(_SOP_CLASS)).name or "nothing"
    return WrongKind(
        f"{header.url} holds {found}, not Microscopy Bulk Simple Annotations. Read images with "
        "nearline.imread, reports with nearline.srread, anything else with nearline.dcmread."
    )
