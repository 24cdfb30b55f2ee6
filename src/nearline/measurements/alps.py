"""Rows of ALPS: diffusivity along the perivascular space.

Formats of github.com/gbarisano/alps, which bbrc-pyxnat reads: ``alps.stat/alps.csv`` of one row
and ``alps.stat/fa+md_alps.csv`` of one row for each diffusion metric.
"""

from __future__ import annotations

from collections.abc import Mapping

from nearline.measurements.csv_table import CsvTable
from nearline.measurements.rows import Rows, RowsBuilder
from nearline.measurements.text_file import refuse

__all__ = ["parse_alps", "parse_alps_diffusion"]

_NO_NUMBERS = frozenset({"id", "scanner", "diffusion_metric"})


def parse_alps(files: Mapping[str, bytes], *, where: str) -> Rows:
    """Read alps.csv.

    Parameters
    ----------
    files : mapping of str to bytes
        Path inside the resource to the whole file.
    where : str
        Names the session in errors.

    Returns
    -------
    Rows
        Measurement ``alps``; the region is the column: ``x_proj_L``, ..., ``alps_L``, ``alps_R``,
        ``alps``. The id is the file's subject; the name of the scanner is left out.

    Raises
    ------
    UnreadableMeasurements
        Not such a table.
    """
    return _parse(files, where=where, metric=None)


def parse_alps_diffusion(files: Mapping[str, bytes], *, where: str) -> Rows:
    """Read fa+md_alps.csv as `parse_alps` does; the measurement is the metric (FA, MD)."""
    return _parse(files, where=where, metric="diffusion_metric")


def _parse(files: Mapping[str, bytes], *, where: str, metric: str | None) -> Rows:
    rows = RowsBuilder()
    for path, data in files.items():
        table = CsvTable.parse(data, where=f"{where}, {path}")
        table.require("id", "scanner", *([metric] if metric else []))
        if metric is None and len(table) != 1:
            refuse(table.where, f"the table is of {len(table)} sessions, not of one")
        seen: set[str] = set()
        for index in range(len(table)):
            name = table.text(index, metric) if metric else "alps"
            if name in seen:
                refuse(table.where, f"{name[:80]} is there twice", table.lines[index])
            seen.add(name)
            for column in table.names:
                if column not in _NO_NUMBERS:
                    value = table.number(index, column)
                    rows.add(measurement=name, region=column, value=value)
        rows.finish_file(path, subject=table.text(0, "id"))
    return rows.build()
