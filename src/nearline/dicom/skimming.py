"""Items of a sequence, read without their large values: only where these lie.

A million coordinates lie between one attribute and the next. What is read here
is the attributes: a few ranges behind every value that is left out. Items of
known length are followed side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeVar

from nearline.dicom.byte_reader import Buffer, ByteReader
from nearline.dicom.elements import (
    ITEM,
    ITEM_END,
    MAX_DEPTH,
    SEQUENCE_END,
    UNDEFINED,
    Element,
    Encoding,
    Incomplete,
    Malformed,
    dataset_is_implicit,
    read_element,
    read_item,
    skip_sequence,
    tag_name,
)
from nearline.dicom.held import Held, Need
from nearline.ranges import ByteRange

__all__ = ["Cut", "SkimmedItem", "skim"]

_SMALL = 64 * 1024
"""Bytes; a larger value is left out whatever it is."""

_AHEAD = 2 * 1024
_AHEAD_OF_ITEM = 512
_MOST_AHEAD = 4 << 20
_GUESSED = (16 * 1024, 32)
"""Smallest items whose successors are looked for where equal ones would begin, and how many."""

_AROUND_GUESS = (1536, 512)
_PATIENCE = 16
"""Rounds after which more is read at once: there are more items than round trips are worth."""

_MOST_ITEMS = 1 << 16

_T = TypeVar("_T")
_Walk = Generator[Need, None, _T]


class Cut(NamedTuple):
    """A value that was left in the object.

    `path` leads to it within its item: tags of sequences and 0-based numbers of
    items in turn. `vr` is empty where none is written.
    """

    path: tuple[int, ...]
    tag: int
    vr: str
    offset: int
    length: int


@dataclass(slots=True)
class SkimmedItem:
    """One item of a sequence.

    Attributes
    ----------
    elements : bytes
        Its encoded elements; those whose values were left out are empty, and
        the sequences that hold such are of undefined length.
    cuts : list of Cut
        What was left out.
    """

    elements: bytes = b""
    cuts: list[Cut] = field(default_factory=list)


def skim(
    reader: ByteReader,
    at_hand: Buffer,
    base: int,
    sequence: Element,
    encoding: Encoding,
    *,
    leave: frozenset[int],
    follow: frozenset[int],
) -> tuple[int, list[SkimmedItem]]:
    """Read the items of a sequence without their large values.

    Parameters
    ----------
    reader : ByteReader
        The object.
    at_hand : bytes-like
        Bytes of it from offset `base` on that need no read.
    sequence : Element
        The sequence; offsets are those in the object.
    leave : frozenset of int
        Tags of values to leave out, of whatever size; others are when large.
    follow : frozenset of int
        Tags of sequences within which to do so too.

    Returns
    -------
    stop : int
        Offset behind the sequence.
    items : list of SkimmedItem

    Raises
    ------
    Malformed, Ended, Oversized
        As `header_reading` translates them.
    """
    found = _Skimming(reader, Held(reader, at_hand, base), leave, follow)
    return found.run(sequence, encoding)


class _Skimming:
    def __init__(
        self, reader: ByteReader, held: Held, leave: frozenset[int], follow: frozenset[int]
    ) -> None:
        self._reader = reader
        self._held = held
        self._leave = leave
        self._follow = follow
        self._items: list[SkimmedItem] = []
        self._begun: list[_Walk[None]] = []
        self._guesses: list[ByteRange] = []
        self._stop = 0

    def run(self, sequence: Element, encoding: Encoding) -> tuple[int, list[SkimmedItem]]:
        walks: list[_Walk[None]] = [self._chain(sequence, encoding)]
        rounds = 0
        while walks:
            needs, waiting = [], []
            while walks:
                walk = walks.pop()
                need = next(walk, None)
                if need is not None:
                    needs.append(need)
                    waiting.append(walk)
                walks += self._begun
                self._begun.clear()
            if needs:
                growth = 1 << max(0, rounds // _PATIENCE * 2 - 1)
                self._held.fetch(
                    [(start, stop, min(_MOST_AHEAD, more * growth)) for start, stop, more in needs],
                    self._guesses,
                )
                self._guesses = []
            walks, rounds = waiting, rounds + 1
        return self._stop, self._items

    def _chain(self, sequence: Element, encoding: Encoding) -> _Walk[None]:
        """Follow the items; those of known length are walked beside each other."""
        position, length = sequence.value, sequence.length
        stop = None if length is None else position + length
        while stop is None or position < stop:
            tag, length = yield from self._item_header(position, encoding, _AHEAD_OF_ITEM)
            position += 8
            if tag == SEQUENCE_END and stop is None:
                break
            if tag != ITEM:
                raise Malformed(f"Found {tag_name(tag)} where an item is due", position - 8)
            if len(self._items) == _MOST_ITEMS:
                raise Malformed(f"A sequence has more than {_MOST_ITEMS} items", position - 8)
            item = SkimmedItem()
            self._items.append(item)
            if length == UNDEFINED:
                position = yield from self._item(item, position, None, encoding)
            else:
                end = position + length
                if len(self._items) == 1 and stop is not None:
                    self._guesses = _guesses(position - 8, length + 8, stop)
                self._begun.append(self._beside(item, position, end, encoding))
                position = end
        if stop is not None and position > stop:
            raise Malformed("An item reaches past its sequence", position)
        self._stop = position

    def _beside(
        self, item: SkimmedItem, position: int, stop: int, encoding: Encoding
    ) -> _Walk[None]:
        yield from self._item(item, position, stop, encoding)

    def _item(
        self, item: SkimmedItem, position: int, stop: int | None, encoding: Encoding
    ) -> _Walk[int]:
        out = bytearray()
        position = yield from self._content(out, item.cuts, (), position, stop, encoding)
        item.elements = bytes(out)
        return position

    def _content(
        self,
        out: bytearray,
        cuts: list[Cut],
        path: tuple[int, ...],
        position: int,
        stop: int | None,
        encoding: Encoding,
    ) -> _Walk[int]:
        """Copy the elements of one item; return the offset behind them, delimiter included."""
        if len(path) > 2 * MAX_DEPTH:
            raise Malformed(f"Sequences are nested deeper than {MAX_DEPTH} levels", position)
        if stop is None or position < stop:
            implicit = yield from self._is_implicit(position, encoding)
            encoding = Encoding(implicit, encoding.little_endian)
        while stop is None or position < stop:
            element = yield from self._element(position, encoding)
            if element.tag == ITEM_END and stop is None:
                return element.value
            if element.tag in (ITEM, ITEM_END, SEQUENCE_END):
                raise Malformed(f"Found {tag_name(element.tag)} within an item", position)
            length = element.length
            end = None if length is None else element.value + length
            if end is not None and stop is not None and end > stop:
                raise Malformed(f"{tag_name(element.tag)} reaches past its item", position)
            if element.tag in self._follow and element.vr in (b"SQ", b""):
                position = yield from self._sequence(out, cuts, path, element, encoding)
            elif length is not None and (element.tag in self._leave or length > _SMALL):
                vr = element.vr.decode("latin-1")
                cuts.append(Cut(path, element.tag, vr, element.value, length))
                out += self._head(element, b"\0\0\0\0")
                position = element.value + length
            else:
                position = yield from self._copy(out, element, encoding)
        return position

    def _sequence(
        self,
        out: bytearray,
        cuts: list[Cut],
        path: tuple[int, ...],
        element: Element,
        encoding: Encoding,
    ) -> _Walk[int]:
        """Copy a sequence without its large values; return the offset behind it."""
        position, number = element.value, 0
        stop = None if element.length is None else position + element.length
        delimiters = _DELIMITERS[encoding.little_endian]
        out += self._head(element, b"\xff\xff\xff\xff")
        while stop is None or position < stop:
            tag, length = yield from self._item_header(position, encoding, _AHEAD)
            position += 8
            if tag == SEQUENCE_END and stop is None:
                break
            if tag != ITEM:
                raise Malformed(f"Found {tag_name(tag)} where an item is due", position - 8)
            end = None if length == UNDEFINED else position + length
            out += delimiters.item
            inner = (*path, element.tag, number)
            position = yield from self._content(out, cuts, inner, position, end, encoding)
            out += delimiters.item_end
            number += 1
        if stop is not None and position > stop:
            raise Malformed("An item reaches past its sequence", position)
        out += delimiters.sequence_end
        return position

    def _head(self, element: Element, length: bytes) -> bytes:
        """Return an element's tag and VR with another length, of four bytes that are equal."""
        base, view = self._held.part(element.start)
        head = bytes(view[element.start - base : element.value - base])
        places = 4 if len(head) == 12 or not element.vr else 2
        return head[:-places] + length[:places]

    def _copy(self, out: bytearray, element: Element, encoding: Encoding) -> _Walk[int]:
        """Copy an element as it is; return the offset behind it."""
        if element.length is not None:
            stop = element.value + element.length
            base, view = yield from self._reach(element.start, stop)
        else:
            while True:
                base, view = self._held.part(element.start)
                try:
                    stop = base + skip_sequence(view, element.value - base, encoding)
                    break
                except Incomplete as more:
                    known = base + len(view) - element.start
                    yield element.start, base + more.needed, max(_AHEAD, known)
                except Malformed as fault:
                    raise Malformed(fault.reason, fault.position + base) from None
        out += view[element.start - base : stop - base]
        return stop

    # --- bytes ------------------------------------------------------------

    def _reach(self, start: int, stop: int) -> _Walk[tuple[int, memoryview]]:
        base, view = self._held.part(start)
        while base + len(view) < stop:
            yield start, stop, _AHEAD
            base, view = self._held.part(start)
        return base, view

    def _parsed(
        self, position: int, read: Callable[[memoryview, int], _T], welcome: int
    ) -> _Walk[_T]:
        """Read something at `position` that is short."""
        while True:
            base, view = self._held.part(position)
            try:
                return read(view, position - base)
            except Incomplete as more:
                yield position, more.needed + base, welcome

    def _element(self, position: int, encoding: Encoding) -> _Walk[Element]:
        while True:
            base, view = self._held.part(position)
            try:
                found = read_element(view, position - base, encoding)
            except Incomplete as more:
                yield position, more.needed + base, _AHEAD
            else:
                return found._replace(start=position, value=found.value + base)

    def _item_header(
        self, position: int, encoding: Encoding, welcome: int
    ) -> _Walk[tuple[int, int]]:
        little = encoding.little_endian
        return (
            yield from self._parsed(
                position, lambda view, at: read_item(view, at, little_endian=little), welcome
            )
        )

    def _is_implicit(self, position: int, encoding: Encoding) -> _Walk[bool]:
        def read(view: memoryview, at: int) -> bool:
            tag, _ = read_item(view, at, little_endian=encoding.little_endian)
            if tag == ITEM_END:
                return encoding.implicit_vr
            return dataset_is_implicit(view, at, assumed=encoding.implicit_vr)

        return (yield from self._parsed(position, read, _AHEAD))


def _guesses(first: int, each: int, stop: int) -> list[ByteRange]:
    """Return where the items of a sequence meet if they are about as long as the first.

    Followed one by one, each costs a round trip.
    """
    least, most = _GUESSED
    count = round((stop - first) / each)
    if each < least or not 2 <= count <= most:
        return []
    before, after = _AROUND_GUESS
    meetings = [first + (stop - first) * number // count for number in range(1, count + 1)]
    return [ByteRange(max(first, one - before), min(stop, one + after)) for one in meetings]


class _Delimiters:
    def __init__(self, *, little_endian: bool) -> None:
        order: Literal["little", "big"] = "little" if little_endian else "big"

        def mark(tag: int, length: int) -> bytes:
            words = ((tag >> 16, 2), (tag & 0xFFFF, 2), (length, 4))
            return b"".join(word.to_bytes(size, order) for word, size in words)

        self.item = mark(ITEM, UNDEFINED)
        self.item_end = mark(ITEM_END, 0)
        self.sequence_end = mark(SEQUENCE_END, 0)


_DELIMITERS = {little: _Delimiters(little_endian=little) for little in (True, False)}
