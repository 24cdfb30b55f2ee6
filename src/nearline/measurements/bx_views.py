"""Rows in the shape of pyxnat's frames: the columns, the regions and the order that bx gives.

The parsers keep everything that a file holds. What bbrc-pyxnat leaves out, or orders otherwise,
is said here and nowhere else. Values are float64 where it has text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from nearline.errors import InvalidOption
from nearline.measurements.freesurfer import VOXEL_VOLUMES
from nearline.measurements.rows import ParsedFile, Row, Rows

__all__ = ["BX_COLUMNS", "bx_view"]

BX_COLUMNS: dict[str, tuple[str, ...]] = {
    "aseg": ("measurement", "region", "value"),
    "aparc": ("side", "measurement", "region", "value"),
    "aparc.a2009s": ("side", "measurement", "region", "value"),
    "hippoSfVolumes": ("side", "region", "value"),
    "amygNucVolumes": ("side", "region", "value"),
    "brainstem": ("region", "value"),
    "thalamus": ("side", "region", "value"),
    "hypothalamus": ("side", "region", "value"),
    "volumes": ("subject", "side", "region", "n_slices", "volume"),
}
"""Columns of pyxnat's frames by measurement; ``volumes`` is that of ASHS."""

_ASEG_VOLUMES = (
    "BrainSegVol",
    "BrainSegVolNotVent",
    "BrainSegVolNotVentSurf",
    "VentricleChoroidVol",
    "lhCortexVol",
    "rhCortexVol",
    "lhCerebralWhiteMatterVol",
    "rhCerebralWhiteMatterVol",
    "CerebralWhiteMatterVol",
    "SubCortGrayVol",
    "TotalGrayVol",
    "SupraTentorialVol",
    "SupraTentorialVolNotVent",
    "SupraTentorialVolNotVentVox",
    "MaskVol",
    "eTIV",
)
_ASEG_RATIOS = (
    "BrainSegVol-to-eTIV",
    "MaskVol-to-eTIV",
    "lhSurfaceHoles",
    "rhSurfaceHoles",
    "SurfaceHoles",
)
_NOT_IN_7 = frozenset({"BrainSegVolNotVentSurf", "SupraTentorialVolNotVentVox"})
"""Left out of the aseg of resources called FREESURFER7, whatever their files hold."""

_APARC_WHOLE = (
    "BrainSegVol",
    "BrainSegVolNotVent",
    "BrainSegVolNotVentSurf",
    "CortexVol",
    "SupraTentorialVol",
    "SupraTentorialVolNotVent",
    "eTIV",
)
_APARC_OWN = ("MeanThickness", "WhiteSurfArea", "NumVert")

Table = dict[str, list[Any]]


def bx_view(rows: Rows, measurement: str, resource_name: str) -> Table:
    """Return the table that bbrc-pyxnat's function of that name gives.

    Parameters
    ----------
    rows : Rows
        Of one session, with their files.
    measurement : str
        One of `BX_COLUMNS`.
    resource_name : str
        Label of the resource: pyxnat leaves two measures out of ``FREESURFER7``, and bx leaves
        global volumes out of labels that end in ``_HIRES``.

    Returns
    -------
    dict of str to list
        Column by column, in the order of pyxnat's frame; missing values are None. A measure
        that the file lacks is left out (pyxnat raises IndexError then).

    Raises
    ------
    InvalidOption
        pyxnat has no such table.
    """
    if measurement not in BX_COLUMNS:
        raise InvalidOption(
            f"bx has no table {measurement!r}: use one of {', '.join(BX_COLUMNS)}, or collect()."
        )
    columns = BX_COLUMNS[measurement]
    lines = list(_VIEWS[measurement](rows, resource_name))
    if not lines:
        return {name: [] for name in columns}
    return {
        name: list(cells) for name, cells in zip(columns, zip(*lines, strict=True), strict=True)
    }


def _aseg(rows: Rows, label: str) -> Iterator[tuple[Any, ...]]:
    every = list(rows)
    file = rows.files[0]
    measures = _measures(every, file)
    for kind, names in (("Volume_mm3", _ASEG_VOLUMES), ("unitless", _ASEG_RATIOS)):
        for name in names:
            deprecated = label == "FREESURFER7" and name in _NOT_IN_7
            if name in measures and not deprecated and not _in_voxels(name, label):
                yield kind, name, measures[name]
    for row in _table(every, file):
        yield row[3], row[4], row[5]


def _aparc(rows: Rows, label: str) -> Iterator[tuple[Any, ...]]:
    every = list(rows)
    whole: dict[str | None, float] = {}
    for file in rows.files:
        whole = _measures(every, file) | whole
    for file in rows.files:
        side, own = file.hemisphere, _measures(every, file)
        # pyxnat takes measures of the whole brain from the left file, and splits lines at commas.
        if side == "left":
            for name in _APARC_WHOLE:
                if name in whole and name not in file.irregular and not _in_voxels(name, label):
                    yield None, "Volume_mm3", name, whole[name]
        kinds = ("Thickness_mm", "SurfArea_mm2", "unitless")
        for kind, name in zip(kinds, _APARC_OWN, strict=True):
            if name in own:
                yield side, kind, name, own[name]
        for row in _table(every, file):
            yield side, row[3], row[4], row[5]


def _in_voxels(name: str, label: str) -> bool:
    return label.endswith("_HIRES") and name in VOXEL_VOLUMES


def _measures(every: list[Row], file: ParsedFile) -> dict[str | None, float]:
    return {row[4]: row[5] for row in every[file.start : file.start + file.measures]}


def _table(every: list[Row], file: ParsedFile) -> Iterable[Row]:
    return every[file.start + file.measures : file.stop]


def _subfields(rows: Rows, label: str) -> Iterator[tuple[Any, ...]]:
    del label
    for side, _, analysis, _, region, value, _ in rows:
        if analysis is not None and analysis.startswith("T1.v"):
            yield side, region, value


def _sided_regions(rows: Rows, label: str) -> Iterator[tuple[Any, ...]]:
    del label
    file = rows.files[0]
    for side, _, _, _, region, value, _ in list(rows)[file.start : file.stop]:
        yield side, region, value


def _regions(rows: Rows, label: str) -> Iterator[tuple[Any, ...]]:
    return (row[1:] for row in _sided_regions(rows, label))


def _ashs(rows: Rows, label: str) -> Iterator[tuple[Any, ...]]:
    del label
    every = list(rows)
    for file in rows.files:
        found: dict[tuple[str | None, str | None], dict[str | None, float]] = {}
        for side, _, _, measurement, region, value, _ in every[file.start : file.stop]:
            found.setdefault((side, region), {})[measurement] = value
        for (side, region), values in found.items():
            yield file.subject, side, region, values.get("n_slices"), values["volume"]


_VIEWS: dict[str, Callable[[Rows, str], Iterator[tuple[Any, ...]]]] = {
    "aseg": _aseg,
    "aparc": _aparc,
    "aparc.a2009s": _aparc,
    "hippoSfVolumes": _subfields,
    "amygNucVolumes": _subfields,
    "brainstem": _regions,
    "thalamus": _sided_regions,
    "hypothalamus": _sided_regions,
    "volumes": _ashs,
}
