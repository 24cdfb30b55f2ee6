"""Palette colours (PS3.3 C.7.6.3.1.5, C.7.6.3.1.6, C.7.9)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nearline.errors import InvalidLookupTable
from nearline.image.transforms.lookup_table import MOST_ENTRIES, LookupTable, entries

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["expand_segments", "palette_of"]

_COLORS = ("Red", "Green", "Blue")
_DISCRETE, _LINEAR, _INDIRECT = 0, 1, 2


def palette_of(dataset: Dataset) -> LookupTable:
    """Read the three colour tables of an image as one, with values of shape (n, 3).

    Raises
    ------
    InvalidLookupTable
        A table is missing, contradicts its descriptor, or differs from the others
        in length, first value or bits.
    """
    descriptors = {_descriptor(dataset, color) for color in _COLORS}
    if len(descriptors) > 1:
        raise InvalidLookupTable(
            "The descriptors of the red, green and blue palette tables differ: "
            f"{sorted(descriptors)}."
        )
    ((count, first, bits),) = descriptors
    if bits not in (8, 16):
        raise InvalidLookupTable(f"Palette tables have entries of 8 or 16 bits, not {bits}.")
    segmented = "SegmentedRedPaletteColorLookupTableData" in dataset
    columns = [_column(dataset, color, count, bits, segmented) for color in _COLORS]
    return LookupTable(first, np.stack(columns, axis=-1))


def _descriptor(dataset: Dataset, color: str) -> tuple[int, int, int]:
    keyword = f"{color}PaletteColorLookupTableDescriptor"
    value = dataset.get(keyword)
    if value is None or len(value) != 3:
        raise InvalidLookupTable(f"A palette image needs a {keyword} of three numbers.")
    count, first, bits = (int(number) for number in value)
    return count or MOST_ENTRIES, first, bits


def _column(dataset: Dataset, color: str, count: int, bits: int, segmented: bool) -> NDArray[Any]:
    keyword = f"{color}PaletteColorLookupTableData"
    if segmented:
        keyword = f"Segmented{keyword}"
    data = dataset.get(keyword)
    if data is None:
        raise InvalidLookupTable(f"A palette image needs {keyword}.")
    values = entries(data, bits, little_endian=dataset.original_encoding[1] is not False)
    if segmented:
        values = expand_segments(values, count)
    elif bits == 8 and count % 2 and len(values) == count + 1:
        values = values[:-1]
    if len(values) != count:
        raise InvalidLookupTable(
            f"{keyword} holds {len(values)} entries where its descriptor says {count}."
        )
    return values


def expand_segments(words: NDArray[Any], count: int) -> NDArray[Any]:
    """Expand a segmented table (PS3.3 C.7.9.2).

    Parameters
    ----------
    words : ndarray of uint8 or uint16, shape (n,)
        The segments.
    count : int
        Entries of the expanded table.

    Returns
    -------
    ndarray, same dtype, shape (count,) or shorter
        Shorter if the segments end early.

    Raises
    ------
    InvalidLookupTable
        A segment is unknown, cut short, or points outside the data.
    """
    numbers = [int(word) for word in words]
    table: list[int] = []
    try:
        for segment in _segments(numbers, 0, len(numbers), words.itemsize):
            _extend(table, segment)
            if len(table) >= count:
                break
    except IndexError:
        raise InvalidLookupTable("A segment of a palette table is cut short.") from None
    return np.array(table[:count], words.dtype)


_Segment = tuple[int, list[int], int]


def _segments(numbers: list[int], at: int, most: int, width: int) -> Iterator[_Segment]:
    """Yield (kind, values, length) of up to `most` discrete and linear segments."""
    done = 0
    # A single word left over is padding.
    while at + 1 < len(numbers) and done < most:
        kind, length = numbers[at], numbers[at + 1]
        at += 2
        done += 1
        if kind == _DISCRETE:
            yield kind, numbers[at : at + length], length
            at += length
        elif kind == _LINEAR:
            yield kind, [numbers[at]], length
            at += 1
        elif kind == _INDIRECT:
            parts = 4 // width
            pieces = numbers[at : at + parts]
            target = sum(piece << 8 * width * i for i, piece in enumerate(pieces)) // width
            if len(pieces) < parts or target >= at - 2:
                raise InvalidLookupTable("A segment of a palette table repeats what follows it.")
            yield from _copied(numbers, target, length, width)
            at += parts
        else:
            raise InvalidLookupTable(f"A palette table has a segment of unknown kind {kind}.")


def _copied(numbers: list[int], at: int, most: int, width: int) -> Iterator[_Segment]:
    """Yield the segments that an indirect one repeats, none of which may be indirect itself."""
    done = 0
    while done < most:
        kind, length = numbers[at], numbers[at + 1]
        if kind == _INDIRECT:
            raise InvalidLookupTable("A palette table repeats a segment that repeats others.")
        yield from _segments(numbers, at, 1, width)
        at += 2 + (length if kind == _DISCRETE else 1)
        done += 1


def _extend(table: list[int], segment: _Segment) -> None:
    kind, values, length = segment
    if kind == _DISCRETE:
        if len(values) < length:
            raise IndexError
        table += values
        return
    if not table:
        raise InvalidLookupTable("A palette table begins with a line that has no beginning.")
    start, stop = table[-1], values[0]
    # Half to even, as other readers round.
    table += [round(start + (stop - start) * step / length) for step in range(1, length + 1)]
