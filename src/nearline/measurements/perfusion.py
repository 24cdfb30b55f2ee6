"""Rows of arterial spin labelling: BASIL and TE-ASL, as FSL's oxford_asl leaves them.

Formats as bbrc-pyxnat reads them: one number in each ``native_space/**/*.txt``, and
``region_analysis*.csv`` with a line per region.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from nearline.measurements.csv_table import CsvTable
from nearline.measurements.rows import Rows, RowsBuilder
from nearline.measurements.text_file import lines_of, number, refuse

__all__ = ["ANALYSES", "parse_perfusion", "parse_region_analysis"]

_RENAMED = {
    "arrival_wm_wm_mean": "arrival_wm_mean",
    "perfusion_wm_wm_mean": "perfusion_wm_mean",
    "perfusion_wm_calib_wm_mean": "perfusion_calib_wm_mean",
}
"""Names that oxford_asl doubles, and what pyxnat calls them."""

ANALYSES = {
    "region_analysis.csv": "whole_brain",
    "region_analysis_gm.csv": "GM",
    "region_analysis_wm.csv": "WM",
    "region_analysis_arrival.csv": "whole_brain_arrival",
    "region_analysis_arrival_gm.csv": "GM_arrival",
    "region_analysis_arrival_wm.csv": "WM_arrival",
}
"""Analysis by the name of the file."""

_COLUMNS = ("Nvoxels", "Mean", "Std", "Median", "IQR", "Precision-weighted mean", "I2")


def parse_perfusion(files: Mapping[str, bytes], *, where: str) -> Rows:
    """Read mean values of perfusion and arrival time.

    Parameters
    ----------
    files : mapping of str to bytes
        Path inside the resource to the whole file.
    where : str
        Names the session in errors.

    Returns
    -------
    Rows
        The measurement is the name of the file, the region None; the extra column ``pvcorr``
        says whether the value is corrected for partial volume, ``filepath`` where it is from.

    Raises
    ------
    UnreadableMeasurements
        A file that is not one number.
    """
    rows = RowsBuilder(("pvcorr", "filepath"))
    for path, data in files.items():
        place = f"{where}, {path}"
        words = [word for text in lines_of(data, where=place) for word in text.split()]
        if len(words) != 1:
            refuse(place, f"the file has {len(words)} words, not one number")
        name = PurePosixPath(path).name.removesuffix(".txt")
        rows.add(
            measurement=_RENAMED.get(name, name),
            region=None,
            value=number(words[0], where=place, line=1, what="the mean"),
            extra={"pvcorr": "pvcorr" in path, "filepath": path},
        )
        rows.finish_file(path)
    return rows.build()


def parse_region_analysis(files: Mapping[str, bytes], *, where: str) -> Rows:
    """Read statistics of regions of the Harvard-Oxford atlases.

    Parameters
    ----------
    files, where
        As for `parse_perfusion`.

    Returns
    -------
    Rows
        `analysis` is one of `ANALYSES`; the measurements are Nvoxels, Mean, Std, Median, IQR,
        Precision-weighted mean and I2. Values that the program could not compute are NaN.

    Raises
    ------
    UnreadableMeasurements
        Not such a table, or a region twice.
    """
    rows = RowsBuilder()
    for path, data in files.items():
        table = CsvTable.parse(data, where=f"{where}, {path}")
        table.require(*_COLUMNS)
        analysis = ANALYSES[PurePosixPath(path).name]
        regions = [cells[0] for cells in table.cells]
        if table.names[0] in _COLUMNS or len(set(regions)) != len(regions):
            refuse(table.where, "the first column does not name each region once")
        for column in _COLUMNS:
            for index, region in enumerate(regions):
                value = table.number(index, column, may_lack=True)
                rows.add(analysis=analysis, measurement=column, region=region, value=value)
        rows.finish_file(path)
    return rows.build()
