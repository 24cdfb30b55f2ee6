"""Tables as data frames, a row group at a time: hardly more memory than the frame itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .derive import Table
from .extras import pandas, pyarrow

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["frame_of", "groups_of"]


def groups_of(tables: Sequence[Table]) -> Iterator[Any]:
    """Yield the row groups of tables as `pyarrow.Table`, with the wanted sessions only."""
    for table in tables:
        every = all(_is_wanted(table, part.ID) for part in table.parts)
        for group in table.groups():
            yield group if every else _only(group, table.wanted or ())


def frame_of(tables: Sequence[Table]) -> pd.DataFrame:
    """Load tables of equal columns.

    Parameters
    ----------
    tables : sequence of Table
        In this order.

    Returns
    -------
    DataFrame
        Text as categories in the order in which they first appear, numbers as float64.
    """
    pd, arrow = pandas(), pyarrow()
    total = sum(part.rows for table in tables for part in table.parts if _is_wanted(table, part.ID))
    schema = tables[0].schema
    columns: dict[str, _Text | NDArray[Any]] = {
        field.name: _Text(total)
        if arrow.types.is_dictionary(field.type)
        else np.empty(total, "float64")
        for field in schema
    }
    start = 0
    for group in groups_of(tables):
        stop = start + group.num_rows
        for name, column in columns.items():
            piece = group.column(name).combine_chunks()
            if isinstance(column, _Text):
                column.put(start, stop, piece)
            else:
                column[start:stop] = piece.to_numpy(zero_copy_only=False)
        start = stop
    made = {
        name: column.categorical() if isinstance(column, _Text) else column
        for name, column in columns.items()
    }
    return pd.DataFrame(made, copy=False)


_PIECE = 1 << 16


class _Text:
    """A column of text that is filled piece by piece, as codes into its categories."""

    def __init__(self, rows: int) -> None:
        # Widened when there are more categories than it can count.
        self._codes: NDArray[np.signedinteger[Any]] = np.empty(rows, "int8")
        self._places: dict[str, int] = {}

    def put(self, start: int, stop: int, piece: Any) -> None:
        if isinstance(piece, pyarrow().ChunkedArray):
            piece = piece.unify_dictionaries().combine_chunks()
        local = [
            self._places.setdefault(value, len(self._places))
            for value in piece.dictionary.to_pylist()
        ]
        for kind in ("int8", "int16", "int32"):
            if len(self._places) <= np.iinfo(kind).max:
                break
        if self._codes.dtype.itemsize < np.dtype(kind).itemsize:
            self._codes = self._codes.astype(kind)
        # The last place stands for what is missing.
        lookup = np.array([*local, -1], self._codes.dtype)
        indices = piece.indices.fill_null(len(local)).to_numpy(zero_copy_only=False)
        self._codes[start:stop] = lookup[indices]

    def categorical(self) -> Any:
        pd = pandas()
        seen = np.zeros(len(self._places) + 1, bool)
        # In pieces: NumPy makes places of eight bytes of the codes.
        for start in range(0, len(self._codes), _PIECE):
            seen[self._codes[start : start + _PIECE]] = True
        used = np.flatnonzero(seen[:-1])
        categories = np.array(list(self._places), dtype=object)
        if len(used) < len(categories):
            # Row groups of unwanted sessions brought categories of their own.
            renumber = np.full(len(seen), -1, self._codes.dtype)
            renumber[used] = np.arange(len(used))
            self._codes, categories = renumber[self._codes], categories[used]
        dtype = pd.CategoricalDtype(pd.Index(categories.tolist(), dtype="str" if _new() else None))
        return pd.Categorical.from_codes(self._codes, dtype=dtype, validate=False)


def _new() -> bool:
    """Whether text is a type of its own in this pandas."""
    return int(pandas().__version__.split(".")[0]) >= 3


def _is_wanted(table: Table, experiment: str) -> bool:
    return table.wanted is None or experiment in table.wanted


def _only(group: Any, wanted: Collection[str]) -> Any:
    arrow = pyarrow()
    ids = group.column("ID").cast(arrow.string())
    known = arrow.array(sorted(wanted), arrow.string())
    return group.filter(arrow.compute.is_in(ids, value_set=known))
