"""Looking after what is held: what is there, is it sound, remove a project or a subject."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from .records import Scope
from .store import FORMAT, MeasurementStore

__all__ = ["Holdings", "MeasurementsInfo", "MeasurementsVerified", "info", "purge", "verify"]


@dataclass(frozen=True, slots=True)
class Holdings:
    """What is held for one scope.

    Attributes
    ----------
    server, login, project, resource, place : str
        As in `Scope`.
    sessions, files : int
        Sessions that were committed, and files held of these and of interrupted ones.
    bytes : int
        Of these files, before they were compressed.
    checked : float or None
        Seconds since the epoch of the last check; None if no run has ended.
    """

    server: str
    login: str
    project: str
    resource: str
    place: str
    sessions: int
    files: int
    bytes: int
    checked: float | None


@dataclass(frozen=True, slots=True)
class MeasurementsInfo:
    """What the measurements in a cache folder amount to.

    Attributes
    ----------
    folder : Path
        Where they lie.
    bytes : int
        On disk, tables included.
    holdings : tuple of Holdings
        One for each scope.
    """

    folder: Path
    bytes: int
    holdings: tuple[Holdings, ...]


@dataclass(frozen=True, slots=True)
class MeasurementsVerified:
    """What checking every file held found.

    Attributes
    ----------
    checked, bytes : int
        Distinct files, and their bytes, that were read.
    damaged : tuple of str
        One sentence for each that was damaged and has been dropped; the next run fetches it.
    """

    checked: int
    bytes: int
    damaged: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing was damaged."""
        return not self.damaged


def info(folder: Path) -> MeasurementsInfo:
    """Say what measurements the cache in `folder` holds."""
    with _opened(folder) as store:
        if store is None or store.folder is None:
            return MeasurementsInfo(folder / FORMAT, 0, ())
        with store.reading() as db:
            rows = db.execute(
                "SELECT server, login, project, resource, place, "
                "(SELECT COUNT(*) FROM sessions WHERE scope=scopes.id), "
                "(SELECT COUNT(*) FROM files WHERE scope=scopes.id), "
                "(SELECT COALESCE(SUM(size), 0) FROM files WHERE scope=scopes.id), "
                "checked "
                "FROM scopes ORDER BY server, project, resource"
            ).fetchall()
        size = sum(one.stat().st_size for one in store.folder.rglob("*") if one.is_file())
        return MeasurementsInfo(store.folder, size, tuple(Holdings(*row) for row in rows))


def verify(folder: Path) -> MeasurementsVerified:
    """Check the bytes of every file, and drop those that are damaged."""
    checked = size = 0
    damaged: list[str] = []
    with _opened(folder) as store:
        if store is None:
            return MeasurementsVerified(0, 0, ())
        with store.reading() as db:
            names = [row[0] for row in db.execute("SELECT sha256 FROM blobs")]
        for name in names:
            with store.reading() as db:
                row = db.execute("SELECT data FROM blobs WHERE sha256=?", (name,)).fetchone()
            if row is None:
                continue
            checked += 1
            try:
                data = zlib.decompress(row[0])
            except zlib.error:
                data = b""
            size += len(data)
            if sha256(data).hexdigest() != name:
                damaged += _drop(store, name)
        with store.reading() as db:
            lost = [
                row[0]
                for row in db.execute(
                    "SELECT DISTINCT sha256 FROM files "
                    "WHERE sha256 NOT IN (SELECT sha256 FROM blobs)"
                )
            ]
        for name in lost:
            damaged += _drop(store, name)
    return MeasurementsVerified(checked, size, tuple(damaged))


def purge(folder: Path, *, project: str | None = None, subject: str | None = None) -> int:
    """Remove measurements from the disk, tables included.

    Parameters
    ----------
    folder : Path
        Folder of the cache.
    project : str, optional
        Only what was collected for this project, or belongs to it.
    subject : str, optional
        Only of the subject with this label.

    Returns
    -------
    int
        How many sessions were removed.
    """
    with _opened(folder) as store:
        if store is None:
            return 0
        with store.writing() as db:
            where, values = "1", []
            if project is not None:
                where += (
                    " AND (sessions.project=? OR scope IN (SELECT id FROM scopes WHERE project=?))"
                )
                values += [project, project]
            if subject is not None:
                where += " AND subject=?"
                values.append(subject)
            gone = db.execute(
                f"SELECT scope, experiment FROM sessions WHERE {where}",  # noqa: S608
                values,
            ).fetchall()
            touched = {scope for scope, _ in gone}
            if subject is None:
                # With what an interrupted run had received of sessions that are not committed.
                touched |= {
                    row[0]
                    for row in db.execute(
                        "SELECT id FROM scopes WHERE ? IS NULL OR project=?", (project, project)
                    )
                }
                for table in ("sessions", "files", "results"):
                    db.executemany(
                        f"DELETE FROM {table} WHERE scope IN "  # noqa: S608
                        "(SELECT id FROM scopes WHERE id=? AND (? IS NULL OR project=?))",
                        [(scope, project, project) for scope in touched],
                    )
            for table in ("sessions", "files", "results"):
                db.executemany(
                    f"DELETE FROM {table} WHERE scope=? AND experiment=?",  # noqa: S608
                    gone,
                )
            # An interrupted run may have left files of a subject whose session nobody knows yet.
            if subject is not None:
                db.execute(
                    "DELETE FROM files WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE "
                    "sessions.scope=files.scope AND sessions.experiment=files.experiment)"
                )
            db.execute("DELETE FROM blobs WHERE sha256 NOT IN (SELECT sha256 FROM files)")
            scopes = [
                Scope(*row[1:])
                for row in db.execute(
                    "SELECT id, server, login, project, resource, place FROM scopes"
                )
                if row[0] in touched
            ]
            db.execute(
                "DELETE FROM scopes WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE scope=scopes.id)"
                " AND NOT EXISTS (SELECT 1 FROM files WHERE scope=scopes.id)"
            )
        store.drop_tables(scopes)
        with store.reading() as db:
            # The write-ahead log holds copies of pages as they were.
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            db.execute("VACUUM")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return len(gone)


def _drop(store: MeasurementStore, name: str) -> list[str]:
    """Drop a file's bytes everywhere, and say what it was."""
    with store.writing() as db:
        users = db.execute(
            "SELECT scope, experiment, path, uri FROM files WHERE sha256=?", (name,)
        ).fetchall()
        for scope, experiment, path, _ in users:
            db.execute(
                "DELETE FROM files WHERE scope=? AND experiment=? AND path=?",
                (scope, experiment, path),
            )
            db.execute("DELETE FROM results WHERE scope=? AND experiment=?", (scope, experiment))
        db.execute("DELETE FROM blobs WHERE sha256=?", (name,))
    return [f"{path} of session {experiment} ({uri})" for _, experiment, path, uri in users] or [
        f"a file with the digest {name} that no session has"
    ]


@contextmanager
def _opened(folder: Path) -> Iterator[MeasurementStore | None]:
    if not (folder / FORMAT / "catalogue.sqlite").is_file():
        yield None
        return
    with MeasurementStore(folder) as store:
        yield store
