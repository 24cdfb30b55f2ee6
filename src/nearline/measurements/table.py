"""What a user gets: the numbers, the sessions, the report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .derive import HEADER, Table
from .extras import pandas, pyarrow
from .load import frame_of, groups_of

if TYPE_CHECKING:
    import pandas as pd

    from .report import Report

__all__ = ["Collection", "SessionRow"]


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session of a run.

    Attributes
    ----------
    project, subject, session, ID : str
        Project and labels as listed, and the experiment's id.
    date : str
        As listed; empty if it is blank.
    shared : bool
        Whether it belongs to another project primarily.
    status : str
        ``ok``, ``no resource``, ``file missing``, ``unreadable``, ``forbidden`` or ``failed``.
    why : str
        A sentence if it is not ok.
    note : str
        What should be known if it is.
    freesurfer_version : str
        As the files state it.
    files : tuple of (str, str, str)
        URI, SHA-256 and MD5 of each file.
    facts : mapping
        See `Result`.
    read : float or None
        Seconds since the epoch when the bytes were received.
    has_rows : bool
        Whether it has numbers: also where only one of two hemispheres is there.
    """

    project: str
    subject: str
    session: str
    ID: str
    date: str
    shared: bool
    status: str
    why: str
    note: str
    freesurfer_version: str
    files: tuple[tuple[str, str, str], ...]
    facts: Mapping[str, Any]
    read: float | None
    has_rows: bool


