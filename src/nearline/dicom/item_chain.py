"""The items of a sequence, one behind the other: where each begins and ends."""

from __future__ import annotations

import re
from array import array

from nearline.dicom.byte_reader import Buffer
from nearline.dicom.column_table import GROUPS
from nearline.dicom.elements import (
    ITEM,
    SEQUENCE_END,
    UNDEFINED,
    Encoding,
    Incomplete,
    Malformed,
    read_item,
    tag_name,
)
from nearline.dicom.layout import walk

__all__ = ["ItemChain"]

_PATTERNS = 32


class ItemChain:
    """Follows items in a buffer that may be extended between calls.

    Items of undefined length have to be walked. Most of them match the layout
    of an earlier one, which an expression verifies without a walk.

    Parameters
    ----------
    encoding : Encoding
        Of the sequence.
    undefined : bool
        The sequence ends with a delimiter, not with the buffer.

    Attributes
    ----------
    starts, stops : array of int
        Of each item's content, offsets in the buffer; a delimiter counts as content.
    end : int
        Where the next item is due; in the end, that of the items.
    needed : int
        After `follow` gave up: bytes needed to go on.
    """

    def __init__(self, encoding: Encoding, *, undefined: bool) -> None:
        self._encoding = encoding
        self._undefined = undefined
        self._patterns: list[re.Pattern[bytes]] = []
        self.starts = array("q")
        self.stops = array("q")
        self.end = 0
        self.needed = 0

    def follow(self, buffer: Buffer) -> bool:
        """Go on from `end`; return whether the sequence is complete.

        Raises
        ------
        Malformed
            Something else is where an item is due.
        """
        little, size = self._encoding.little_endian, len(buffer)
        try:
            while self._undefined or self.end < size:
                tag, length = read_item(buffer, self.end, little_endian=little)
                if tag == SEQUENCE_END and self._undefined:
                    return True
                if tag != ITEM:
                    raise Malformed(f"Found {tag_name(tag)} where an item is due", self.end)
                start = self.end + 8
                stop = start + length if length != UNDEFINED else self._walked(buffer, start)
                if stop > size:
                    raise Incomplete(stop, known=True)
                self.starts.append(start)
                self.stops.append(stop)
                self.end = stop
        except Incomplete as more:
            self.needed = more.needed
            return False
        return True

    def _walked(self, buffer: Buffer, start: int) -> int:
        for rank, pattern in enumerate(self._patterns):
            if found := pattern.match(buffer, start):
                if rank:
                    self._patterns.insert(0, self._patterns.pop(rank))
                return found.end()
        layout = walk(buffer, start, None, self._encoding, GROUPS)
        if len(self._patterns) < _PATTERNS:
            self._patterns.append(layout.pattern(buffer[start : start + layout.size]))
        return start + layout.size
