"""Rows of SynthSeg: ``synthseg.vol.csv`` and ``synthseg.qc.csv``.

`mri_synthseg` (github.com/freesurfer/freesurfer) writes a header with the names of the structures
and one row per image; the first column names the image.
"""

from __future__ import annotations

from collections.abc import Mapping

from nearline.measurements.csv_table import CsvTable
from nearline.measurements.rows import Rows, RowsBuilder
from nearline.measurements.text_file import refuse

__all__ = ["parse_synthseg_scores", "parse_synthseg_volumes"]


def parse_synthseg_volumes(files: Mapping[str, bytes], *, where: str) -> Rows:
    """Read synthseg.vol.csv.

    Parameters
    ----------
    files : mapping of str to bytes
        Path inside the resource to the whole file.
    where : str
        Names the session in errors.

    Returns
    -------
    Rows
        ``Volume_mm3`` in mm^3 for every structure, names as in the file (``left thalamus``,
        ``ctx-lh-insula``). ``total intracranial`` is SynthSeg's own and no eTIV.

    Raises
    ------
    UnreadableMeasurements
        Not such a table, or one of several images.
    """
    return _parse(files, where=where, measurement="Volume_mm3", unit="mm^3")


def parse_synthseg_scores(files: Mapping[str, bytes], *, where: str) -> Rows:
    """Read synthseg.qc.csv as `parse_synthseg_volumes` reads volumes: scores from 0 to 1."""
    return _parse(files, where=where, measurement="qc", unit="unitless")


def _parse(files: Mapping[str, bytes], *, where: str, measurement: str, unit: str) -> Rows:
    rows = RowsBuilder()
    for path, data in files.items():
        place = f"{where}, {path}"
        table = CsvTable.parse(data, where=place)
        if table.names[0] not in {"", "subject"} or len(table.names) < 2:
            refuse(place, "the first column is not the subject", 1)
        if len(table) != 1:
            refuse(place, f"the table is of {len(table)} images, not of one")
        for name in table.names[1:]:
            rows.add(measurement=measurement, region=name, value=table.number(0, name), unit=unit)
        rows.finish_file(path, subject=table.text(0, table.names[0]))
    return rows.build()
