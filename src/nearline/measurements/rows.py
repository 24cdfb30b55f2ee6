"""Rows of measurements, column by column, and the files that they came from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["COLUMNS", "ParsedFile", "Row", "Rows", "RowsBuilder"]

COLUMNS = ("side", "atlas", "analysis", "measurement", "region", "value", "unit")
"""Columns that all measurements have, in order."""

Row = tuple[str | None, str | None, str | None, str | None, str | None, float, str | None]
"""One row, in the order of `COLUMNS`."""


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """What one file says of itself, and which rows are from it.

    Parameters
    ----------
    path : str
        Path inside the resource.
    start, stop : int
        Its rows, from 0, half-open.
    freesurfer_version : str
        Such as ``7.4.1``; empty where the file does not tell or is not FreeSurfer's.
    build : str
        The version as the file writes it (FreeSurfer before 7 gives revisions of its programs).
    subject : str
        Name of the subject in the file; empty where it does not tell.
    hemisphere : str or None
        ``left``, ``right`` or None.
    etiv : float or None
        Estimated total intracranial volume in mm^3 (``eTIV``; ``ICV`` of FreeSurfer 5.1).
    measures : int
        How many of its rows, the first ones, are global measures and not of its table.
    irregular : tuple of str
        Global measures whose line lacks a comma: pyxnat does not find these.
    notes : tuple of str
        Sentences on what is unusual and does not make the values wrong.
    """

    path: str
    start: int
    stop: int
    freesurfer_version: str = ""
    build: str = ""
    subject: str = ""
    hemisphere: str | None = None
    etiv: float | None = None
    measures: int = 0
    irregular: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rows:
    """Measurements of one session.

    Parameters
    ----------
    side : list of (str or None)
        ``left``, ``right``, or None for what has no side or names it in the region.
    atlas : list of (str or None)
        Parcellation, such as ``desikan-killiany``.
    analysis : list of (str or None)
        Version or mode of an analysis of which several can lie side by side, as ``T1.v21``.
    measurement : list of (str or None)
        As bx and pyxnat name them: ``Volume_mm3``, ``ThickAvg``, ...
    region : list of (str or None)
        Name of the region or global measure.
    value : ndarray of float64, shape (n,)
        The numbers, in `unit`.
    unit : list of (str or None)
        As in the file: ``mm^3``, ``mm``, ``unitless``, ...; None where unknown.
    extra : dict of str to list
        Further columns that only this measurement has, such as ``reference_region``.
    files : tuple of ParsedFile
        Where the rows are from.
    notes : tuple of str
        Sentences on the session as a whole.
    """

    side: list[str | None]
    atlas: list[str | None]
    analysis: list[str | None]
    measurement: list[str | None]
    region: list[str | None]
    value: NDArray[np.float64]
    unit: list[str | None]
    extra: dict[str, list[Any]] = field(default_factory=dict)
    files: tuple[ParsedFile, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.region)

    def __iter__(self) -> Iterator[Row]:
        """Rows in the order of `COLUMNS`, without extra columns."""
        return zip(
            *(self.side, self.atlas, self.analysis, self.measurement, self.region),
            self.value.tolist(),
            self.unit,
            strict=True,
        )

    @property
    def columns(self) -> dict[str, Any]:
        """Every column by name: `COLUMNS`, then the extra ones."""
        return {name: getattr(self, name) for name in COLUMNS} | self.extra

    @property
    def etiv(self) -> float | None:
        """Estimated total intracranial volume in mm^3 of the first file that has one."""
        return next((file.etiv for file in self.files if file.etiv is not None), None)

    def select(self, indices: Sequence[int]) -> Rows:
        """Rows at some indices, in that order, without their files.

        Parameters
        ----------
        indices : sequence of int
            From 0.

        Returns
        -------
        Rows
            With the notes of these rows and no `files`, whose ranges would no longer hold.
        """

        def picked(column: list[Any]) -> list[Any]:
            return [column[i] for i in indices]

        return Rows(
            side=picked(self.side),
            atlas=picked(self.atlas),
            analysis=picked(self.analysis),
            measurement=picked(self.measurement),
            region=picked(self.region),
            value=self.value[np.asarray(indices, dtype=np.intp)],
            unit=picked(self.unit),
            extra={name: picked(column) for name, column in self.extra.items()},
            notes=self.notes,
        )


class RowsBuilder:
    """Collects rows file by file.

    Parameters
    ----------
    extra : iterable of str
        Names of further columns; every row must give them all.
    """

    def __init__(self, extra: Iterable[str] = ()) -> None:
        self._columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
        self._extra: dict[str, list[Any]] = {name: [] for name in extra}
        self._files: list[ParsedFile] = []
        self._notes: list[str] = []

    def __len__(self) -> int:
        return len(self._columns["region"])

    def add(
        self,
        *,
        region: str | None,
        value: float,
        measurement: str | None,
        unit: str | None = None,
        side: str | None = None,
        atlas: str | None = None,
        analysis: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        """Add one row."""
        row = (side, atlas, analysis, measurement, region, value, unit)
        for column, item in zip(self._columns.values(), row, strict=True):
            column.append(item)
        for name, column in self._extra.items():
            column.append((extra or {})[name])

    def add_table(
        self,
        measurement: str,
        regions: Sequence[str],
        values: NDArray[np.float64],
        *,
        unit: str | None,
        side: str | None,
        atlas: str | None,
    ) -> None:
        """Add a row for each region: one column of a table. For builders without extra columns."""
        count = len(regions)
        columns = self._columns
        columns["side"].extend([side] * count)
        columns["atlas"].extend([atlas] * count)
        columns["analysis"].extend([None] * count)
        columns["measurement"].extend([measurement] * count)
        columns["region"].extend(regions)
        columns["value"].extend(values.tolist())
        columns["unit"].extend([unit] * count)

    def finish_file(self, path: str, **facts: Any) -> None:
        """Close a file: the rows since the last one are its own.

        Parameters
        ----------
        path : str
            Path inside the resource.
        **facts
            Further attributes of `ParsedFile`.
        """
        start = self._files[-1].stop if self._files else 0
        self._files.append(ParsedFile(path, start, len(self), **facts))

    def note(self, sentence: str) -> None:
        """Keep a sentence on the session."""
        self._notes.append(sentence)

    def build(self) -> Rows:
        """Rows so far."""
        columns = self._columns
        return Rows(
            side=columns["side"],
            atlas=columns["atlas"],
            analysis=columns["analysis"],
            measurement=columns["measurement"],
            region=columns["region"],
            value=np.array(columns["value"], dtype=np.float64),
            unit=columns["unit"],
            extra=self._extra,
            files=tuple(self._files),
            notes=tuple(self._notes),
        )
