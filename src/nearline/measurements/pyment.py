"""Rows of Pyment: the age that a brain looks.

Format as bx reads it: ``<session>_prediction.csv`` of one row with the columns id, prediction and
chronological_age.
"""

from __future__ import annotations

from collections.abc import Mapping

from nearline.measurements.csv_table import CsvTable
from nearline.measurements.rows import Rows, RowsBuilder
from nearline.measurements.text_file import refuse

__all__ = ["parse_pyment"]

_COLUMNS = ("prediction", "chronological_age")


def parse_pyment(files: Mapping[str, bytes], *, where: str) -> Rows:
    """Read a prediction.

    Parameters
    ----------
    files : mapping of str to bytes
        Path inside the resource to the whole file.
    where : str
        Names the session in errors.

    Returns
    -------
    Rows
        Measurements ``prediction`` and ``chronological_age`` in years, region None. Corrections
        for age need the whole project and are not made.

    Raises
    ------
    UnreadableMeasurements
        Not such a table.
    """
    rows = RowsBuilder()
    for path, data in files.items():
        table = CsvTable.parse(data, where=f"{where}, {path}")
        table.require("id", *_COLUMNS)
        if len(table) != 1:
            refuse(table.where, f"the table is of {len(table)} sessions, not of one")
        for column in _COLUMNS:
            rows.add(measurement=column, region=None, value=table.number(0, column), unit="years")
        rows.finish_file(path)
    return rows.build()