class Collection:
    """Measurements of one kind, of all sessions of one or more projects.

    Parameters
    ----------
    tables : sequence of Table
        One for each project.
    rows : sequence of SessionRow
        The sessions of this run.
    report : Report
        What the run came to.
    facts : mapping
        Provenance of the whole.

    Attributes
    ----------
    tables, rows, report
        As given.
    """

    def __init__(
        self,
        tables: Sequence[Table],
        rows: Sequence[SessionRow],
        report: Report,
        facts: Mapping[str, Any],
    ) -> None:
        self.tables = tuple(tables)
        self.rows = tuple(rows)
        self.report = report
        self._facts = dict(facts)

    @property
    def measurement(self) -> str:
        """Name of the measurement."""
        return self.report.measurement

    def __repr__(self) -> str:
        """Return what it is, without loading it."""
        ok = self.report.statuses.get("ok", 0)
        return f"<Collection {self.measurement}: {ok} of {len(self.rows)} sessions>"

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The numbers in long form, loaded when first used.

        Columns: ``project``, ``subject``, ``session`` (labels), ``ID`` (experiment), then
        ``side``, ``atlas``, ``analysis``, ``measurement``, ``region`` (categories; missing where
        they do not apply), ``value`` (float64), ``unit``, columns that only this measurement
        has, and ``eTIV`` (float64, mm^3, of the session; NaN where it is unknown). Columns
        that are missing throughout stay, so that all runs give the same ones.

        Rows are sorted by project, subject, session id, and lie in the order of the files.
        ``frame.attrs["nearline"]`` is a dict of provenance, ``frame.attrs["nearline_sessions"]``
        a JSON text with URI and digest of every file.
        """
        frame = frame_of(self.tables)
        frame.attrs.update(self.provenance())
        return frame

    def arrow(self) -> Any:
        """Return the numbers as a `pyarrow.Table`, dictionary-encoded, columns as in `frame`."""
        groups = list(groups_of(self.tables))
        arrow = pyarrow()
        whole = arrow.concat_tables(groups) if groups else self.tables[0].schema.empty_table()
        return whole.unify_dictionaries()

    def provenance(self) -> dict[str, Any]:
        """Return what goes into the `attrs` of frames."""
        sessions = [
            {
                "ID": row.ID,
                "freesurfer_version": row.freesurfer_version,
                "read": row.read,
                "files": [{"uri": u, "sha256": s, "md5": m} for u, s, m in row.files],
            }
            for row in self.rows
            if row.has_rows
        ]
        # One text: pandas copies attrs deeply whenever a frame is made from another.
        return {"nearline": dict(self._facts), "nearline_sessions": json.dumps(sessions)}

    @cached_property
    def sessions(self) -> pd.DataFrame:
        """One row per session, whatever became of it.

        Columns: ``project``, ``subject``, ``session``, ``ID``, ``date``, ``shared``, ``status``,
        ``why``, ``note``, ``freesurfer_version``, ``digest`` (MD5 of its files, in the order of
        ``uri``, separated by spaces), ``uri``, ``read`` (UTC, when the bytes were received).
        """
        pd = pandas()
        names = (
            *HEADER, "date", "shared", "status", "why", "note", "freesurfer_version",
        )  # fmt: skip
        columns: dict[str, list[Any]] = {
            name: [getattr(row, name) for row in self.rows] for name in names
        }
        columns["digest"] = [" ".join(md5 for _, _, md5 in row.files) for row in self.rows]
        columns["uri"] = [" ".join(uri for uri, _, _ in row.files) for row in self.rows]
        frame = pd.DataFrame(columns)
        frame["shared"] = frame["shared"].astype(bool)
        read = [None if row.read is None else round(row.read * 1000) for row in self.rows]
        frame["read"] = pd.to_datetime(pd.Series(read, dtype="Int64"), unit="ms", utc=True)
        frame.attrs["nearline"] = dict(self._facts)
        return frame

    def wide(self) -> pd.DataFrame:
        """Return one row per session, one column per measurement and region.

        Returns
        -------
        DataFrame
            Index ``project, subject, session, ID``; columns of float64 named after what tells
            them apart: ``atlas``, ``analysis``, ``side``, ``measurement`` and ``region`` joined
            by dots, leaving out what is missing. A session that states a number twice (as the
            globals in files of both hemispheres) keeps the first.
        """
        pd = pandas()
        frame = self.frame
        keys = [
            name
            for name in frame.columns
            if name not in (*HEADER, "value", "unit", "eTIV") and frame[name].notna().any()
        ]
        order = [name for name in _NAMING if name in keys]
        order += [name for name in keys if name not in order]
        distinct = frame[order].drop_duplicates()
        labels = [
            ".".join(str(value) for value in row if not pd.isna(value))
            for row in distinct.itertuples(index=False)
        ]
        codes = frame.groupby(order, observed=True, dropna=False, sort=False).ngroup()
        flat = pd.DataFrame(
            {name: frame[name].astype(str) for name in HEADER}
            | {"number": codes.to_numpy(), "value": frame["value"].to_numpy()}
        ).drop_duplicates([*HEADER, "number"])
        wide = flat.pivot(index=list(HEADER), columns="number", values="value")
        wide.columns = pd.Index([labels[code] for code in wide.columns], name=None)
        wide.attrs.update(frame.attrs)
        return wide

    def quality(self) -> pd.DataFrame:
        """Return what looks wrong, one row per finding.

        Returns
        -------
        DataFrame
            Columns of `HEADER`, ``finding`` and ``detail``. Findings: ``versions mixed``
            (files of several FreeSurfer versions), ``hemisphere missing``, ``two analyses``,
            ``eTIV differs`` (between files of the session), and ``version differs`` (from that
            of most sessions).
        """
        pd = pandas()
        found = []
        versions = [row.freesurfer_version for row in self.rows if row.freesurfer_version]
        usual = max(sorted(set(versions)), key=versions.count) if versions else ""
        sides = {side for row in self.rows for side in row.facts.get("sides", ())}
        for row in self.rows:
            if not row.has_rows:
                continue
            for finding, detail in _findings(row, sides, usual):
                found.append((row.project, row.subject, row.session, row.ID, finding, detail))
        return pd.DataFrame(found, columns=[*HEADER, "finding", "detail"])


_NAMING = ("atlas", "analysis", "side", "measurement", "region")


def _findings(row: SessionRow, sides: set[str], usual: str) -> list[tuple[str, str]]:
    found = []
    versions = row.facts.get("versions", ())
    if len(versions) > 1:
        found.append(("versions mixed", ", ".join(versions)))
    elif row.freesurfer_version and row.freesurfer_version != usual:
        found.append(("version differs", f"{row.freesurfer_version}, mostly {usual}"))
    missing = sides - set(row.facts.get("sides", ()))
    if missing:
        found.append(("hemisphere missing", ", ".join(sorted(missing))))
    analyses = row.facts.get("analyses", ())
    if len(analyses) > 1:
        found.append(("two analyses", ", ".join(analyses)))
    etivs = row.facts.get("etivs", ())
    if etivs and max(etivs) - min(etivs) > _ROUNDING * max(etivs):
        found.append(("eTIV differs", ", ".join(f"{etiv:g}" for etiv in etivs)))
    return found


_ROUNDING = 1e-6
"""Relative difference of numbers that were printed with six decimals."""
