"""Collect measurements of whole projects."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, overload

from nearline.errors import IncompleteCollection
from nearline.settings import current
from nearline.traffic import traffic

from .gather import Progress
from .plan import Plan, planned
from .run import HeldOrigin, run
from .shapes import Shape, long_shape
from .store import MeasurementStore
from .table import Collection
from .tabulate import tabulate

__all__ = ["collect", "gathered", "opened_store"]

log = logging.getLogger("nearline.measurements")


@overload
def collect(
    c: Any, projects: str | Sequence[str], measurements: str, **options: Any
) -> Collection: ...


@overload
def collect(
    c: Any, projects: str | Sequence[str], measurements: Sequence[str], **options: Any
) -> list[Collection]: ...


def collect(
    c: Any,
    projects: str | Sequence[str],
    measurements: str | Sequence[str],
    *,
    resource: str | None = None,
    family: str | None = None,
    verify: str = "normal",
    shared: bool = False,
    where: str = "session",
    on_error: str = "report",
    force: bool = False,
    offline: bool = False,
    max_rows: int | None = None,
    progress: Progress | None = None,
    **login: Any,
) -> Collection | list[Collection]:
    """Collect measurements of every session of one or more projects.

    Only what is new or has changed is fetched. A session is kept on disk as soon as its files
    have come: a run that was interrupted goes on where it was.

    Parameters
    ----------
    c : pyxnat Interface, xnatpy session or str
        The server: a session of yours, which is used as it is, or a URL.
    projects : str or sequence of str
        Project ids.
    measurements : str or sequence of str
        Such as ``"aseg"``; ``nearline families`` lists them. Measurements that are collected
        together share their files.
    resource : str, optional
        Label of the resource that holds them. Default: that of the family.
    family : str, optional
        Which family's files they are, where the label does not tell; see ``nearline families``.
    verify : {"fast", "normal", "strict", "full"}, optional
        What is compared with the server: the sessions' `last_modified`; resource rows as well
        (default); digests; or every file.
    shared : bool, optional
        Whether to take sessions that other projects share into these, once each.
    where : {"session", "assessor", "any"}, optional
        Where results lie: resources of sessions, of their assessors, or of either.
    on_error : {"report", "raise"}, optional
        What becomes of a run in which sessions failed. Either way all others are kept.
    force : bool, optional
        Fetch everything again.
    offline : bool, optional
        Ask no server: give what is held, as of its last check.
    max_rows : int, optional
        Take only so many sessions, the first as the server lists them.
    progress : callable, optional
        Called with how many sessions of a project are done, and how many there are.
    **login
        How to log in at a URL: see `nearline.xnat.connect`.

    Returns
    -------
    Collection or list of Collection
        One for a name, a list for a sequence of names.

    Raises
    ------
    InvalidOption
        An unknown measurement, family, level or place.
    NotFound
        A project that is not there, or a resource that no session has.
    AccessDenied
        Wrong credentials, or no right to see a project.
    Unavailable
        The server cannot be reached at all.
    Offline
        `offline` was asked for and nothing is held.
    IncompleteCollection
        Sessions failed, and `on_error` is "raise".
    """
    single = isinstance(measurements, str)
    names = [measurements] if isinstance(measurements, str) else list(measurements)
    plan = planned(
        projects, names, resource=resource, family=family, verify=verify, shared=shared,
        where=where, on_error=on_error, force=force, offline=offline, max_rows=max_rows,
    )  # fmt: skip
    shapes = [long_shape(asked.measurement) for asked in plan.asked]
    collections = gathered(c, plan, shapes, progress=progress, login=login)
    return collections[0] if single else collections


def gathered(
    c: Any,
    plan: Plan,
    shapes: Sequence[Shape],
    *,
    progress: Progress | None = None,
    login: Mapping[str, Any] | None = None,
) -> list[Collection]:
    """Carry a plan out, and give one collection for each measurement, in its shape."""
    from .xnat_origin import opened, whose

    began, clock = time.time(), time.perf_counter()
    with traffic() as cost, opened_store() as store:
        if plan.offline:
            runs = run(HeldOrigin(store, *whose(c, store, **(login or {}))), store, plan, progress)
            collections = tabulate(store, plan, shapes, runs, began)
        else:
            with opened(c, store, **(login or {})) as origin:
                runs = run(origin, store, plan, progress)
                origin.leave()
                collections = tabulate(store, plan, shapes, runs, began)
    seconds = time.perf_counter() - clock
    for collection in collections:
        collection.report = replace(
            collection.report, seconds=seconds, requests=cost.requests, bytes=cost.bytes
        )
    _check(plan, collections)
    return collections


@contextmanager
def opened_store() -> Iterator[MeasurementStore]:
    """Open the store that the settings name; in memory where these allow no disk."""
    settings = current()
    folder = None if settings.cache in ("memory", "off") else settings.cache_folder
    with MeasurementStore(folder) as store:
        yield store


def _check(plan: Plan, collections: Sequence[Collection]) -> None:
    """Say aloud what is missing, and raise where that was asked for."""
    failed: dict[str, str] = {}
    for collection in collections:
        report = collection.report
        failed |= report.failed
        for line in str(report).splitlines():
            log.debug("%s", line)
    if not failed:
        return
    server = collections[0].report.server
    shown = "; ".join(f"{one}: {why}" for one, why in list(failed.items())[:3])
    more = f"; and {len(failed) - 3} more" if len(failed) > 3 else ""
    message = (
        f"{len(failed)} sessions of {', '.join(plan.projects)} at {server} could not be read "
        f"({shown}{more}). All others are kept: run it again to complete the collection."
    )
    if plan.on_error == "raise":
        raise IncompleteCollection(message, failed=failed)
    log.warning("%s", message)
