"""What is asked for, and in which order it is gone through: purely."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from operator import index
from typing import Any

from nearline.errors import InvalidOption
from nearline.storage.url import printable

__all__ = ["Chunk", "Wanted", "chunks", "cut", "windows"]

Bounds = tuple[int | None, int | None]
"""First row or column, and the first beyond: 0-based."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One region.

    Attributes
    ----------
    number : int
        Its place among all, from 0.
    key : hashable
        Equal for equal targets.
    target : object
        What the caller passed.
    rows, columns : tuple of (int or None)
    """

    number: int
    key: Any
    target: Any
    rows: Bounds
    columns: Bounds

    @classmethod
    def of(cls, number: int, given: Any) -> Wanted:
        """Understand what the caller passed.

        Raises
        ------
        InvalidOption
            It is not a target, rows and columns.
        """
        try:
            target, rows, columns = given
        except (TypeError, ValueError):
            raise InvalidOption(
                f"Region {number} is not (target, rows, columns), such as "
                '("s3://bucket/slide.dcm", slice(1000, 1256), slice(2000, 2256)).'
            ) from None
        key = os.fspath(target) if isinstance(target, (str, os.PathLike)) else id(target)
        return cls(number, key, target, _bounds(number, rows), _bounds(number, columns))

    @property
    def spelled(self) -> str:
        """Which region this is, for messages."""
        rows, columns = (_spelled(bounds) for bounds in (self.rows, self.columns))
        named = isinstance(self.target, (str, os.PathLike))
        of = f" of {printable(os.fspath(self.target))}" if named else ""
        return f"region {self.number}{of}, rows {rows}, columns {columns}"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Regions of one target that are read together."""

    target: Any
    key: Any
    regions: tuple[Wanted, ...]


def chunks(wanted: Iterable[Wanted]) -> Iterator[Chunk]:
    """Group regions by target, in the order in which the targets first appear."""
    by_key: dict[Any, list[Wanted]] = {}
    for one in wanted:
        by_key.setdefault(one.key, []).append(one)
    for key, some in by_key.items():
        yield Chunk(some[0].target, key, tuple(some))


def windows(wanted: Sequence[Wanted], value_size: int, most: int) -> Iterator[Sequence[Wanted]]:
    """Cut regions into runs whose colour values of `value_size` bytes take at most `most` bytes.

    A region that does not say where it ends is a run of its own.
    """
    sizes = []
    for one in wanted:
        lengths = [_length(bounds) for bounds in (one.rows, one.columns)]
        known = lengths[0] is not None and lengths[1] is not None
        sizes.append(3 * value_size * prod(lengths) if known else most)  # type: ignore[arg-type]
    for run in cut(sizes, most):
        yield wanted[run]


def cut(sizes: Sequence[int], most: int) -> Iterator[slice]:
    """Cut items into runs whose sizes add up to at most `most`, or that are one item."""
    start = total = 0
    for position, size in enumerate(sizes):
        if position > start and total + size > most:
            yield slice(start, position)
            start, total = position, 0
        total += size
    if start < len(sizes):
        yield slice(start, len(sizes))


def _length(bounds: Bounds) -> int | None:
    first, end = bounds
    if end is None or end < 0 or (first is not None and first < 0):
        return None
    return max(end - (first or 0), 0)


def _bounds(number: int, given: Any) -> Bounds:
    edges = given
    if isinstance(given, slice):
        if given.step not in (None, 1):
            raise InvalidOption(f"Region {number} skips rows or columns: {given}. Use step 1.")
        edges = given.start, given.stop
    try:
        first, end = (None if edge is None else index(edge) for edge in edges)
    except (TypeError, ValueError):
        raise InvalidOption(
            f"Region {number} needs rows and columns as slices or pairs (first, end) of integers, "
            f"not {given!r}."
        ) from None
    return first, end


def _spelled(bounds: Bounds) -> str:
    first, end = bounds
    return f"{first or 0} to {'the end' if end is None else end}"
