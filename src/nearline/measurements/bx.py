"""`cache_freesurfer6` and `cache_ashs`: bx's calls, results and log lines over `collect`."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import md5
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nearline.errors import InvalidOption

from .bx_views import BX_COLUMNS
from .collect import gathered
from .export import EXCEL_ROWS
from .extras import openpyxl, pandas, pyarrow
from .plan import Plan, planned
from .shapes import bx_shape

if TYPE_CHECKING:
    import pandas as pd

    from .table import Collection

__all__ = ["cache_ashs", "cache_freesurfer6"]

log = logging.getLogger("nearline.measurements")

_WITH_ETIV = ("aseg", "hippoSfVolumes")
"""Tables to which bx adds the eTIV of the session's aseg.stats."""

_DEFAULT = ("aseg", "aparc", "hippoSfVolumes")


def cache_freesurfer6(
    c: Any,
    project_id: str | Sequence[str] | None = None,
    resource_name: str = "FREESURFER6",
    measurements: Sequence[str] = _DEFAULT,
    od: str | Path | None = None,
    force: bool = False,
    max_rows: int | None = None,
    *,
    verify: str = "normal",
    on_error: str = "report",
    offline: bool = False,
) -> list[pd.DataFrame]:
    """Collect FreeSurfer measurements of one or more projects, as `bx.cache` does.

    Parameters
    ----------
    c : pyxnat Interface, xnatpy session or str
        The server, or its URL.
    project_id : str or sequence of str
        Project ids.
    resource_name : str, optional
        Label of the resource.
    measurements : sequence of str, optional
        Of "aseg", "aparc", "hippoSfVolumes", and what else pyxnat has functions for.
    od : str or Path, optional
        Folder for copies of the tables under bx's names; none by default.
    force : bool, optional
        Fetch everything again.
    max_rows : int, optional
        Take only so many sessions.
    verify : {"fast", "normal", "strict", "full"}, optional
        See `nearline.collect`.
    on_error : {"report", "raise"}, optional
        See `nearline.collect`.
    offline : bool, optional
        Ask no server: give what is held, as of its last check.

    Returns
    -------
    list of DataFrame
        In the order of `measurements`: index ``subject``, columns of pyxnat's frames, ``ID`` and,
        for aseg and hippoSfVolumes, ``eTIV``. Numbers are float64, text is text, in every run.

    Raises
    ------
    NearlineError
        As `nearline.collect`.
    """
    names = [measurements] if isinstance(measurements, str) else list(measurements)
    _refuse_unknown(names)
    began = time.monotonic()
    projects = _projects(project_id)
    digest = _digest((projects, resource_name, names))
    log.info("MD5: %s", digest)
    also = ["aseg"] if set(names) & set(_WITH_ETIV) else []
    plan = planned(
        projects, [*names, *also], resource=resource_name, verify=verify, on_error=on_error,
        force=force, offline=offline, max_rows=max_rows,
    )  # fmt: skip
    found = _collected(c, plan)
    etivs = _etivs(found["aseg"]) if also else {}
    frames = [
        _frame(found[name], etivs if name in _WITH_ETIV else None, complete=False) for name in names
    ]
    _copy(od, digest, dict(zip(names, frames, strict=True)))
    _say_elapsed(began)
    return frames


def cache_ashs(
    c: Any,
    project_id: str | Sequence[str] | None = None,
    resource_name: str = "ASHS",
    od: str | Path | None = None,
    force: bool = False,
    max_rows: int | None = None,
    *,
    verify: str = "normal",
    on_error: str = "report",
    offline: bool = False,
) -> pd.DataFrame:
    """Collect the ASHS volumes of one or more projects, as `bx.cache` does.

    Parameters
    ----------
    c, project_id, resource_name, od, force, max_rows, verify, on_error, offline
        As for `cache_freesurfer6`.

    Returns
    -------
    DataFrame
        Index ``subject`` as the files name it; columns ``side``, ``region``, ``n_slices``,
        ``volume`` (mm^3), ``ID``. Sessions that lack one of the three files are left out and
        logged. (In bx a run that finds its cache returns a list with the frame in it.)

    Raises
    ------
    NearlineError
        As `nearline.collect`.
    """
    began = time.monotonic()
    projects = _projects(project_id)
    digest = _digest((projects, resource_name))
    log.info("MD5: %s", digest)
    plan = planned(
        projects, ["volumes"], resource=resource_name, family="ashs", verify=verify,
        on_error=on_error, force=force, offline=offline, max_rows=max_rows,
    )  # fmt: skip
    found = _collected(c, plan)["volumes"]
    for row in found.rows:
        if row.status in ("file missing", "unreadable"):
            log.error("Error: check subject %s", row.subject)
    frame = _frame(found, None, complete=True)
    _copy(od, digest, {"": frame})
    _say_elapsed(began)
    return frame


