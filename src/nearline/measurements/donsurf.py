"""Rows of DONSURF: diffusivity on the cortex, in the form of FreeSurfer's parcellations.

Formats as bbrc-pyxnat reads them: ``<metric>/stats/?h.aparc.stats``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import PurePosixPath

from nearline.measurements.freesurfer import parse_parcellation
from nearline.measurements.rows import Rows

__all__ = ["parse_donsurf"]


def parse_donsurf(files: Mapping[str, bytes], *, where: str) -> Rows:
    """Read lh and rh files of one metric.

    Parameters
    ----------
    files : mapping of str to bytes
        Path inside the resource to the whole file.
    where : str
        Names the session in errors.

    Returns
    -------
    Rows
        As `parse_parcellation`, with the metric as `analysis`. The files' columns ThickAvg and
        ThickStd hold diffusivity: they are called DiffuAvg and DiffuStd, as bx calls them, and
        have no unit.

    Raises
    ------
    UnreadableMeasurements
        As `parse_parcellation`.
    """
    rows = parse_parcellation(files, where=where)
    metrics = [PurePosixPath(file.path).parent.parent.name for file in rows.files]
    analysis: list[str | None] = []
    for file, metric in zip(rows.files, metrics, strict=True):
        analysis += [metric] * (file.stop - file.start)
    diffusive = [name is not None and "Thick" in name for name in rows.measurement]
    return dataclasses.replace(
        rows,
        analysis=analysis,
        measurement=[name and name.replace("Thick", "Diffu") for name in rows.measurement],
        unit=[None if is_d else unit for is_d, unit in zip(diffusive, rows.unit, strict=True)],
    )
