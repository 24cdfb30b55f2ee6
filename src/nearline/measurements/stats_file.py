"""FreeSurfer's ``.stats`` files, 5.1 to 7.4, by their own ``ColHeaders`` and ``Measure`` lines.

The format is that of the programs which write it: `mri_segstats` (aseg, wmparc, w-g.pct),
`mris_anatomical_stats` (aparc and other parcellations) and `mri_brainvol_stats` (brainvol) of
github.com/freesurfer/freesurfer. Nothing is taken from the name of the file or of the folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nearline.measurements.text_file import lines_of, number, refuse

__all__ = ["Column", "Measure", "StatsFile"]

NAME = "StructName"
"""The column that names the region."""

MAX_ROWS = 100_000
MAX_COLUMNS = 256

_SIDES = {"lh": "left", "rh": "right", "left": "left", "right": "right"}
_REVISION = re.compile(r"\$?Id: *(\S+),v +(\S+) ")
_VERSION = re.compile(r"\d+\.\d+")

_WITH_TABLE = frozenset({"mri_segstats", "mris_anatomical_stats"})
"""Programs that write a table into every file."""

RELEASES = {
    ("mri_segstats.c", "1.75.2.2"): "5.1",
    ("mri_segstats.c", "1.121"): "6.0",
    ("mris_anatomical_stats.c", "1.79"): "6.0",
}
"""Releases by the revisions of their programs, where public output of the release shows them."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A ``# Measure`` line: one global number.

    Parameters
    ----------
    structure : str
        First field, such as ``BrainSeg`` or ``Cortex``.
    name : str
        Second field, such as ``BrainSegVol``.
    description : str
        Third field; it may contain commas.
    value : float
        In `unit`.
    unit : str
        ``mm^3``, ``mm^2``, ``mm`` or ``unitless``.
    line : int
        Line in the file, from 1.
    regular : bool
        False where the comma between name and description is missing, as in the ``CortexVol``
        of FreeSurfer 6.0's aparc.stats.
    """

    structure: str
    name: str
    description: str
    value: float
    unit: str
    line: int
    regular: bool = True


@dataclass(frozen=True, slots=True)
class Column:
    """A column of numbers.

    Parameters
    ----------
    name : str
        ``ColHeader``, such as ``Volume_mm3``.
    unit : str or None
        Of its ``TableCol`` line, ``NA`` included; None without one.
    values : ndarray of float64, shape (regions,)
        One for each region.
    """

    name: str
    unit: str | None
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StatsFile:
    """A FreeSurfer ``.stats`` file.

    Parameters
    ----------
    where : str
        Names the file for people.
    version : str
        FreeSurfer version, such as ``7.4.1`` or ``6.0``; empty where the file does not tell.
    build : str
        ``cvs_version`` as written, a revision of the program before FreeSurfer 7.
    program : str
        ``generating_program``.
    subject : str
        ``subjectname``.
    hemisphere : str or None
        ``left`` or ``right`` of ``hemi``.
    measures : tuple of Measure
        In the order of the file.
    regions : tuple of str
        Names of the regions in the order of the file; empty for a file without table.
    columns : tuple of Column
        Numbers of the table, the column of names left out.
    headers : mapping of str to str
        Every other ``# key value`` line by its first word.
    """

    where: str
    version: str
    build: str
    program: str
    subject: str
    hemisphere: str | None
    measures: tuple[Measure, ...]
    regions: tuple[str, ...]
    columns: tuple[Column, ...]
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: bytes, *, where: str) -> StatsFile:
        """Read a file from its bytes.

        Parameters
        ----------
        data : bytes
            The whole file.
        where : str
            Names the file in errors.

        Returns
        -------
        StatsFile
            Everything that the file holds.

        Raises
        ------
        UnreadableMeasurements
            Empty, cut, HTML, binary, too large; no ``Measure`` line and no table; a row with
            another number of columns than ``ColHeaders``; ``NRows`` or ``NTableCols`` that
            disagree with the table; a word, NaN or infinity in place of a number; a region or
            measure twice.
        """
        return _Reading(where).read(data)

    @property
    def etiv(self) -> float | None:
        """Estimated total intracranial volume in mm^3: ``eTIV``, or ``ICV`` of FreeSurfer 5.1."""
        found = {measure.name: measure.value for measure in self.measures}
        return found.get("eTIV", found.get("ICV"))

    @property
    def volumes_in_voxels(self) -> bool:
        """Whether the file itself shows that its global volumes count voxels, not mm^3.

        FreeSurfer before 7 counted voxels where they are not of 1 mm^3; 7 writes a line that
        begins with ``BrainVolStatsFixed`` (surfer.nmr.mgh.harvard.edu/fswiki/BrainVolStatsFixed).
        """
        if self.volumes_fixed or self.version[:1] not in {"", "5", "6"}:
            return False
        size = self.headers.get("VoxelVolume_mm3", "").strip()
        try:
            return bool(size) and abs(float(size) - 1) > 0.01
        except ValueError:
            return False

    @property
    def volumes_fixed(self) -> bool:
        """Whether the file says that its global volumes are in mm^3 at any voxel size."""
        return any(key.startswith("BrainVolStatsFixed") for key in self.headers)


class _Reading:
    """State of reading one file."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.headers: dict[str, str] = {}
        self.measures: dict[str, Measure] = {}
        self.units: dict[str, str] = {}
        self.column_names: dict[int, str] = {}
        self.names: list[str] | None = None
        self.cells: list[tuple[int, list[str]]] = []

    def read(self, data: bytes) -> StatsFile:
        lines = lines_of(data, where=self.where)
        for line, text in enumerate(lines, 1):
            if text.startswith("#"):
                self._comment(text[1:].strip(), line)
            elif words := text.split():
                self._row(words, line, ascii_only=text.isascii())
        if self.names is None and not self.measures:
            refuse(self.where, "there is neither a Measure line nor a table (ColHeaders)")
        regions, columns = self._table(len(lines))
        build = self.headers.get("cvs_version", self.headers.get("build", ""))
        return StatsFile(
            where=self.where,
            version=_release(build),
            build=build,
            program=self.headers.get("generating_program", ""),
            subject=self.headers.get("subjectname", ""),
            hemisphere=self._hemisphere(),
            measures=tuple(self.measures.values()),
            regions=regions,
            columns=columns,
            headers=self.headers,
        )

    def _comment(self, text: str, line: int) -> None:
        key, _, rest = text.partition(" ")
        rest = rest.strip()
        match key:
            case "":
                pass
            case "Measure":
                self._measure(rest, line)
            case "TableCol":
                self._table_column(rest)
            case "ColHeaders":
                if self.names is not None:
                    refuse(self.where, "there is a second ColHeaders line", line)
                self.names = self._checked_names(rest.split(), line)
            case _:
                self.headers.setdefault(key, rest)

    def _measure(self, text: str, line: int) -> None:
        # From the right: a description may hold commas. The space keeps 1,5 one wrong number.
        fields = text.rsplit(", ", 2)
        if len(fields) < 3:
            refuse(self.where, f"a Measure line has no value and unit: {text[:80]!r}", line)
        title, value, unit = (part.strip() for part in fields)
        structure, _, rest = (part.strip() for part in title.partition(","))
        name, comma, description = (part.strip() for part in rest.partition(","))
        if not comma and " " in name:
            name, _, description = (part.strip() for part in name.partition(" "))
        if not structure or not name or not unit:
            refuse(self.where, f"a Measure line lacks its name or unit: {text[:80]!r}", line)
        measure = Measure(
            structure=structure,
            name=name,
            description=description,
            value=number(value, where=self.where, line=line, what=name[:80]),
            unit=unit,
            line=line,
            regular=bool(comma),
        )
        known = self.measures.setdefault(name, measure)
        if (known.value, known.unit) != (measure.value, measure.unit):
            refuse(self.where, f"{name[:80]} has another value in line {known.line}", line)

    def _table_column(self, text: str) -> None:
        words = text.split(None, 2)
        if len(words) == 3 and words[0].isascii() and words[0].isdigit() and len(words[0]) < 6:
            index = int(words[0])
            if words[1] == "ColHeader":
                self.column_names[index] = words[2].strip()
            elif words[1] == "Units" and index in self.column_names:
                self.units[self.column_names[index]] = words[2].strip()

    def _checked_names(self, names: list[str], line: int) -> list[str]:
        if NAME not in names:
            refuse(self.where, f"ColHeaders names no {NAME} column", line)
        if len(names) > MAX_COLUMNS:
            refuse(self.where, f"ColHeaders names {len(names)} columns", line)
        if len(set(names)) != len(names):
            refuse(self.where, "ColHeaders names a column twice", line)
        if len(names) == 1:
            refuse(self.where, "ColHeaders names no column of numbers", line)
        return names

    def _row(self, words: list[str], line: int, *, ascii_only: bool) -> None:
        if self.names is None:
            refuse(self.where, "a row of numbers comes before ColHeaders", line)
        if not ascii_only:
            refuse(self.where, "a row holds characters that FreeSurfer does not write", line)
        if len(words) != len(self.names):
            refuse(
                self.where,
                f"the row has {len(words)} columns where ColHeaders names {len(self.names)}",
                line,
            )
        if len(self.cells) >= MAX_ROWS:
            refuse(self.where, f"the table has more than {MAX_ROWS} rows", line)
        self.cells.append((line, words))

    def _table(self, last: int) -> tuple[tuple[str, ...], tuple[Column, ...]]:
        names = self.names
        if names is None:
            self._must_have_no_table(last)
            return (), ()
        self._announced("NTableCols", len(names), "columns")
        self._announced("NRows", len(self.cells), "rows")
        if not self.cells:
            refuse(self.where, "the table has no rows", last)
        at = names.index(NAME)
        regions: dict[str, int] = {}
        for line, words in self.cells:
            if (first := regions.setdefault(words[at], line)) != line:
                refuse(self.where, f"{words[at][:80]} is also in line {first}", line)
        return tuple(regions), tuple(self._columns(names, at))

    def _must_have_no_table(self, last: int) -> None:
        program = self.headers.get("generating_program", "")
        announced = self.column_names or {"NRows", "NTableCols"} & self.headers.keys()
        if announced or program in _WITH_TABLE:
            refuse(self.where, "the file is cut: it ends before its table", last)

    def _columns(self, names: list[str], at: int) -> Iterator[Column]:
        for index, name in enumerate(names):
            if index == at:
                continue
            values = [
                number(words[index], where=self.where, line=line, what=f"{name} of {words[at]}")
                for line, words in self.cells
            ]
            yield Column(name, self.units.get(name), np.array(values, dtype=np.float64))

    def _announced(self, key: str, found: int, what: str) -> None:
        announced = self.headers.get(key)
        if announced is not None and announced != str(found):
            refuse(self.where, f"{key} is {announced[:20]}, but the table has {found} {what}")

    def _hemisphere(self) -> str | None:
        hemisphere = self.headers.get("hemi")
        if hemisphere is None:
            annotation = self.headers.get("Annot", "").split()
            hemisphere = annotation[1] if len(annotation) == 3 else None
        return None if hemisphere is None else _SIDES.get(hemisphere)


def _release(build: str) -> str:
    """FreeSurfer version of a ``cvs_version``; empty for revisions that no release is known of."""
    if revision := _REVISION.match(build):
        program, number_ = revision.groups()
        return RELEASES.get((program, number_), "")
    found = _VERSION.search(build)
    return build[found.start() :].split()[0] if found else ""
