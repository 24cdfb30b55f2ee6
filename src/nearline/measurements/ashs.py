"""Rows of ASHS: volumes of hippocampal subfields, and the intracranial volume.

Formats as bbrc-pyxnat's reader takes them: ``final/<subject>_<side>_<mode>_volumes.txt`` with lines
``subject side region slices volume`` and ``final/<subject>_icv.txt`` with ``subject volume``
(github.com/pyushkevich/ashs writes them). Volumes in mm^3.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from nearline.measurements.rows import Rows, RowsBuilder
from nearline.measurements.text_file import lines_of, number, refuse

__all__ = ["parse_ashs"]

VOLUME = "volume"
SLICES = "n_slices"
TIV = "tiv"
UNIT = "mm^3"


def parse_ashs(files: Mapping[str, bytes], *, where: str) -> Rows:
    """Read the volumes of both sides and the intracranial volume.

    Parameters
    ----------
    files : mapping of str to bytes
        Path inside the resource to the whole file.
    where : str
        Names the session in errors.

    Returns
    -------
    Rows
        For every region the measurements ``n_slices`` and ``volume``; the intracranial volume is
        region ``tiv`` without side. `analysis` is the mode, such as ``corr_nogray``.

    Raises
    ------
    UnreadableMeasurements
        Not such a file; a region twice; a side that is not the one of the file's name.
    """
    rows = RowsBuilder()
    for path, data in files.items():
        if path.endswith("icv.txt"):
            _add_icv(rows, path, data, where=where)
        else:
            _add_side(rows, path, data, where=where)
    return rows.build()


def mode_of(path: str) -> str:
    """Return the mode of a volumes file, such as ``corr_nogray``, from its name."""
    stem = PurePosixPath(path).name.removesuffix("_volumes.txt")
    for side in ("_left_", "_right_"):
        if side in stem:
            return stem.rpartition(side)[2]
    return stem


def _add_icv(rows: RowsBuilder, path: str, data: bytes, *, where: str) -> None:
    place = f"{where}, {path}"
    found = [
        (line, text.split())
        for line, text in enumerate(lines_of(data, where=place), 1)
        if text.strip()
    ]
    line, words = found[0]
    if len(found) != 1 or len(words) != 2:
        refuse(place, "this is not one line with a subject and a volume", line)
    value = number(words[1], where=place, line=line, what="the intracranial volume")
    rows.add(region=TIV, measurement=VOLUME, value=value, unit=UNIT)
    rows.finish_file(path, subject=words[0], etiv=value)


def _add_side(rows: RowsBuilder, path: str, data: bytes, *, where: str) -> None:
    place = f"{where}, {path}"
    named = "left" if "_left_" in path.rpartition("/")[2] else "right"
    subject = ""
    seen: dict[str, int] = {}
    for line, text in enumerate(lines_of(data, where=place), 1):
        words = text.split()
        if not words:
            continue
        if len(words) != 5:
            refuse(place, f"the line has {len(words)} words, not 5", line)
        subject, side, region = words[:3]
        if side != named:
            refuse(place, f"the side is {side[:20]!r}, the name of the file says {named}", line)
        if (first := seen.setdefault(region, line)) != line:
            refuse(place, f"{region[:80]} is also in line {first}", line)
        slices = number(words[3], where=place, line=line, what=f"the slices of {region[:80]}")
        value = number(words[4], where=place, line=line, what=f"the volume of {region[:80]}")
        if slices != int(slices):
            refuse(place, f"the slices of {region[:80]} are {words[3]}", line)
        mode = mode_of(path)
        for name, one, unit in ((SLICES, slices, "unitless"), (VOLUME, value, UNIT)):
            rows.add(
                side=side, analysis=mode, region=region, measurement=name, value=one, unit=unit
            )
    rows.finish_file(path, subject=subject, hemisphere=named)
