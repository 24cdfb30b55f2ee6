"""Which part of a pixel matrix is asked for: index arguments -> a region, purely."""

from __future__ import annotations

from dataclasses import dataclass
from operator import index
from typing import SupportsIndex

from nearline.errors import OutsideMatrix

__all__ = ["Region", "Span", "region_of_matrix", "slices_of_volume"]


@dataclass(frozen=True, slots=True)
class Span:
    """Evenly spaced positions along one axis: `start`, `start + step`, ... (`count` of them).

    Parameters
    ----------
    start : int
        First position, 0-based.
    count : int
        How many positions; 0 selects nothing.
    step : int
        Distance between positions, at least 1.
    """

    start: int
    count: int
    step: int = 1

    @property
    def stop(self) -> int:
        """One past the last position; `start` when nothing is selected."""
        return self.start + (self.count - 1) * self.step + 1 if self.count else self.start

    @property
    def as_slice(self) -> slice:
        """The span as an index."""
        return slice(self.start, self.stop, self.step)

    def within(self, top: int, length: int) -> tuple[slice, slice]:
        """Cut the span to the block of `length` positions that begins at `top`.

        Returns
        -------
        source, target : slice
            What to take from the block, and where that lies in the selection.
            Both are empty when the span passes the block by.
        """
        first = max(0, -(-(top - self.start) // self.step))
        last = min(self.count, -(-(top + length - self.start) // self.step))
        if first >= last:
            return slice(0, 0), slice(0, 0)
        begin = self.start + first * self.step - top
        end = self.start + (last - 1) * self.step - top + 1
        return slice(begin, end, self.step), slice(first, last)


@dataclass(frozen=True, slots=True)
class Region:
    """Rows and columns of a pixel matrix, 0-based."""

    rows: Span
    columns: Span

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the result."""
        return self.rows.count, self.columns.count


def region_of_matrix(
    row_start: SupportsIndex | None,
    row_end: SupportsIndex | None,
    column_start: SupportsIndex | None,
    column_end: SupportsIndex | None,
    *,
    rows: int,
    columns: int,
    as_indices: bool,
) -> Region:
    """Turn the index arguments of `Image.get_total_pixel_matrix` into a region.

    Parameters
    ----------
    row_start, column_start : int or None
        First row or column: 1-based, or 0-based with `as_indices`. Negative
        counts from the end in both modes: -1 is the last. None: the first.
    row_end, column_end : int or None
        First row or column beyond the region, counted in the same way. None: all.
    rows, columns : int
        Size of the matrix.

    Raises
    ------
    OutsideMatrix
        The region reaches outside the matrix, is reversed, or begins at 0 in
        1-based numbers.
    """
    return Region(
        _span("row", row_start, row_end, rows, as_indices),
        _span("column", column_start, column_end, columns, as_indices),
    )


def slices_of_volume(
    slice_start: SupportsIndex | None,
    slice_end: SupportsIndex | None,
    *,
    number_of_slices: int,
    as_indices: bool,
) -> Span:
    """Turn the index arguments of `Image.get_volume` into a run of slices.

    Parameters
    ----------
    slice_start, slice_end : int or None
        As those of rows in `region_of_matrix`.

    Raises
    ------
    OutsideMatrix
        There are no such slices, or none between the two.
    """
    span = _span("slice", slice_start, slice_end, number_of_slices, as_indices)
    if not span.count:
        raise OutsideMatrix(
            f"slice_start={slice_start} and slice_end={slice_end} leave no slice of the "
            f"{number_of_slices} that there are; slice_end itself is not included."
        )
    return span


def _span(
    axis: str,
    first: SupportsIndex | None,
    last: SupportsIndex | None,
    length: int,
    as_indices: bool,
) -> Span:
    start = 0 if first is None else _position(f"{axis}_start", index(first), length, as_indices)
    stop = length if last is None else _position(f"{axis}_end", index(last), length, as_indices)
    if start >= length and first is not None:
        raise _outside(f"{axis}_start", index(first), axis, length)
    if stop < start:
        raise OutsideMatrix(
            f"{axis}_start={first} lies behind {axis}_end={last}: the region has a negative size."
        )
    return Span(start, stop - start)


def _position(name: str, given: int, length: int, as_indices: bool) -> int:
    """Return the 0-based position that an argument means."""
    axis = name.partition("_")[0]
    if given < 0:
        position = length + given
    elif as_indices:
        position = given
    elif given == 0:
        raise OutsideMatrix(
            f"{name}=0 names no {axis}: {axis}s are numbered from 1. "
            "Pass as_indices=True to count from 0."
        )
    else:
        position = given - 1
    if not 0 <= position <= length:
        raise _outside(name, given, axis, length)
    return position


def _outside(name: str, given: int, axis: str, length: int) -> OutsideMatrix:
    return OutsideMatrix(f"{name}={given} lies outside the {length} {axis}s that there are.")
