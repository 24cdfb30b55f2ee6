"""How one item of the functional groups is laid out: its structure, and where its values lie.

Thousands of items share a few layouts. Two items whose structural bytes (tags,
VRs, lengths, delimiters) agree have all their values at the same places.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from nearline.dicom.byte_reader import Buffer
from nearline.dicom.column_table import Branch, Column
from nearline.dicom.elements import (
    ITEM,
    ITEM_END,
    MAX_DEPTH,
    SEQUENCE_END,
    UNDEFINED,
    Encoding,
    Incomplete,
    Malformed,
    dataset_is_implicit,
    read_element,
    read_item,
    tag_name,
)

__all__ = ["Layout", "Leaf", "walk"]


class Leaf(NamedTuple):
    """Where one value lies, relative to the item's first element.

    `ordinal` counts the source images of the frame; 0 elsewhere.
    """

    column: Column
    ordinal: int
    start: int
    stop: int
    vr: bytes


class Layout(NamedTuple):
    """Structure and values of one item; offsets relative to its first element.

    `size` counts the item's delimiter, should it have one; `structure` are
    sorted spans.
    """

    size: int
    structure: list[tuple[int, int]]
    leaves: list[Leaf]

    def pattern(self, item: Buffer) -> re.Pattern[bytes]:
        """Compile an expression that matches exactly the items of this layout."""
        parts, position = [], 0
        for start, stop in self.structure:
            parts += [b".{%d}" % (start - position), re.escape(bytes(item[start:stop]))]
            position = stop
        parts.append(b".{%d}" % (self.size - position))
        return re.compile(b"".join(parts), re.DOTALL)


def walk(
    buffer: Buffer, start: int, stop: int | None, encoding: Encoding, groups: Branch
) -> Layout:
    """Walk the item whose first element lies at `start`.

    Parameters
    ----------
    stop : int or None
        Offset behind the item; None for one of undefined length.
    groups : Branch
        Which values to find.

    Raises
    ------
    Incomplete
        The buffer ends within the item.
    Malformed
        Its elements do not fit it.
    """
    walker = _Walker(buffer, start, encoding)
    end = walker.item(start, stop, encoding.implicit_vr, groups, 0)
    return Layout(end - start, walker.structure, walker.leaves)


class _Walker:
    def __init__(self, buffer: Buffer, origin: int, encoding: Encoding) -> None:
        self._buffer = buffer
        self._origin = origin
        self._little = encoding.little_endian
        self._ordinal = -1
        self.structure: list[tuple[int, int]] = []
        self.leaves: list[Leaf] = []

    def item(
        self, position: int, stop: int | None, implicit: bool, groups: Branch, depth: int
    ) -> int:
        if depth > MAX_DEPTH:
            raise Malformed(f"Sequences are nested deeper than {MAX_DEPTH} levels", position)
        if not implicit and (stop is None or stop >= position + 8):
            tag, _ = read_item(self._buffer, position, little_endian=self._little)
            implicit = tag != ITEM_END and dataset_is_implicit(
                self._buffer, position, assumed=False
            )
        encoding = Encoding(implicit, self._little)
        children = groups.children
        while stop is None or position < stop:
            element = read_element(self._buffer, position, encoding)
            self._mark(element.start, element.value)
            if element.tag == ITEM_END and stop in (None, element.value):
                return element.value
            if element.tag in (ITEM, ITEM_END, SEQUENCE_END):
                raise Malformed(f"Found {tag_name(element.tag)} within an item", element.start)
            node = children.get(element.tag)
            end = None if element.length is None else element.value + element.length
            if end is None or isinstance(node, Branch):
                inner = node if isinstance(node, Branch) else _NOTHING
                position = self._sequence(element.value, end, encoding, inner, depth)
            else:
                if isinstance(node, Column):
                    self._leaf(node, element.value, end, element.vr)
                position = end
            if stop is not None and position > stop:
                raise Malformed(f"{tag_name(element.tag)} reaches past its item", element.start)
        if position > len(self._buffer):
            raise Incomplete(position, known=True)
        return position

    def _sequence(
        self, position: int, stop: int | None, encoding: Encoding, groups: Branch, depth: int
    ) -> int:
        first = True
        while stop is None or position < stop:
            tag, length = read_item(self._buffer, position, little_endian=self._little)
            self._mark(position, position + 8)
            position += 8
            if tag == SEQUENCE_END and stop is None:
                return position
            if tag != ITEM:
                raise Malformed(f"Found {tag_name(tag)} where an item is due", position - 8)
            inner = groups if first or groups.every else _NOTHING
            self._ordinal += inner.rows
            end = None if length == UNDEFINED else position + length
            if inner.children or end is None:
                position = self.item(position, end, encoding.implicit_vr, inner, depth + 1)
            else:
                position += length
            first = False
        if stop is not None and position > stop:
            raise Malformed("An item reaches past its sequence", position)
        return position

    def _leaf(self, column: Column, start: int, stop: int, vr: bytes) -> None:
        if vr in (b"", b"UN"):
            vr = column.vr
        ordinal = max(0, self._ordinal)
        self.leaves.append(Leaf(column, ordinal, start - self._origin, stop - self._origin, vr))

    def _mark(self, start: int, stop: int) -> None:
        self.structure.append((start - self._origin, stop - self._origin))


_NOTHING = Branch()
