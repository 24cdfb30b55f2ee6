"""Lookup tables: from a dataset, inverted, scaled, applied (PS3.3 C.11.1, C.11.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nearline.errors import InvalidLookupTable, InvalidTransform

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["LookupTable", "entries", "table_of"]

MOST_ENTRIES = 1 << 16
"""A descriptor, whose entries have 16 bits, says 0 for this number (PS3.3 C.11.1.1)."""


@dataclass(frozen=True, slots=True, eq=False)
class LookupTable:
    """A table of values for a run of stored values.

    Attributes
    ----------
    first : int
        The stored value that the first entry is for.
    values : ndarray, shape (n,) or (n, 3)
        What the run is mapped to.
    clip : bool
        Whether stored values beyond the run take the nearest entry; otherwise
        they are an error.
    """

    first: int
    values: NDArray[Any]
    clip: bool = True

    @property
    def last(self) -> int:
        """The stored value that the last entry is for."""
        return self.first + len(self.values) - 1

    def __call__(self, array: NDArray[Any]) -> NDArray[Any]:
        """Map stored values.

        Raises
        ------
        InvalidTransform
            The values are no integers, or lie beyond a table that does not clip.
        """
        if array.dtype.kind not in "ui":
            raise InvalidTransform("Lookup tables apply to integer pixels only.")
        if self.clip:
            # Compared in the table's own range, which may lie beyond that of the pixels.
            limits = np.iinfo(array.dtype)
            array = array.clip(
                min(max(self.first, limits.min), limits.max),
                max(min(self.last, limits.max), limits.min),
            )
        elif array.size and (array.min() < self.first or array.max() > self.last):
            raise InvalidTransform(
                f"The lookup table maps {self.first} to {self.last}; the pixels reach from "
                f"{array.min()} to {array.max()}."
            )
        if self.first:
            array = np.subtract(array, self.first, dtype=np.intp)
            if self.clip:
                array = array.clip(0, len(self.values) - 1)
        return self.values.take(array, axis=0)

    def inverted(self) -> LookupTable:
        """Return the table with its values mirrored within their range."""
        values = self.values
        return LookupTable(self.first, values.min() + values.max() - values, self.clip)

    def scaled(
        self, output_range: tuple[float, float], dtype: np.dtype[Any], *, invert: bool
    ) -> LookupTable:
        """Return the table with its values stretched to `output_range`.

        Raises
        ------
        InvalidTransform
            `dtype` is not floating.
        """
        if dtype.kind != "f":
            raise InvalidTransform("The VOI transform requires a floating point data type.")
        low, high = output_range
        lowest, highest = int(self.values.min()), int(self.values.max())
        # A table of one value has no range to stretch.
        factor = dtype.type((high - low) / ((highest - lowest) or 1))
        values = self.values.astype(dtype)
        steps = (highest - values) if invert else (values - lowest)
        scaled = steps * factor
        if low:
            scaled = scaled + dtype.type(low)
        return LookupTable(self.first, scaled, self.clip)

    def after_rescale(self, slope: int, intercept: int) -> LookupTable:
        """Return the table for stored values x, of this one for slope * x + intercept."""
        if slope == 1:
            return LookupTable(self.first - intercept, self.values, self.clip)
        ends = sorted(((self.first - intercept) / slope, (self.last - intercept) / slope))
        first, last = int(np.floor(ends[0])), int(np.ceil(ends[1]))
        inputs = slope * np.arange(first, last + 1) + intercept
        return LookupTable(first, self(inputs), self.clip)

    def astype(self, dtype: np.dtype[Any]) -> LookupTable:
        """Return the table with values of `dtype`.

        Raises
        ------
        InvalidTransform
            Not every value of the table's type fits into `dtype`.
        """
        if self.values.dtype == dtype:
            return self
        if not np.can_cast(self.values.dtype, dtype, "safe"):
            raise InvalidTransform(
                f"The image's lookup table gives {self.values.dtype}, which {dtype} cannot hold."
            )
        return LookupTable(self.first, self.values.astype(dtype), self.clip)


def table_of(item: Dataset) -> LookupTable:
    """Read an item of the Modality or VOI LUT Sequence.

    Raises
    ------
    InvalidLookupTable
        The table is missing or contradicts its descriptor.
    """
    for keyword in ("LUTDescriptor", "LUTData"):
        if keyword not in item:
            raise InvalidLookupTable(f"An item of a lookup table sequence lacks {keyword}.")
    count, first, bits = (int(number) for number in item.LUTDescriptor)
    values = entries(item.LUTData, bits, little_endian=item.original_encoding[1] is not False)
    count = count or MOST_ENTRIES
    if bits <= 8 and count % 2 and len(values) == count + 1:
        values = values[:-1]
    if len(values) != count:
        raise InvalidLookupTable(
            f"(0028,3006) LUT Data holds {len(values)} entries where (0028,3002) LUT Descriptor "
            f"says {count}."
        )
    return LookupTable(first, values)


def entries(data: Any, bits: int, *, little_endian: bool) -> NDArray[Any]:
    """Read the entries of a table, encoded as bytes or already parsed to numbers.

    Raises
    ------
    InvalidLookupTable
        A number of bits that tables cannot have.
    """
    if not 1 <= bits <= 16:
        raise InvalidLookupTable(
            f"A lookup table has entries of {bits} bits; 8 to 16 are possible."
        )
    if isinstance(data, (bytes, bytearray)):
        if bits <= 8:
            return np.frombuffer(data, np.uint8)
        return np.frombuffer(data, "<u2" if little_endian else ">u2").astype(np.uint16)
    return np.atleast_1d(np.array(data)).astype(np.uint8 if bits <= 8 else np.uint16)
