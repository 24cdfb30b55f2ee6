"""The content tree of a structured report (PS3.3 C.17.3), straight from its bytes.

A report of 500 groups has 50,000 elements. No object is made of any but the
content items; their values are decoded when somebody asks for them.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import NamedTuple

from nearline.dicom.elements import (
    ITEM,
    ITEM_END,
    MAX_DEPTH,
    SEQUENCE_END,
    UNDEFINED,
    Encoding,
    Incomplete,
    Malformed,
    element_places,
    read_element,
    read_item,
    skip_sequence,
    tag_name,
)
from nearline.dicom.header import Header
from nearline.errors import InvalidDicom

__all__ = ["Concept", "ContentItem", "ContentTree", "content_tree"]

_CONTENT = 0x0040A730
_VALUE_TYPE = 0x0040A040
_NAME = 0x0040A043

_CODE_VALUES = (0x00080100, 0x00080119, 0x00080120)
_SCHEME = 0x00080102
_MEANING = 0x00080104

_EXPLICIT = {True: Struct("<HH2sH").unpack_from, False: Struct(">HH2sH").unpack_from}
_SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())


class Concept(NamedTuple):
    """A code; `value` and `scheme` are empty where it is missing.

    Codes of SNOMED RT are translated to SNOMED CT, as pydicom does to compare them.
    """

    value: str
    scheme: str
    meaning: str

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from other codes."""
        return self.value, self.scheme


class ContentItem:
    """One node of the tree.

    Attributes
    ----------
    value_type : str
        ``CONTAINER``, ``NUM``, ``CODE``, ``IMAGE``, ...
    name : Concept
        Of what it is.
    children : list of ContentItem
    """

    __slots__ = ("_places", "_tree", "children", "name", "value_type")

    def __init__(
        self,
        tree: ContentTree,
        places: dict[int, tuple[int, int]],
        children: list[ContentItem],
    ) -> None:
        self._tree = tree
        self._places = places
        self.children = children
        self.value_type = self.plain(_VALUE_TYPE)
        self.name = self.concept(_NAME)

    def raw(self, tag: int) -> bytes:
        """Return an encoded value; empty without one."""
        start, stop = self._places.get(tag, (0, 0))
        return self._tree.buffer[start:stop]

    def plain(self, tag: int) -> str:
        """Return a value of the default character set."""
        return self.raw(tag).strip(b" \0").decode("latin-1")

    def text(self, tag: int) -> str:
        """Return a text."""
        return self._tree.decode(self.raw(tag))

    def concept(self, tag: int) -> Concept:
        """Return the code that a code sequence holds."""
        return self._tree.concept(self.raw(tag))

    def items(self, tag: int) -> list[dict[int, bytes]]:
        """Return the items of a sequence: encoded values by tag."""
        return self._tree.datasets(self.raw(tag))


