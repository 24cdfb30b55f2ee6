"""Rows of QSMxT: susceptibility in the regions of a segmentation.

Format of QSMxT's analysis (github.com/QSMxT/QSMxT), which bbrc-pyxnat reads: a CSV with a line per
region and the columns num_voxels, min, max, median, mean and std.
"""

from __future__ import annotations

from collections.abc import Mapping

from nearline.measurements.csv_table import CsvTable
from nearline.measurements.rows import Rows, RowsBuilder
from nearline.measurements.text_file import refuse

__all__ = ["parse_qsmxt"]

_COLUMNS = ("num_voxels", "min", "max", "median", "mean", "std")


def parse_qsmxt(files: Mapping[str, bytes], *, where: str) -> Rows:
    """Read a table of ``region_analysis``.

    Parameters
    ----------
    files : mapping of str to bytes
        Path inside the resource to the whole file.
    where : str
        Names the session in errors.

    Returns
    -------
    Rows
        The region is the column ``roi``; values that could not be computed are NaN.

    Raises
    ------
    UnreadableMeasurements
        Not such a table, several subjects, or a region twice.
    """
    rows = RowsBuilder()
    for path, data in files.items():
        table = CsvTable.parse(data, where=f"{where}, {path}")
        table.require("roi", *_COLUMNS)
        subjects = {table.text(index, "subject") for index in range(len(table))}
        regions = [table.text(index, "roi") for index in range(len(table))]
        if len(subjects) != 1 or len(set(regions)) != len(regions):
            refuse(table.where, "the table does not give each region of one subject once")
        for column in _COLUMNS:
            for index, region in enumerate(regions):
                value = table.number(index, column, may_lack=True)
                rows.add(measurement=column, region=region, value=value)
        rows.finish_file(path, subject=subjects.pop())
    return rows.build()
