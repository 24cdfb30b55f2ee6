"""Tables of comma-separated values with one header line."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass

from nearline.measurements.text_file import lines_of, number, refuse

__all__ = ["CsvTable"]

MAX_CELLS = 2_000_000


@dataclass(frozen=True, slots=True)
class CsvTable:
    """A table of text.

    Parameters
    ----------
    where : str
        Names the file in errors.
    names : tuple of str
        Of the columns, in order.
    cells : tuple of tuple of str
        Row by row, as many cells as names.
    lines : tuple of int
        Line of each row in the file, from 1.
    """

    where: str
    names: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    @classmethod
    def parse(cls, data: bytes, *, where: str, delimiter: str = ",") -> CsvTable:
        """Read a table from its bytes.

        Parameters
        ----------
        data : bytes
            The whole file. Quoting as RFC 4180; no cell may span lines.
        where : str
            Names the file in errors.
        delimiter : str, optional
            Between cells.

        Returns
        -------
        CsvTable
            Blank lines left out; spaces around names stripped.

        Raises
        ------
        UnreadableMeasurements
            Not a text file or cut; no row; a row with another number of cells than names; a
            name twice.
        """
        rows: list[tuple[int, list[str]]] = []
        total = 0
        for line, text in enumerate(lines_of(data, where=where), 1):
            if not text.strip():
                continue
            try:
                (row,) = csv.reader([text], delimiter=delimiter, strict=True)
            except (csv.Error, ValueError):
                refuse(where, "the line is not comma-separated", line)
            total += len(row)
            if total > MAX_CELLS:
                refuse(where, "the table is too large", line)
            rows.append((line, row))
        names = tuple(name.strip() for name in rows[0][1])
        if len(rows) < 2:
            refuse(where, "the table has no rows", rows[0][0])
        if len(set(names)) != len(names):
            refuse(where, "two columns have one name", rows[0][0])
        for line, row in rows[1:]:
            if len(row) != len(names):
                refuse(where, f"the row has {len(row)} cells, the header {len(names)}", line)
        cells = tuple(tuple(row) for _, row in rows[1:])
        return cls(where, names, cells, tuple(line for line, _ in rows[1:]))

    def __len__(self) -> int:
        return len(self.cells)

    def require(self, *names: str) -> None:
        """Refuse a table that lacks one of these columns."""
        for name in names:
            if name not in self.names:
                refuse(self.where, f"there is no column {name}", 1)

    def text(self, row: int, name: str) -> str:
        """Return one cell; empty if there is no such column.

        Parameters
        ----------
        row : int
            From 0, the header not counted.
        name : str
            Of the column.
        """
        return self.cells[row][self.names.index(name)] if name in self.names else ""

    def number(self, row: int, name: str, *, may_lack: bool = False) -> float:
        """Return one cell as a number.

        Parameters
        ----------
        row : int
            From 0, the header not counted.
        name : str
            Of the column.
        may_lack : bool, optional
            Whether an empty cell, or ``nan`` as Python prints it, is a missing value: NaN.

        Raises
        ------
        UnreadableMeasurements
            It is none.
        """
        text = self.cells[row][self.names.index(name)].strip()
        if may_lack and text in {"", "nan"}:
            return math.nan
        return number(text, where=self.where, line=self.lines[row], what=f"{name[:80]}")
