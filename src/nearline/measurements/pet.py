"""Rows of PET quantifications: FDG, flutemetamol, tau, CenTauRz.

Formats as bbrc-pyxnat's readers query them: a CSV with one value per line and columns that say
what it is a value of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nearline.measurements.csv_table import CsvTable
from nearline.measurements.rows import Rows, RowsBuilder
from nearline.measurements.text_file import refuse

__all__ = ["OPTIMIZED", "SMOOTHED", "parse_optimized", "parse_smoothed"]

OPTIMIZED = ("reference_region", "optimized_pet")
"""Further columns of FDG and flutemetamol."""

SMOOTHED = ("reference_region", "smoothing_type")
"""Further columns of tau and CenTauRz."""

_KNOWN = ("region", "atlas", "measurement", "value")
_TRUTHS = {"True": True, "False": False, "": None}


def parse_optimized(files: Mapping[str, bytes], *, where: str) -> Rows:
    """Read quantification_results.csv of FDG or flutemetamol.

    Parameters
    ----------
    files : mapping of str to bytes
        Path inside the resource to the whole file.
    where : str
        Names the session in errors.

    Returns
    -------
    Rows
        Line by line, with the extra columns of `OPTIMIZED`. Empty cells are None, or NaN in
        `value`. Other columns are left out, with a note.

    Raises
    ------
    UnreadableMeasurements
        Not such a table.
    """
    return _parse(files, OPTIMIZED, "optimized_pet", where=where)


def parse_smoothed(files: Mapping[str, bytes], *, where: str) -> Rows:
    """Read results of tau PET or CenTauRz as `parse_optimized` does, columns of `SMOOTHED`."""
    return _parse(files, SMOOTHED, "smoothing_type", where=where)


def _parse(
    files: Mapping[str, bytes], extra: tuple[str, ...], required: str, *, where: str
) -> Rows:
    rows = RowsBuilder(extra)
    for path, data in files.items():
        table = CsvTable.parse(data, where=f"{where}, {path}")
        table.require("region", "measurement", "value", required)
        others = [name for name in table.names if name and name not in (*_KNOWN, *extra)]
        for index in range(len(table)):
            rows.add(
                atlas=table.text(index, "atlas") or None,
                measurement=table.text(index, "measurement") or None,
                region=table.text(index, "region") or None,
                value=table.number(index, "value", may_lack=True),
                extra={name: _cell(table, index, name) for name in extra},
            )
        notes = (f"columns left out: {', '.join(others)[:200]}",) if others else ()
        rows.finish_file(path, notes=notes)
    return rows.build()


def _cell(table: CsvTable, index: int, name: str) -> Any:
    text = table.text(index, name)
    if name != "optimized_pet":
        return text or None
    if text not in _TRUTHS:
        refuse(table.where, f"{name} is {text[:20]!r}, not True or False", table.lines[index])
    return _TRUTHS[text]
