"""Rows of FreeSurfer's ``.stats`` files: aseg, aparc and other parcellations, wmparc, brainvol."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from nearline.measurements.rows import Rows, RowsBuilder
from nearline.measurements.stats_file import Measure, StatsFile
from nearline.measurements.text_file import refuse

__all__ = [
    "ATLASES",
    "VOXEL_VOLUMES",
    "parse_parcellation",
    "parse_parcellation_hires",
    "parse_segmentation",
    "parse_segmentation_hires",
]

ATLASES = {
    "aparc": "desikan-killiany",
    "aparc.a2009s": "destrieux",
    "aparc.DKTatlas": "dkt",
    "aparc.DKTatlas40": "dkt40",
    "aparc.mapped": "dkt",
    "BA": "ba",
    "BA.thresh": "ba.thresh",
    "BA_exvivo": "ba_exvivo",
    "BA_exvivo.thresh": "ba_exvivo.thresh",
}
"""Names of atlases by the annotation that FreeSurfer reads; any other keeps its own name."""

VOXEL_VOLUMES = frozenset(
    {
        "BrainSegVol",
        "BrainSegVolNotVent",
        "SupraTentorialVol",
        "SupraTentorialVolNotVent",
        "lhCerebralWhiteMatterVol",
        "rhCerebralWhiteMatterVol",
        "CerebralWhiteMatterVol",
        "TotalGrayVol",
        "SubCortGrayVol",
        "MaskVol",
        "MaskVol-to-eTIV",
        "BrainSegVol-to-eTIV",
        "lhCortexVol",
        "rhCortexVol",
        "CortexVol",
    }
)
"""Global measures that FreeSurfer 6 gives in voxels where voxels are not of 1 mm^3: those that bx
leaves out of FREESURFER6_HIRES (surfer.nmr.mgh.harvard.edu/fswiki/BrainVolStatsFixed)."""

_KINDS = {
    "mm^3": "Volume_mm3",
    "mm^2": "SurfArea_mm2",
    "mm": "Thickness_mm",
}
"""Measurement of a global measure by its unit, as pyxnat names them."""

_IN_NAME = re.compile(r"(?:^|[._-])(lh|rh)[._-]")
_SIDES = {"lh": "left", "rh": "right"}


def parse_segmentation(files: Mapping[str, bytes], *, where: str) -> Rows:
    """Read aseg.stats, wmparc.stats or brainvol.stats.

    Parameters
    ----------
    files : mapping of str to bytes
        Path inside the resource to the whole file.
    where : str
        Names the session in errors.

    Returns
    -------
    Rows
        Global measures first (``Volume_mm3`` or ``unitless``), then column by column of the
        table, the columns Index and SegId included. Global volumes that the file itself shows
        to be counts of voxels are left out, with a note.

    Raises
    ------
    UnreadableMeasurements
        As `StatsFile.parse`.
    """
    return _segmentation(files, where=where, hires=False)


def parse_segmentation_hires(files: Mapping[str, bytes], *, where: str) -> Rows:
    """Read as `parse_segmentation` does, from ``recon-all -hires`` of FreeSurfer 6.

    Global volumes are left out unless the file says that they are in mm^3.
    """
    return _segmentation(files, where=where, hires=True)


def parse_parcellation(files: Mapping[str, bytes], *, where: str) -> Rows:
    """Read lh and rh files of a cortical parcellation.

    Parameters
    ----------
    files : mapping of str to bytes
        Path inside the resource to the whole file; one or both hemispheres.
    where : str
        Names the session in errors.

    Returns
    -------
    Rows
        For each file its global measures, then its table column by column. Measures of one
        hemisphere (NumVert, WhiteSurfArea, MeanThickness, ...) have its side; measures of the
        whole brain have none and are given once. `atlas` is from the file's own header.

    Raises
    ------
    UnreadableMeasurements
        As `StatsFile.parse`; a file whose header names another hemisphere than its name; two
        files of one hemisphere and atlas.
    """
    return _parcellation(files, where=where, hires=False)


def parse_parcellation_hires(files: Mapping[str, bytes], *, where: str) -> Rows:
    """Read as `parse_parcellation` does, from ``recon-all -hires`` of FreeSurfer 6.

    Global volumes are left out unless the file says that they are in mm^3.
    """
    return _parcellation(files, where=where, hires=True)


def _segmentation(files: Mapping[str, bytes], *, where: str, hires: bool) -> Rows:
    rows = RowsBuilder()
    for path, data in files.items():
        stats = StatsFile.parse(data, where=f"{where}, {path}")
        kept, notes = _usable_measures(stats, hires=hires)
        before = len(rows)
        for measure in kept:
            rows.add(
                measurement=_KINDS.get(measure.unit, measure.unit),
                region=measure.name,
                value=measure.value,
                unit=measure.unit,
            )
        measures = len(rows) - before
        _add_table(rows, stats, side=None, atlas=None)
        _finish(rows, path, stats, notes, measures=measures, hemisphere=stats.hemisphere)
    return rows.build()


def _parcellation(files: Mapping[str, bytes], *, where: str, hires: bool) -> Rows:
    rows = RowsBuilder()
    seen: dict[tuple[str, str | None], str] = {}
    whole: dict[str, tuple[float, str]] = {}
    for path, data in files.items():
        stats = StatsFile.parse(data, where=f"{where}, {path}")
        side, atlas = _side(stats, path), _atlas(stats, path)
        if (other := seen.setdefault((side, atlas), path)) != path:
            refuse(stats.where, f"{other} is also of the {side} hemisphere ({atlas})")
        kept, notes = _usable_measures(stats, hires=hires)
        before = len(rows)
        for measure in kept:
            # Of the measures of the structure Cortex, only CortexVol is of the whole brain.
            own = measure.structure == "Cortex" and measure.name != "CortexVol"
            if not own and measure.name in whole:
                value, first = whole[measure.name]
                if value != measure.value:
                    rows.note(
                        f"{measure.name} is {value:g} in {first} and {measure.value:g} in {path}"
                    )
                continue
            if not own:
                whole[measure.name] = (measure.value, path)
            rows.add(
                side=side if own else None,
                atlas=atlas,
                measurement=_KINDS.get(measure.unit, measure.unit),
                region=measure.name,
                value=measure.value,
                unit=measure.unit,
            )
        measures = len(rows) - before
        _add_table(rows, stats, side=side, atlas=atlas)
        _finish(rows, path, stats, notes, measures=measures, hemisphere=side)
    return rows.build()


def _add_table(rows: RowsBuilder, stats: StatsFile, *, side: str | None, atlas: str | None) -> None:
    for column in stats.columns:
        rows.add_table(
            column.name, stats.regions, column.values, unit=column.unit, side=side, atlas=atlas
        )


def _finish(
    rows: RowsBuilder,
    path: str,
    stats: StatsFile,
    notes: list[str],
    *,
    measures: int,
    hemisphere: str | None,
) -> None:
    rows.finish_file(
        path,
        freesurfer_version=stats.version,
        build=stats.build,
        subject=stats.subject,
        hemisphere=hemisphere,
        etiv=stats.etiv,
        measures=measures,
        irregular=tuple(measure.name for measure in stats.measures if not measure.regular),
        notes=tuple(notes),
    )


def _usable_measures(stats: StatsFile, *, hires: bool) -> tuple[list[Measure], list[str]]:
    """Measures whose unit can be trusted, and a note on the others."""
    in_voxels = stats.volumes_in_voxels or (hires and not stats.volumes_fixed)
    left_out = [m.name for m in stats.measures if in_voxels and m.name in VOXEL_VOLUMES]
    kept = [measure for measure in stats.measures if measure.name not in left_out]
    if not left_out:
        return kept, []
    return kept, [f"{len(left_out)} global volumes were left out: they are in voxels, not mm^3"]


def _side(stats: StatsFile, path: str) -> str:
    """Hemisphere of the header, which must not contradict the name of the file."""
    named = _IN_NAME.search(PurePosixPath(path).name)
    by_name = _SIDES[named[1]] if named else None
    if stats.hemisphere and by_name and stats.hemisphere != by_name:
        refuse(stats.where, f"the name says {by_name} hemisphere, the header {stats.hemisphere}")
    side = stats.hemisphere or by_name
    if side is None:
        refuse(stats.where, "neither the header nor the name of the file tells the hemisphere")
    return side


def _atlas(stats: StatsFile, path: str) -> str | None:
    """Atlas of the annotation that the file was made with, else of the file's name."""
    annotation = PurePosixPath(stats.headers.get("AnnotationFile", "").strip()).name
    if not annotation:
        fields = stats.headers.get("Annot", "").split()
        annotation = fields[2] if len(fields) == 3 else PurePosixPath(path).name
    name = annotation
    for ending in (".short", ".stats", ".annot"):
        name = name.removesuffix(ending)
    if len(name) > 3 and name[:3] in {"lh.", "rh."}:
        name = name[3:]
    for ending in (".pial", ".w-g.pct"):
        name = name.removesuffix(ending)
    return ATLASES.get(name, name)
