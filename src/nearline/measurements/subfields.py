"""Rows of FreeSurfer's segmentations inside structures.

Hippocampal subfields, nuclei of the amygdala and of the thalamus, parts of the brainstem and of
the hypothalamus. Sources in github.com/freesurfer/freesurfer: python/freesurfer/subregions
(lines ``name volume`` with six decimals) and mri_segment_hypothalamic_subunits (CSV of one row).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from nearline.measurements.csv_table import CsvTable
from nearline.measurements.rows import Rows, RowsBuilder
from nearline.measurements.text_file import lines_of, number, refuse

__all__ = [
    "parse_brainstem",
    "parse_hypothalamus",
    "parse_subfields",
    "parse_thalamus",
    "volume_lines",
]

VOLUME = "Volume_mm3"
UNIT = "mm^3"

_SIDES = {"l": "left", "r": "right"}
_ANALYSIS = re.compile(
    r"(?:hippoSfVolumes|amygNucVolumes|brainstemSsVolumes|brainstemSsLabels|ThalamicNuclei"
    r"|hypothalamic_subunits_volumes)(.*?)(?:\.volumes)?\.(?:txt|csv)"
)


def analysis_of(path: str) -> str | None:
    """Mode and version of an analysis by the name of its file.

    Parameters
    ----------
    path : str
        Such as ``mri/lh.hippoSfVolumes-T1.v21.txt``.

    Returns
    -------
    str or None
        Such as ``T1.v21``, ``T1.long.v21``, ``v12``, ``v12.T1``; None if the name tells nothing.
    """
    found = _ANALYSIS.search(PurePosixPath(path).name)
    return (found[1].lstrip("-.") or None) if found else None


def volume_lines(data: bytes, *, where: str) -> Iterator[tuple[str, float]]:
    """Names and volumes of a file with one ``name volume`` per line.

    Parameters
    ----------
    data : bytes
        The whole file.
    where : str
        Names the file in errors.

    Yields
    ------
    (str, float)
        In the order of the file.

    Raises
    ------
    UnreadableMeasurements
        Not such a file, or a name twice.
    """
    seen: dict[str, int] = {}
    for line, text in enumerate(lines_of(data, where=where), 1):
        words = text.split()
        if not words:
            continue
        if len(words) != 2:
            refuse(where, f"the line has {len(words)} words, not a name and a volume", line)
        name, value = words
        if (first := seen.setdefault(name, line)) != line:
            refuse(where, f"{name[:80]} is also in line {first}", line)
        yield name, number(value, where=where, line=line, what=f"the volume of {name[:80]}")


def parse_subfields(files: Mapping[str, bytes], *, where: str) -> Rows:
    """Read hippoSfVolumes or amygNucVolumes, both hemispheres, any number of analyses.

    Parameters
    ----------
    files : mapping of str to bytes
        Path inside the resource to the whole file; names begin with ``lh.`` or ``rh.``.
    where : str
        Names the session in errors.

    Returns
    -------
    Rows
        `analysis` is mode and version of the name: ``T1.v10``, ``T1-T2.v21``, ``v22``.

    Raises
    ------
    UnreadableMeasurements
        Not such a file.
    """
    rows = RowsBuilder()
    for path, data in files.items():
        name = PurePosixPath(path).name
        side = _SIDES.get(name[:1])
        if side is None or name[1:3] != "h.":
            refuse(f"{where}, {path}", "the name of the file does not tell the hemisphere")
        _add_volumes(rows, path, data, where=where, side=side)
    return rows.build()


def parse_brainstem(files: Mapping[str, bytes], *, where: str) -> Rows:
    """Read brainstemSsVolumes; parameters, results and errors as `parse_subfields`, no side."""
    rows = RowsBuilder()
    for path, data in files.items():
        _add_volumes(rows, path, data, where=where, side=None)
    return rows.build()


def parse_thalamus(files: Mapping[str, bytes], *, where: str) -> Rows:
    """Read ThalamicNuclei volumes; as `parse_subfields`, the side is that of each name.

    ``Left-MDm`` becomes region ``MDm`` of the left side.
    """
    rows = RowsBuilder()
    for path, data in files.items():
        place = f"{where}, {path}"
        for label, value in volume_lines(data, where=place):
            side, dash, region = label.partition("-")
            if side not in {"Left", "Right"} or not dash or not region:
                refuse(place, f"{label[:80]} is of neither side (Left-, Right-)")
            _add_volume(rows, side.lower(), analysis_of(path), region, value)
        rows.finish_file(path)
    return _filled(rows, where)


def parse_hypothalamus(files: Mapping[str, bytes], *, where: str) -> Rows:
    """Read hypothalamic_subunits_volumes.v1.csv: one subject, sides from the column names.

    ``left tubular inferior`` becomes region ``tubular inferior`` of the left side, ``whole left``
    region ``whole``.
    """
    rows = RowsBuilder()
    for path, data in files.items():
        place = f"{where}, {path}"
        table = CsvTable.parse(data, where=place)
        if len(table) != 1:
            refuse(place, f"the file has {len(table)} subjects, not one")
        for column in table.names:
            if column == "subject":
                continue
            first, _, last = column.partition(" ")
            region, side = (first, last) if first == "whole" else (last, first)
            if side not in {"left", "right"} or not region:
                refuse(place, f"column {column[:80]!r} is of neither side")
            _add_volume(rows, side, analysis_of(path), region, table.number(0, column))
        rows.finish_file(path, subject=table.text(0, "subject"))
    return _filled(rows, where)


def _add_volumes(
    rows: RowsBuilder, path: str, data: bytes, *, where: str, side: str | None
) -> None:
    for region, value in volume_lines(data, where=f"{where}, {path}"):
        _add_volume(rows, side, analysis_of(path), region, value)
    rows.finish_file(path, hemisphere=side)


def _add_volume(
    rows: RowsBuilder, side: str | None, analysis: str | None, region: str, value: float
) -> None:
    rows.add(
        side=side, analysis=analysis, measurement=VOLUME, region=region, value=value, unit=UNIT
    )


def _filled(rows: RowsBuilder, where: str) -> Rows:
    built = rows.build()
    if not built:
        refuse(where, "the files hold no volumes")
    return built