def _refuse_unknown(names: Sequence[str]) -> None:
    unknown = [name for name in names if name not in BX_COLUMNS]
    if unknown:
        raise InvalidOption(
            f"bx has no table {unknown[0]!r}: use {', '.join(BX_COLUMNS)}, or nearline.collect."
        )


def _projects(project_id: str | Sequence[str] | None) -> list[str]:
    if project_id is None:
        raise InvalidOption("No project was named: give project_id.")
    return [project_id] if isinstance(project_id, str) else sorted(set(project_id))


def _digest(config: tuple[object, ...]) -> str:
    return md5(str(config).encode(), usedforsecurity=False).hexdigest()


def _collected(c: Any, plan: Plan) -> dict[str, Collection]:
    """Run, and say what bx says; beside it, what was checked and what has changed."""
    shapes = [bx_shape(asked.measurement, asked.label) for asked in plan.asked]
    collections = gathered(c, plan, shapes)
    tables = [table for one in collections for table in one.tables]
    stood = [table.since for table in tables if table.since is not None]
    if stood and not plan.force:
        log.info("Found cache %s", datetime.fromtimestamp(max(stood)).strftime("%Y%m%d_%H%M%S"))
    for one in collections:
        report = one.report
        log.info(
            "Checked %s (%s): %d sessions, %d added, %d changed, %d removed, %d unchanged, "
            "%d failed; %d requests",
            one.measurement, report.level, len(one.rows), len(report.added), len(report.changed),
            len(report.removed), len(report.unchanged), len(report.failed), report.requests,
        )  # fmt: skip
    for table in tables:
        if table.written and table.path is not None:
            log.info("Saving %s", table.path)
    kept = [str(table.path) for table in tables if not table.written]
    if kept:
        log.info("Loading %s", kept)
    return {one.measurement: one for one in collections}


def _etivs(aseg: Collection) -> dict[str, float]:
    """Return the eTIV of each session, mm^3, by experiment id."""
    return {row.ID: row.facts["etivs"][0] for row in aseg.rows if row.facts.get("etivs")}


def _frame(
    collection: Collection, etivs: Mapping[str, float] | None, *, complete: bool
) -> pd.DataFrame:
    pd, arrow = pandas(), pyarrow()
    table = collection.arrow()
    if complete:
        whole = [row.ID for row in collection.rows if row.status == "ok"]
        ids = table.column("ID").cast(arrow.string())
        table = table.filter(arrow.compute.is_in(ids, value_set=arrow.array(whole, arrow.string())))
    subject = "file_subject" if "file_subject" in table.column_names else "subject"
    index = _text(table.column(subject))
    columns = {
        name: _text(table.column(name))
        if arrow.types.is_dictionary(table.column(name).type)
        else table.column(name).to_pandas()
        for name in table.column_names
        if name not in ("project", "subject", "session", "ID", "file_subject")
    }  # fmt: skip
    columns["ID"] = _text(table.column("ID"))
    if etivs is not None:
        columns["eTIV"] = _by_session(table.column("ID"), etivs)
    frame = pd.DataFrame(columns, copy=False)
    frame.index = pd.Index(index, name="subject")
    if len(collection.tables) > 1 or subject == "file_subject":
        frame = frame.sort_index(kind="stable")
    frame.attrs.update(collection.provenance())
    return frame


def _by_session(ids: Any, values: Mapping[str, float]) -> Any:
    """Return a number for each row, of its session; NaN where there is none."""
    import numpy as np

    pieces = [np.empty(0)]
    for chunk in ids.chunks:
        known = [values.get(one, np.nan) for one in chunk.dictionary.to_pylist()]
        pieces.append(np.array(known, "float64")[chunk.indices.to_numpy()])
    return np.concatenate(pieces)


def _text(column: Any) -> Any:
    """Return a column as pandas infers text to be: missing values stay missing."""
    return column.cast(pyarrow().string()).to_pandas()


def _copy(od: str | Path | None, digest: str, frames: Mapping[str, pd.DataFrame]) -> None:
    """Write copies under bx's folder and file pattern."""
    if od is None:
        return
    openpyxl()
    folder = Path(od) / f"bxcache_{digest}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    when = datetime.now().strftime("%Y%m%d_%H%M%S")
    for name, frame in frames.items():
        path = folder / f"bxcache_{name}_{when}.xlsx" if name else folder / f"bxcache_{when}.xlsx"
        if len(frame) < EXCEL_ROWS:
            log.info("Saving %s", path)
            frame.to_excel(path)
        else:
            path = path.with_suffix(".csv")
            log.info("Saving %s (%d rows are more than a sheet holds)", path, len(frame))
            frame.to_csv(path)


def _say_elapsed(began: float) -> None:
    minutes, seconds = divmod(time.monotonic() - began, 60)
    hours, minutes = divmod(minutes, 60)
    log.info("Elapsed time: %d:%02d:%02d", hours, minutes, seconds)