class ContentTree:
    """What the nodes of one report share.

    Parameters
    ----------
    buffer : bytes
        The encoded dataset.
    encoding : Encoding
    url : str
        For messages.
    charset : str
        Value of Specific Character Set.
    """

    def __init__(self, buffer: bytes, encoding: Encoding, url: str, charset: str) -> None:
        self.buffer = buffer
        self.encoding = encoding
        self.url = url
        self._charset = charset
        self._concepts: dict[bytes, Concept] = {b"": Concept("", "", "")}
        self._decoder: Callable[[bytes], str] | None = None

    # --- structure ----------------------------------------------------------

    def content(
        self, position: int, stop: int | None, depth: int = 0
    ) -> tuple[list[ContentItem], int]:
        """Read the items of a content sequence; return them and the offset behind it."""
        if depth > MAX_DEPTH:
            raise Malformed(f"Content items are nested deeper than {MAX_DEPTH} levels", position)
        found: list[ContentItem] = []
        little = self.encoding.little_endian
        while stop is None or position < stop:
            tag, length = read_item(self.buffer, position, little_endian=little)
            if tag == SEQUENCE_END and stop is None:
                return found, position + 8
            if tag != ITEM:
                raise Malformed(f"Found {tag_name(tag)} where an item is due", position)
            position += 8
            end = None if length == UNDEFINED else position + length
            item, position = self._item(position, end, depth)
            found.append(item)
        if stop is not None and position > stop:
            raise Malformed("An item reaches past its sequence", position)
        return found, position

    def _item(self, position: int, stop: int | None, depth: int) -> tuple[ContentItem, int]:
        places: dict[int, tuple[int, int]] = {}
        children: list[ContentItem] = []
        buffer, size = self.buffer, len(self.buffer)
        implicit, little = self.encoding
        explicit = _EXPLICIT[little]
        while stop is None or position < stop:
            start = position
            if not implicit and position + 8 <= size:
                group, number, vr, short = explicit(buffer, position)
            else:
                vr = b""
            length: int | None
            if vr in _SHORT_VRS:
                tag, value, length = group << 16 | number, position + 8, short
            else:
                one = read_element(buffer, position, self.encoding)
                tag, value, length = one.tag, one.value, one.length
            if tag == ITEM_END and stop is None:
                return ContentItem(self, places, children), value
            if tag in (ITEM, ITEM_END, SEQUENCE_END):
                raise Malformed(f"Found {tag_name(tag)} within an item", start)
            if tag == _CONTENT:
                end = None if length is None else value + length
                children, position = self.content(value, end, depth + 1)
                continue
            if length is None:
                position = skip_sequence(buffer, value, self.encoding)
                places[tag] = (value, position - 8)
            else:
                position = value + length
                places[tag] = (value, position)
            if position > (size if stop is None else stop):
                raise Malformed(f"{tag_name(tag)} reaches past its item", start)
        if position > size:
            raise Incomplete(position)
        return ContentItem(self, places, children), position

    # --- values ---------------------------------------------------------------

    def datasets(self, raw: bytes) -> list[dict[int, bytes]]:
        """Decode the items of a sequence."""
        found, position = [], 0
        little = self.encoding.little_endian
        while position + 8 <= len(raw):
            tag, length = read_item(raw, position, little_endian=little)
            if tag != ITEM:
                break
            position += 8
            # Whatever is behind the delimiter of an item is not read as its element.
            item = raw[position:] if length == UNDEFINED else raw[position : position + length]
            values = {}
            for one, (start, stop) in element_places(item, self.encoding).items():
                if one == ITEM_END:
                    position += stop
                    break
                values[one] = item[start:stop]
            if length != UNDEFINED:
                position += length
            found.append(values)
        return found

    def concept(self, raw: bytes) -> Concept:
        """Decode the first item of a code sequence; the same bytes only once."""
        found = self._concepts.get(raw)
        if found is None:
            values = next(iter(self.datasets(raw)), {})
            value = next((values[tag] for tag in _CODE_VALUES if tag in values), b"")
            meaning = self.decode(values.get(_MEANING, b""))
            scheme = values.get(_SCHEME, b"").strip(b" \0").decode("latin-1")
            found = _canonical(self.decode(value), scheme, meaning)
            self._concepts[raw] = found
        return found

    def decode(self, raw: bytes) -> str:
        """Decode text in the report's character set."""
        if raw.isascii() and b"\x1b" not in raw:
            return raw.decode().strip(" \0")
        if self._decoder is None:
            self._decoder = _decoder(self._charset)
        return self._decoder(raw).strip(" \0")


def _decoder(charset: str) -> Callable[[bytes], str]:
    from pydicom.charset import convert_encodings, decode_bytes, default_encoding

    names = convert_encodings(charset.split("\\")) if charset else [default_encoding]
    return lambda raw: str(decode_bytes(raw, names, set()))


def _canonical(value: str, scheme: str, meaning: str) -> Concept:
    if scheme == "SRT":
        from pydicom.sr._snomed_dict import mapping

        translated = mapping["SRT"].get(value)
        if translated is not None:
            return Concept(translated, "SCT", meaning)
    return Concept(value, scheme, meaning)


def content_tree(header: Header) -> ContentItem:
    """Return the root of the content tree of a report.

    Parameters
    ----------
    header : Header
        The whole dataset.

    Raises
    ------
    InvalidDicom
        The items cannot be followed.
    """
    charset = bytes(header.value(0x00080005) or b"").decode("latin-1").strip(" \0")
    tree = ContentTree(header.elements, header.encoding, header.url, charset)
    try:
        root, _ = tree._item(0, len(header.elements), 0)
    except Malformed as fault:
        raise InvalidDicom(
            f"{header.url} is not valid DICOM: {fault.reason}, at byte {fault.position} of its "
            "dataset."
        ) from None
    except Incomplete as more:
        raise InvalidDicom(
            f"{header.url} is not valid DICOM: a content item reaches to byte {more.needed} of "
            "its dataset, past the end."
        ) from None
    return root
