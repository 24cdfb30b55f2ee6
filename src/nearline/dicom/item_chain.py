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
_HEADER = 8
_RARER = 4
_END = re.Match.end


class ItemChain:
    """Follows items in a buffer that may be extended between calls.

    Items of undefined length have to be walked. Most of them match the layout
    of an earlier one: an expression, made of the layouts met so far, verifies
    without a walk that they do.

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
        self._layouts: list[bytes] = []
        self._known: re.Pattern[bytes] | None = None
        self._compiled = 0
        self._due = 1
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
                if length == UNDEFINED:
                    if not self._run(buffer):
                        self._walked(buffer)
                    continue
                start = self.end + 8
                stop = start + length
                if stop > size:
                    raise Incomplete(stop, known=True)
                self.starts.append(start)
                self.stops.append(stop)
                self.end = stop
        except Incomplete as more:
            self.needed = more.needed
            return False
        return True

    def _run(self, buffer: Buffer) -> bool:
        """Take the items from here on that have a layout known already; say if there are any."""
        if self._compiled < len(self._layouts) and len(self.starts) >= self._due:
            # Ever less often: compiling takes as long as hundreds of items.
            self._known = re.compile(b"|".join(self._layouts), re.DOTALL)
            self._compiled = len(self._layouts)
            self._due = _RARER * len(self.starts)
        if self._known is None:
            return False
        # The scanner of an expression matches where it last ended: items without gaps.
        scanner = self._known.scanner(buffer, self.end)  # type: ignore[attr-defined]
        stops = array("q", map(_END, iter(scanner.match, None)))
        if not stops:
            return False
        self.starts.append(self.end + _HEADER)
        self.starts.extend(array("q", (stop + _HEADER for stop in stops[:-1])))
        self.stops.extend(stops)
        self.end = stops[-1]
        return True

    def _walked(self, buffer: Buffer) -> None:
        start = self.end + _HEADER
        layout = walk(buffer, start, None, self._encoding, GROUPS)
        stop = start + layout.size
        if len(self._layouts) < _PATTERNS:
            head = re.escape(bytes(buffer[self.end : start]))
            item = head + layout.pattern(buffer[start:stop]).pattern
            if item not in self._layouts:
                self._layouts.append(item)
        self.starts.append(start)
        self.stops.append(stop)
        self.end = stop
