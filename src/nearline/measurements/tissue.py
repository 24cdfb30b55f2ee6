"""Rows of tissue volumes by SPM12, CAT12 and FSL: sums over probability maps.

As bbrc-pyxnat computes them: the sum of all voxels times the volume of a voxel, for the maps of
gray matter, white matter and cerebrospinal fluid.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

import numpy as np

from nearline.measurements.nifti import Nifti
from nearline.measurements.rows import Rows, RowsBuilder
from nearline.measurements.text_file import refuse

__all__ = ["SUBCORTICAL", "parse_subcortical", "parse_tissues"]

SUBCORTICAL = {
    "L_Thal": 10,
    "L_Caud": 11,
    "L_Puta": 12,
    "L_Pall": 13,
    "BrStem": 16,
    "L_Hipp": 17,
    "L_Amyg": 18,
    "L_Accu": 26,
    "R_Thal": 49,
    "R_Caud": 50,
    "R_Puta": 51,
    "R_Pall": 52,
    "R_Hipp": 53,
    "R_Amyg": 54,
    "R_Accu": 58,
}
"""Labels of FSL's FIRST by the names of its structures."""

_MAP = re.compile(r"(?P<name>[cp][123]|T1_fast_pve_[012])")
_KIND = "Volume_mm3"
_UNIT = "mm^3"


def parse_tissues(files: Mapping[str, bytes], *, where: str) -> Rows:
    """Sum probability maps.

    Parameters
    ----------
    files : mapping of str to bytes
        Path inside the resource to the whole NIfTI file.
    where : str
        Names the session in errors.

    Returns
    -------
    Rows
        Regions ``c1``, ``c2``, ``c3`` (SPM12), ``p1``, ... (CAT12) or ``T1_fast_pve_0``, ...
        (FSL), volumes in mm^3.

    Raises
    ------
    UnreadableMeasurements
        Not a NIfTI-1 image.
    """
    rows = RowsBuilder()
    for path, data in files.items():
        place = f"{where}, {path}"
        image = Nifti.parse(data, where=place)
        named = _MAP.search(PurePosixPath(path).name)
        if named is None:
            refuse(place, "the name of the file is not that of a tissue map")
        value = float(np.sum(image.values())) * image.voxel_volume
        rows.add(measurement=_KIND, region=named["name"], value=value, unit=_UNIT)
        rows.finish_file(path)
    return rows.build()


def parse_subcortical(files: Mapping[str, bytes], *, where: str) -> Rows:
    """Count the voxels of FSL FIRST's structures; as `parse_tissues`, regions of `SUBCORTICAL`."""
    rows = RowsBuilder()
    for path, data in files.items():
        image = Nifti.parse(data, where=f"{where}, {path}")
        values = image.values()
        for region, label in SUBCORTICAL.items():
            volume = int(np.count_nonzero(values == label)) * image.voxel_volume
            rows.add(measurement=_KIND, region=region, value=volume, unit=_UNIT)
        rows.finish_file(path)
    return rows.build()
