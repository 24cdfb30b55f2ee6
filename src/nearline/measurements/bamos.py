"""Rows of BaMoS: white matter lesions by depth and lobe.

As bbrc-pyxnat computes them from ``CorrectLesion_*`` (probability of lesion), ``Layers_*``,
``Lobes_*`` and ``Connect_WS3WT3WC1Lesion_*_corr`` (numbered lesions); a voxel is of a lesion from a
probability of 0.5 on.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from nearline.measurements.nifti import Nifti
from nearline.measurements.rows import Rows, RowsBuilder
from nearline.measurements.text_file import refuse

__all__ = ["LOBES", "parse_lesion_stats", "parse_lesion_volume"]

LOBES = (
    *("background", "left frontal", "right frontal", "left parietal", "right parietal"),
    *("left occipital", "right occipital", "left temporal", "right temporal"),
    *("basal ganglia", "infratentorial"),
)
"""Names of lobes by label."""

_UNIT = "mm^3"
_FIRSTS = ("Connect", "CorrectLesion", "Layers", "Lobes")


def parse_lesion_volume(files: Mapping[str, bytes], *, where: str) -> Rows:
    """Sum the probabilities of all lesions.

    Parameters
    ----------
    files : mapping of str to bytes
        Path inside the resource to the whole NIfTI file.
    where : str
        Names the session in errors.

    Returns
    -------
    Rows
        One row: ``volume`` of region ``lesions`` in mm^3.

    Raises
    ------
    UnreadableMeasurements
        Not a NIfTI-1 image.
    """
    rows = RowsBuilder()
    for path, data in files.items():
        image = Nifti.parse(data, where=f"{where}, {path}")
        values = image.values()
        volume = float(np.sum(values[values >= 0.5])) * image.voxel_volume
        rows.add(measurement="volume", region="lesions", value=volume, unit=_UNIT)
        rows.finish_file(path)
    return rows.build()


def parse_lesion_stats(files: Mapping[str, bytes], *, where: str) -> Rows:
    """Count and sum lesions for every layer and lobe.

    Parameters
    ----------
    files, where
        As for `parse_lesion_volume`; the four images of one session.

    Returns
    -------
    Rows
        Measurements ``n`` (different numbers in the image of numbered lesions, its background
        counted as one, as pyxnat counts) and ``volume``; the extra column ``depth`` is the
        layer, 5 counted to 4.

    Raises
    ------
    UnreadableMeasurements
        An image is missing or not NIfTI-1, shapes differ, a lobe is unknown.
    """
    images: dict[str, Nifti] = {}
    for path, data in files.items():
        kind = PurePosixPath(path).name.partition("_")[0]
        images[kind] = Nifti.parse(data, where=f"{where}, {path}")
    lacking = [kind for kind in _FIRSTS if kind not in images]
    if lacking:
        refuse(where, f"statistics of lesions need {', '.join(lacking)} too")
    lesions = images["CorrectLesion"]
    if len({image.shape for image in images.values()}) != 1:
        refuse(where, "the images of lesions, layers and lobes have different shapes")
    numbers, probability, layers, lobes = (images[kind].values() for kind in _FIRSTS)
    layers[layers == 5] = 4
    depths, depth_of = np.unique(layers, return_inverse=True)
    labels, label_of = np.unique(lobes, return_inverse=True)
    if len(depths) * len(labels) > 10_000 or not set(labels.tolist()) <= set(range(len(LOBES))):
        refuse(where, "the image of lobes or layers has unknown labels")
    place = depth_of * len(labels) + label_of
    count = len(depths) * len(labels)
    volumes = np.bincount(place, np.where(probability >= 0.5, probability, 0.0), count)
    found = _different(place, numbers, count)
    rows = RowsBuilder(("depth",))
    for index in range(count):
        extra = {"depth": depths[index // len(labels)].item()}
        region = LOBES[int(labels[index % len(labels)])]
        volume = float(volumes[index]) * lesions.voxel_volume
        rows.add(measurement="n", region=region, value=float(found[index]), extra=extra)
        rows.add(measurement="volume", region=region, value=volume, unit=_UNIT, extra=extra)
    for path in files:
        rows.finish_file(path)
    return rows.build()


def _different(
    place: NDArray[np.intp], numbers: NDArray[np.float64], count: int
) -> NDArray[np.intp]:
    """How many different numbers each place has, shape (count,)."""
    _, number_of = np.unique(numbers, return_inverse=True)
    width = int(number_of.max()) + 1
    pairs = np.unique(place * width + number_of)
    return np.bincount(pairs // width, minlength=count)
