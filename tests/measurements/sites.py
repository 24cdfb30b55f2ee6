"""Projects on a simulated XNAT, and what a collection of them must hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import Any

import nearline as nl
from nearline.testing.xnat import Archive, SimulatedXnat
from nearline.testing.xnat.freesurfer import (
    freesurfer_project,
    freesurfer_session,
    with_etiv,
)
from nearline.testing.xnat.records import Experiment

__all__ = [
    "Site",
    "assert_complete",
    "assert_nothing_lost",
    "assert_values_true",
    "light_site",
    "site",
    "values",
]

LOGIN = ("site", "login", "logout")
"""Kinds of requests that are not about a project."""


class Site:
    """A server with one project ALFA, and a cache."""

    def __init__(self, server: SimulatedXnat, sessions: list[Experiment], folder: Path) -> None:
        self.server = server
        self.archive = server.archive
        self.sessions = sessions
        self.folder = folder
        self._seen = 0

    def collect(self, measurements: Any = "aseg", project: Any = "ALFA", **options: Any) -> Any:
        """Collect, and let `asked` count from here."""
        self._seen = len(self.server.requests)
        options = {"user": "admin", "password": "admin"} | options
        with nl.settings(cache_dir=self.folder, timeout=1.0, retries=1):
            return nl.collect(self.server.address, project, measurements, **options)

    @property
    def log(self) -> list[Any]:
        """Requests since the last `collect` began."""
        return self.server.requests[self._seen :]

    @property
    def asked(self) -> Counter[str]:
        """How many of each kind, without those of logging in."""
        return Counter(one.kind for one in self.log if one.kind not in LOGIN)

    @property
    def fetched(self) -> list[str]:
        """Paths of the files that were asked for, sorted."""
        return sorted(one.path for one in self.log if one.kind == "file")

    def path(self, number: int, name: str = "stats/aseg.stats") -> str:
        """Path of a file in the resource of a session, the first being 0."""
        return f"ALFA{number + 1:04d}/{name}"

    def data(self, number: int, name: str = "stats/aseg.stats") -> bytes:
        """The bytes on the server."""
        found = self.archive.file(
            self.sessions[number], "FREESURFER6", self.path(number, name)
        ).data
        assert found is not None
        return found

    def overwrite(self, number: int, etiv: float, **options: Any) -> None:
        """Give a session another eTIV, in as many bytes."""
        data = with_etiv(self.data(number), etiv)
        self.archive.replace_file(
            self.sessions[number], "FREESURFER6", self.path(number), data, **options
        )

    def touch(self, number: int) -> None:
        """Let the server's `last_modified` of a session move."""
        self.archive.edit(self.sessions[number])

    def bound(self, files_per_session: int = 1) -> int:
        """Requests that a cold run may need at most."""
        count = len(self.sessions)
        return 3 + ceil(count / 100) + ceil(count / 25) + files_per_session * count


@contextmanager
def site(folder: Path, count: int, *, listing: int = 0, **options: Any) -> Iterator[Site]:
    """Serve a project of so many sessions."""
    archive = Archive()
    sessions = freesurfer_project(archive, "ALFA", count, listing=listing)
    with SimulatedXnat(archive, **options) as server:
        yield Site(server, sessions, folder / "cache")


@contextmanager
def light_site(folder: Path, count: int, **options: Any) -> Iterator[Site]:
    """Serve a project whose sessions have an aseg.stats each, that differ in eTIV, and no more."""
    archive = Archive()
    archive.add_project("ALFA")
    sessions = []
    template = freesurfer_session("light", subject="s")["s/stats/aseg.stats"]
    for number in range(count):
        subject = f"ALFA{number + 1:04d}"
        one = archive.add_session("ALFA", subject=subject, label=f"{subject}_MR1")
        data = with_etiv(template, 1_000_000.0 + number)
        archive.put_files(one, "FREESURFER6", {f"{subject}/stats/aseg.stats": data})
        sessions.append(one)
    with SimulatedXnat(archive, **options) as server:
        yield Site(server, sessions, folder / "cache")


# --- an independent reading -------------------------------------------------------------------


def values(data: bytes) -> dict[tuple[str, str], float]:
    """Read an aseg.stats by FreeSurfer's column rules: by measurement and region."""
    found: dict[tuple[str, str], float] = {}
    columns: list[str] = []
    for line in data.decode().splitlines():
        if line.startswith("# ColHeaders"):
            columns = line.split()[2:]
        elif line.startswith("# Measure"):
            name = line.split(", ")[1]
            value, unit = line.split(", ")[-2:]
            found["Volume_mm3" if unit == "mm^3" else unit, name] = float(value)
        elif line and not line.startswith("#"):
            cells = dict(zip(columns, line.split(), strict=True))
            region = cells.pop("StructName")
            found |= {(column, region): float(cell) for column, cell in cells.items()}
    return found


def assert_values_true(collection: Any, held: Site, numbers: Iterable[int]) -> None:
    """Assert that a collection of aseg has these sessions, no other, and the server's values."""
    frame = collection.frame
    by_id = dict(iter(frame.groupby("ID", observed=True)))
    expected = {held.sessions[number].id: number for number in numbers}
    assert set(by_id) == set(expected)
    for one, number in expected.items():
        part = by_id[one]
        keys = zip(part["measurement"], part["region"], strict=True)
        assert dict(zip(keys, part["value"], strict=True)) == values(held.data(number))
        assert len(part) == len(values(held.data(number)))


def assert_nothing_lost(collection: Any, held: Site) -> set[int]:
    """Assert that each session of the server is either told true, or told to have failed.

    Returns
    -------
    set of int
        Numbers of the sessions that failed.
    """
    rows = collection.sessions.set_index("ID")
    there = {one.id: number for number, one in enumerate(held.sessions)}
    there = {one: number for one, number in there.items() if one in held.archive.experiments}
    assert set(rows.index) == set(there)
    assert rows.index.is_unique
    good = [there[one] for one, status in rows["status"].items() if status == "ok"]
    bad = set(there.values()) - set(good)
    for number in bad:
        assert rows.loc[held.sessions[number].id, "why"]
    assert_values_true(collection, held, good)
    return bad


def assert_complete(collection: Any, held: Site) -> None:
    """Assert that every session is there, and true."""
    assert assert_nothing_lost(collection, held) == set()
    assert collection.report.complete
