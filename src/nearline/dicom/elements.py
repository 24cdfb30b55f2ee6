"""How encoded elements follow each other (PS3.5, chapter 7): found, not interpreted.

Everything here works on a buffer that may end too early, and says by `Incomplete`
how much more of it is needed.
"""

from __future__ import annotations

from collections.abc import Container
from struct import Struct
from typing import NamedTuple

from nearline.dicom.byte_reader import Buffer

__all__ = [
    "ITEM",
    "ITEM_END",
    "MAX_DEPTH",
    "SEQUENCE_END",
    "UNDEFINED",
    "Element",
    "Encoding",
    "Incomplete",
    "Malformed",
    "dataset_is_implicit",
    "element_places",
    "read_element",
    "read_item",
    "skip_sequence",
    "tag_name",
]

ITEM = 0xFFFEE000
ITEM_END = 0xFFFEE00D
SEQUENCE_END = 0xFFFEE0DD
UNDEFINED = 0xFFFFFFFF

MAX_DEPTH = 64
"""Deepest nesting followed; real objects stay below ten."""

_LONG_VRS = frozenset(
    (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
)

_SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())

_TAG_VR_LENGTH = {True: Struct("<HH2sH").unpack_from, False: Struct(">HH2sH").unpack_from}
_TAG_LENGTH = {True: Struct("<HHI").unpack_from, False: Struct(">HHI").unpack_from}
_LENGTH_16 = {True: Struct("<H").unpack_from, False: Struct(">H").unpack_from}
_LENGTH_32 = {True: Struct("<I").unpack_from, False: Struct(">I").unpack_from}


class Encoding(NamedTuple):
    """How a dataset's elements are written."""

    implicit_vr: bool
    little_endian: bool


class Element(NamedTuple):
    """Where one element lies in a buffer.

    `start` is the offset of its tag and `value` that of its value; `length` is
    None when undefined. `vr` is empty where the encoding carries none.
    """

    tag: int
    vr: bytes
    start: int
    value: int
    length: int | None


class Incomplete(Exception):
    """The buffer ends too early.

    Attributes
    ----------
    needed : int
        Offset up to which bytes are needed to go on.
    known : bool
        A length field said so, rather than the next few bytes being missing.
    """

    def __init__(self, needed: int, *, known: bool = False) -> None:
        super().__init__(needed)
        self.needed = needed
        self.known = known


class Malformed(Exception):
    """The bytes cannot be elements; `position` is the offset in the buffer."""

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.position = position


