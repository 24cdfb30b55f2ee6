"""The header of a DICOM object: everything before the pixels, read in few round trips."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nearline.dicom.artefact import Unreadable, pack, unpack
from nearline.dicom.byte_reader import ByteReader
from nearline.dicom.damage import damage_told
from nearline.dicom.elements import Encoding, element_places
from nearline.dicom.item_chain import ItemChain
from nearline.traffic import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydicom.dataset import FileDataset

__all__ = ["PER_FRAME_GROUPS", "PIXEL_KEYWORDS", "SHARED_GROUPS", "Header"]

PER_FRAME_GROUPS: Final = 0x52009230
SHARED_GROUPS: Final = 0x52009229
PIXEL_KEYWORDS: Final = {
    0x7FE00008: "FloatPixelData",
    0x7FE00009: "DoubleFloatPixelData",
    0x7FE00010: "PixelData",
}

_LARGE = 256 * 1024
_VERSION = 1
_NOT_IN_HEAD = frozenset(("url", "preamble", "file_meta", "elements", "behind"))


@dataclass(slots=True)
class Header:
    """What an object says before its pixels, still encoded.

    Attributes
    ----------
    url : str
        For messages.
    transfer_syntax_uid : str
        Empty where the file meta information names none.
    implicit_vr, little_endian, deflated : bool
        How the dataset is written.
    preamble : bytes
        The 128 bytes before ``DICM``; a TIFF header in dual-personality files. Empty where there
        is no ``DICM`` either.
    file_meta : bytes
        Encoded group 0002 (and group 0000, should there be one).
    dataset_offset : int
        Of the first byte behind `file_meta`, in the object.
    elements : bytes
        Encoded dataset up to the pixel data, without the Per-Frame Functional
        Groups Sequence.
    groups_offset, groups_length : int or None
        Where the value of that sequence lies, in bytes; None without one.
        Items only: a sequence delimiter is not counted.
    pixel_keyword : {"PixelData", "FloatPixelData", "DoubleFloatPixelData"} or None
        None for an object without pixels.
    pixel_vr : str
        As written; empty in implicit VR.
    pixel_offset : int or None
        Of the first byte of the pixel data's value.
    pixel_length : int or None
        Bytes of that value; None when undefined (encapsulated).
    left : list of (int, str, int, int)
        Tag, VR, offset and length of values that `elements` lacks, because whoever read the
        header left them in the object.
    behind : bytes
        Bytes from `pixel_offset` on that came along, at most an offset table's; not kept.

    Notes
    -----
    In a deflated object, offsets behind `dataset_offset` are those of
    `InflatedReader`.
    """

    url: str
    transfer_syntax_uid: str
    implicit_vr: bool
    little_endian: bool
    deflated: bool
    preamble: bytes
    file_meta: bytes
    dataset_offset: int
    elements: bytes
    groups_offset: int | None = None
    groups_length: int | None = None
    pixel_keyword: str | None = None
    pixel_vr: str = ""
    pixel_offset: int | None = None
    pixel_length: int | None = None
    left: list[tuple[int, str, int, int]] = field(default_factory=list)
    behind: bytes = field(default=b"", repr=False, compare=False)
    _groups: bytes | None = field(default=None, repr=False)
    _items: ItemChain | None = field(default=None, repr=False, compare=False)
    _reader: ByteReader | None = field(default=None, repr=False, compare=False)
    _places: dict[int, tuple[int, int]] | None = field(default=None, repr=False, compare=False)

    @property
    def encoding(self) -> Encoding:
        """How the dataset's elements are written."""
        return Encoding(self.implicit_vr, self.little_endian)

    @property
    def functional_groups(self) -> bytes | None:
        """The encoded items of the Per-Frame Functional Groups Sequence; None without one.

        A header that was kept does not carry them: they are read from the
        object, whose bytes the cache holds, when first asked for.
        """
        if self._groups is None and self.groups_offset is not None:
            if self._reader is None:
                raise RuntimeError("This header was restored without a reader.")
            reader = self._reader
            if self.deflated:
                from nearline.dicom.deflated import InflatedReader

                reader = InflatedReader(reader, self)
            stop = self.groups_offset + (self.groups_length or 0)
            self._groups = bytes(reader.read(self.groups_offset, stop))
        return self._groups

    @property
    def items(self) -> ItemChain | None:
        """Where the items of `functional_groups` lie, if their end had to be looked for."""
        return self._items

    def tags(self) -> list[int]:
        """Return the tags of the top-level elements, in their order."""
        return list(self._places_of_elements())

    def _places_of_elements(self) -> dict[int, tuple[int, int]]:
        if self._places is None:
            self._places = element_places(self.elements, self.encoding)
        return self._places

    def value(self, tag: int) -> memoryview | None:
        """Return the encoded value of a top-level element; None without one."""
        place = self._places_of_elements().get(tag)
        return None if place is None else memoryview(self.elements)[place[0] : place[1]]

    def text(self, tag: int) -> str:
        """Return the first value of a text element, stripped; empty without one."""
        value = self.value(tag) or b""
        return bytes(value).split(b"\\")[0].strip(b" \0").decode("latin-1")

    def unsigned(self, tag: int) -> int | None:
        """Return the first value of a US or UL element; None without one."""
        value = self.value(tag)
        if value is None or len(value) < 2:
            return None
        width = 4 if len(value) == 4 else 2
        return int.from_bytes(value[:width], "little" if self.little_endian else "big")

    def dataset(self, specific_tags: Sequence[int] | None = None) -> FileDataset:
        """Parse the header with pydicom, file meta information included.

        Equal to ``pydicom.dcmread(..., stop_before_pixels=True)``; the
        per-frame functional groups and values that were left in the object
        are in it unparsed, until asked for.

        Parameters
        ----------
        specific_tags : sequence of int, optional
            Only these elements, and what describes the encoding of their text.

        Raises
        ------
        InvalidDicom
            pydicom cannot parse it.
        """
        import pydicom
        from pydicom.dataelem import RawDataElement
        from pydicom.tag import BaseTag

        count("parsed_headers")
        body = self.elements
        if self.deflated:
            stored = zlib.compressobj(0, zlib.DEFLATED, -zlib.MAX_WBITS)
            body = stored.compress(body) + stored.flush()
        start = self.preamble + b"DICM" if self.preamble else b""
        whole = BytesIO(b"".join((start, self.file_meta, body)))
        tags = None if specific_tags is None else list(specific_tags)
        with damage_told(f"pydicom cannot parse the header of {self.url}"):
            found = pydicom.dcmread(
                whole, stop_before_pixels=True, specific_tags=tags, force=not start
            )
        for tag, vr, offset, length in self.left:
            if self._reader is not None and (tags is None or tag in tags):
                from nearline.dicom.late_element import late_element

                found[tag] = late_element(self._reader, self.encoding, tag, vr, offset, length)
        if self.groups_offset is not None and (tags is None or PER_FRAME_GROUPS in tags):
            late = self._reads_groups_again
            groups = None if late else self.functional_groups
            element = (
                BaseTag(PER_FRAME_GROUPS),
                None if self.implicit_vr else "SQ",
                self.groups_length or 0,
                groups or (None if late else b""),
                self.groups_offset,
                self.implicit_vr,
                self.little_endian,
            )
            if late and self._reader is not None:
                from nearline.dicom.late_element import LateElement

                found[PER_FRAME_GROUPS] = LateElement(self._reader, *element)
            else:
                found[PER_FRAME_GROUPS] = RawDataElement(*element)
        return found

    @property
    def _reads_groups_again(self) -> bool:
        """Whether a Dataset need not hold the bytes of the functional groups."""
        large = (self.groups_length or 0) > _LARGE
        return large and not self.deflated and getattr(self._reader, "reads_again", False)

    def to_bytes(self) -> bytes:
        """Encode for keeping; `from_bytes` reads it."""
        head = {
            name: getattr(self, name)
            for name in self.__slots__
            if not name.startswith("_") and name not in _NOT_IN_HEAD
        }
        arrays = {
            name: np.frombuffer(getattr(self, name), np.uint8)
            for name in ("preamble", "file_meta", "elements")
        }
        return pack("header", _VERSION, head, arrays)

    @classmethod
    def from_bytes(cls, data: bytes | memoryview, reader: ByteReader) -> Header:
        """Restore a header that was kept for the object of `reader`.

        Raises
        ------
        Unreadable
            A ValueError: written by another release, or damaged. Read the header anew.
        """
        head, arrays = unpack("header", _VERSION, data)
        try:
            body: dict[str, Any] = {name: one.tobytes() for name, one in arrays.items()}
            found = cls(url=reader.url, _reader=reader, **head, **body)
            found._check()
        except (TypeError, ValueError) as error:
            raise Unreadable("A header that was kept is damaged.") from error
        return found

    def _check(self) -> None:
        numbers = ("dataset_offset", "groups_offset", "groups_length", "pixel_offset")
        for name in (*numbers, "pixel_length"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < 0):
                raise Unreadable("A header that was kept is damaged.")
        flags = (self.implicit_vr, self.little_endian, self.deflated)
        texts = (self.transfer_syntax_uid, self.pixel_vr, self.pixel_keyword or "")
        if not all(type(one) is bool for one in flags) or not all(type(t) is str for t in texts):
            raise Unreadable("A header that was kept is damaged.")
        if self.pixel_keyword not in (None, *PIXEL_KEYWORDS.values()):
            raise Unreadable("A header that was kept is damaged.")
        for one in self.left:
            tag, vr, offset, length = one
            if type(vr) is not str or not all(type(n) is int for n in (tag, offset, length)):
                raise Unreadable("A header that was kept is damaged.")
        if (self.groups_offset is None) != (self.groups_length is None):
            raise Unreadable("A header that was kept is damaged.")
        if (self.pixel_keyword is None) != (self.pixel_offset is None):
            raise Unreadable("A header that was kept is damaged.")