def tag_name(tag: int) -> str:
    """Return a tag as the standard prints it: ``(7FE0,0010)``."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def read_element(buffer: Buffer, position: int, encoding: Encoding) -> Element:
    """Read the tag, VR and length of the element at `position`.

    Bytes that are no VR where one is due mean that this element is written
    implicitly, as some writers do within sequences; items and delimiters,
    which never carry a VR, fall under the same rule.

    Raises
    ------
    Incomplete
        The buffer ends within them.
    """
    if position + 8 > len(buffer):
        raise Incomplete(position + 8)
    little = encoding.little_endian
    group, number, length = _TAG_LENGTH[little](buffer, position)
    tag = group << 16 | number
    vr, value = b"", position + 8
    if not encoding.implicit_vr:
        vr = bytes(buffer[position + 4 : position + 6])
        if vr in _LONG_VRS:
            if position + 12 > len(buffer):
                raise Incomplete(position + 12)
            length, value = _LENGTH_32[little](buffer, position + 8)[0], position + 12
        elif _is_vr(vr):
            length = _LENGTH_16[little](buffer, position + 6)[0]
            return Element(tag, vr, position, value, length)
        else:
            vr = b""
    return Element(tag, vr, position, value, None if length == UNDEFINED else length)


def _is_vr(code: bytes) -> bool:
    return len(code) == 2 and 0x41 <= code[0] <= 0x5A and 0x41 <= code[1] <= 0x5A


def dataset_is_implicit(buffer: Buffer, position: int, *, assumed: bool) -> bool:
    """Whether the dataset of an item that begins at `position` is written implicitly.

    Within an implicit dataset it always is. Within an explicit one it may be
    (content of an element with VR UN, PS3.5 6.2.2).
    """
    if assumed:
        return True
    if position + 6 > len(buffer):
        raise Incomplete(position + 8)
    return not _is_vr(bytes(buffer[position + 4 : position + 6]))


def read_item(buffer: Buffer, position: int, *, little_endian: bool) -> tuple[int, int]:
    """Return tag and length of the item or delimiter at `position`.

    Raises
    ------
    Incomplete
        The buffer ends within them.
    """
    if position + 8 > len(buffer):
        raise Incomplete(position + 8)
    group, number, length = _TAG_LENGTH[little_endian](buffer, position)
    return group << 16 | number, length


def element_places(buffer: Buffer, encoding: Encoding) -> dict[int, tuple[int, int]]:
    """Return where the value of each element of a dataset begins and ends, by tag.

    Delimiters of sequences are not counted. A dataset that was cut is read as far as it goes.
    """
    places: dict[int, tuple[int, int]] = {}
    position = 0
    while (position := follow_plain(buffer, position, encoding, places)) + 8 <= len(buffer):
        try:
            one = read_element(buffer, position, encoding)
            if one.length is None:
                position = skip_sequence(buffer, one.value, encoding)
            else:
                position = one.value + one.length
        except (Incomplete, Malformed):
            break
        places[one.tag] = (one.value, position - 8 * (one.length is None))
    return places


def follow_plain(
    buffer: Buffer,
    position: int,
    encoding: Encoding,
    places: dict[int, tuple[int, int]],
    *,
    stopping: Container[int] = (),
    shift: int = 0,
) -> int:
    """Go over elements as long as they lie in the buffer and nothing about them is unusual.

    What `read_element` would do one by one, of those with a known VR and length, in one loop.

    Parameters
    ----------
    places : dict
        Gets where the value of each begins and ends, by tag.
    stopping : container of int
        Tags that are not gone over.
    shift : int
        Taken off each place.

    Returns
    -------
    int
        Offset of the first element that was not gone over.
    """
    explicit, little = not encoding.implicit_vr, encoding.little_endian
    with_vr, without, long = _TAG_VR_LENGTH[little], _TAG_LENGTH[little], _LENGTH_32[little]
    size = len(buffer)
    while position + 8 <= size:
        value = position + 8
        if explicit:
            group, number, vr, length = with_vr(buffer, position)
            if vr not in _SHORT_VRS:
                if vr not in _LONG_VRS or value + 4 > size:
                    break
                length = long(buffer, value)[0]
                value += 4
        else:
            group, number, length = without(buffer, position)
        tag, stop = group << 16 | number, value + length
        if stop > size or length == UNDEFINED or tag in stopping:
            break
        places[tag] = (value - shift, stop - shift)
        position = stop
    return position


def skip_sequence(buffer: Buffer, position: int, encoding: Encoding) -> int:
    """Return the offset behind a value of undefined length that begins at `position`.

    Items and sequences of undefined length are walked, others jumped over.
    Fragments of encapsulated data are items too.

    Raises
    ------
    Incomplete
        The buffer ends before the delimiter.
    Malformed
        What is there is no item, or the nesting is deeper than `MAX_DEPTH`.
    """
    return _walk(buffer, position, encoding, [None])


def _item_is_implicit(buffer: Buffer, position: int, encoding: Encoding) -> bool:
    tag, _ = read_item(buffer, position, little_endian=encoding.little_endian)
    if tag == ITEM_END:
        return encoding.implicit_vr
    return dataset_is_implicit(buffer, position, assumed=encoding.implicit_vr)


def _walk(buffer: Buffer, position: int, encoding: Encoding, open_: list[Encoding | None]) -> int:
    """Follow what is `open_`, outermost first (None: a sequence; else a dataset), to its end."""
    inner = [encoding]
    while open_:
        if len(open_) > 2 * MAX_DEPTH:  # a sequence and its item are one level
            raise Malformed(f"Sequences are nested deeper than {MAX_DEPTH} levels", position)
        here = open_[-1]
        if here is None:
            tag, length = read_item(buffer, position, little_endian=encoding.little_endian)
            position += 8
            if tag == SEQUENCE_END:
                open_.pop()
                inner.pop()
            elif tag != ITEM:
                raise Malformed(f"Found {tag_name(tag)} where a sequence item is due", position - 8)
            elif length == UNDEFINED:
                implicit = _item_is_implicit(buffer, position, inner[-1])
                open_.append(Encoding(implicit, encoding.little_endian))
            else:
                position += length
        else:
            element = read_element(buffer, position, here)
            position = element.value
            if element.tag == ITEM_END:
                open_.pop()
            elif element.tag in (ITEM, SEQUENCE_END):
                raise Malformed(f"Found {tag_name(element.tag)} within an item", element.start)
            elif element.length is None:
                open_.append(None)
                inner.append(here)
            else:
                position += element.length
        if position > len(buffer):
            raise Incomplete(position, known=True)
    return position
