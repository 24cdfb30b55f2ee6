"""Where measurements stay: raw files by digest, sessions and results, in one private folder."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from nearline.cache.folder import TAG
from nearline.errors import CacheDamaged

from .held import HeldFile, HeldSession, Listed
from .records import Result, Scope, SessionRecord
from .schema import connect

__all__ = ["FORMAT", "MeasurementStore"]

FORMAT = "measurements-v1"
"""Folder of this format within the cache's folder."""

_FILE = "path, resource, uri, sha256, md5, size, stale, http_modified, stamp, fetched"


class MeasurementStore:
    """Raw files and what is known about sessions; safe from any thread and between processes.

    Parameters
    ----------
    folder : Path or None
        Folder of the cache; None keeps everything in memory, and no table is written.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = None if folder is None else folder / FORMAT
        if self.folder is not None:
            self.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder.mkdir(mode=0o700, exist_ok=True)
            self.folder.chmod(0o700)
            (self.folder / "CACHEDIR.TAG").write_bytes(TAG)
        self._lock = threading.RLock()
        try:
            self._db = connect(self.folder)
        except sqlite3.Error as error:
            raise CacheDamaged(
                f"The catalogue of the measurements in {self.folder} cannot be read ({error}). "
                "Remove that folder; everything in it can be collected again."
            ) from None

    def close(self) -> None:
        """Close the catalogue."""
        with self._lock:
            self._db.close()

    def __enter__(self) -> MeasurementStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Have the connection for a while."""
        with self._lock:
            yield self._db

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Have the connection in a transaction: all of it is kept, or nothing."""
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                self._roll_back()
                raise CacheDamaged(
                    f"The catalogue of the measurements in {self.folder} cannot be written "
                    f"({error}). If the disk is full, make room or set NEARLINE_CACHE_DIR."
                ) from None
            except BaseException:
                self._roll_back()
                raise

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    # --- servers and scopes ----------------------------------------------------------

    def capabilities(self, server: str, login: str) -> dict[str, object] | None:
        """Return what was remembered about a server; None if nothing was."""
        with self.reading() as db:
            row = db.execute(
                "SELECT capabilities FROM servers WHERE server=? AND login=?", (server, login)
            ).fetchone()
        return json.loads(row[0]) if row else None

    def remember(self, server: str, login: str, capabilities: Mapping[str, object]) -> None:
        """Remember what a server can do."""
        with self.writing() as db:
            db.execute(
                "INSERT OR REPLACE INTO servers VALUES (?, ?, ?)",
                (server, login, json.dumps(dict(capabilities))),
            )

    def scope(self, scope: Scope) -> int:
        """Return the number of a scope, which it gets when it is first asked for."""
        fields = (scope.server, scope.login, scope.project, scope.resource, scope.place)
        find = (
            "SELECT id FROM scopes WHERE server=? AND login=? AND project=? AND resource=? "
            "AND place=?"
        )
        with self.reading() as db:
            row = db.execute(find, fields).fetchone()
        if row is None:
            with self.writing() as db:
                db.execute(
                    "INSERT OR IGNORE INTO scopes (server, login, project, resource, place) "
                    "VALUES (?, ?, ?, ?, ?)",
                    fields,
                )
                row = db.execute(find, fields).fetchone()
        return int(row[0])

    # --- sessions --------------------------------------------------------------------

    def sessions(self, scope: int) -> dict[str, SessionRecord]:
        """Return the sessions that were committed, by experiment id."""
        with self.reading() as db:
            rows = db.execute(
                "SELECT experiment, label, subject, project, date, shared, last_modified, rows, "
                "has_resource, note, level, checked FROM sessions WHERE scope=?",
                (scope,),
            ).fetchall()
        return {
            one: SessionRecord(
                one, label, subject, project, date, bool(shared),
                HeldSession(modified, stamp, bool(has)), note, level, checked,
            )
            for one, label, subject, project, date, shared, modified, stamp, has, note, level,
            checked in rows
        }  # fmt: skip

    def held_of_project(self, server: str, login: str, project: str) -> list[SessionRecord]:
        """Return the sessions that were committed of a project, whatever the resource."""
        with self.reading() as db:
            scopes = db.execute(
                "SELECT id FROM scopes WHERE server=? AND login=? AND project=?",
                (server, login, project),
            ).fetchall()
        return [record for (scope,) in scopes for record in self.sessions(scope).values()]

    def listing(self, scope: int, experiment: str) -> tuple[Listed, ...]:
        """Return the files that a committed session was listed with."""
        with self.reading() as db:
            row = db.execute(
                "SELECT listing FROM sessions WHERE scope=? AND experiment=?", (scope, experiment)
            ).fetchone()
        if row is None:
            return ()
        return tuple(Listed(*fields) for fields in json.loads(zlib.decompress(row[0])))

    def commit_session(
        self,
        scope: int,
        record: SessionRecord,
        listing: Iterable[Listed],
        files: Iterable[HeldFile],
    ) -> None:
        """Commit a session under a new inventory, with those of its files that are still good.

        Every other file held of it is forgotten, and so are its results, unless the listing and
        its files are what they were.
        """
        packed = zlib.compress(json.dumps([*listing]).encode(), 1)
        good = {file.path: file for file in files}
        with self.writing() as db:
            here = (scope, record.experiment)
            before = {
                row[0]: HeldFile(*row)
                for row in db.execute(
                    f"SELECT {_FILE} FROM files WHERE scope=? AND experiment=?",  # noqa: S608
                    here,
                )
            }
            db.executemany(
                "DELETE FROM files WHERE scope=? AND experiment=? AND path=?",
                [(*here, path) for path in before if path not in good],
            )
            db.executemany(
                "UPDATE files SET resource=?, uri=?, stale=?, stamp=? "
                "WHERE scope=? AND experiment=? AND path=?",
                [
                    (one.resource_id, one.uri, one.stale, one.stamp, *here, one.path)
                    for one in good.values()
                    if one != before.get(one.path)
                ],
            )
            known = db.execute(
                "SELECT listing, note FROM sessions WHERE scope=? AND experiment=?", here
            ).fetchone()
            same = known == (packed, record.note) and all(
                path in good and good[path].stale == one.stale for path, one in before.items()
            )
            if not same:
                db.execute("DELETE FROM results WHERE scope=? AND experiment=?", here)
            db.execute(
                "INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    scope, record.experiment, record.label, record.subject, record.project,
                    record.date, record.shared, record.held.last_modified, record.held.rows,
                    record.held.has_resource, packed, record.note, record.level, record.checked,
                ),
            )  # fmt: skip

    def checked(self, scope: int, level: str, when: float) -> None:
        """Record when a scope was checked, and how."""
        with self.writing() as db:
            db.execute("UPDATE scopes SET level=?, checked=? WHERE id=?", (level, when, scope))

    def rename_sessions(self, scope: int, records: Iterable[SessionRecord]) -> None:
        """Record under which labels unchanged sessions go now."""
        with self.writing() as db:
            db.executemany(
                "UPDATE sessions SET label=?, subject=?, project=?, date=?, shared=?, level=?, "
                "checked=? WHERE scope=? AND experiment=?",
                [
                    (one.label, one.subject, one.project, one.date, one.shared, one.level,
                     one.checked, scope, one.experiment)
                    for one in records
                ],
            )  # fmt: skip

    def drop_sessions(self, scope: int, experiments: Iterable[str]) -> None:
        """Forget sessions and all that was held of them."""
        gone = [(scope, one) for one in experiments]
        with self.writing() as db:
            for table in ("sessions", "files", "results"):
                db.executemany(
                    f"DELETE FROM {table} WHERE scope=? AND experiment=?",  # noqa: S608
                    gone,
                )

    # --- files -----------------------------------------------------------------------

    def files(self, scope: int, experiment: str | None = None) -> dict[str, dict[str, HeldFile]]:
        """Return the files held of every session, or of one, by experiment id and path.

        Files of sessions that are not committed yet are among them: a run that was interrupted
        had received these.
        """
        found: dict[str, dict[str, HeldFile]] = {}
        with self.reading() as db:
            rows = db.execute(
                f"SELECT experiment, {_FILE} FROM files "  # noqa: S608
                "WHERE scope=? AND (? IS NULL OR experiment=?)",
                (scope, experiment, experiment),
            ).fetchall()
        for experiment, *fields in rows:
            found.setdefault(experiment, {})[fields[0]] = HeldFile(*fields)
        return found

    def keep_file(self, scope: int, experiment: str, file: HeldFile, data: bytes) -> None:
        """Keep the bytes of a file, as soon as they have come."""
        packed = zlib.compress(data, 6)
        with self.writing() as db:
            before = db.execute(
                "SELECT sha256 FROM files WHERE scope=? AND experiment=? AND path=?",
                (scope, experiment, file.path),
            ).fetchone()
            # Replaced: what is held under that name may be damaged.
            db.execute(
                "INSERT OR REPLACE INTO blobs VALUES (?, ?, ?)", (file.sha256, len(data), packed)
            )
            db.execute(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    scope, experiment, file.path, file.resource_id, file.uri, file.sha256,
                    file.md5, file.size, file.stale, file.http_modified, file.stamp, file.fetched,
                ),
            )  # fmt: skip
            if before is None or before[0] != file.sha256:
                db.execute(
                    "DELETE FROM results WHERE scope=? AND experiment=?", (scope, experiment)
                )

    def drop_files(self, scope: int, files: Iterable[tuple[str, str]]) -> None:
        """Forget files, by experiment id and path, that are known not to be the server's."""
        gone = [(scope, experiment, path) for experiment, path in files]
        if not gone:
            return
        with self.writing() as db:
            db.executemany("DELETE FROM files WHERE scope=? AND experiment=? AND path=?", gone)
            db.executemany(
                "DELETE FROM results WHERE scope=? AND experiment=?",
                {(scope, experiment) for scope, experiment, _ in gone},
            )

    def bytes_of(self, file: HeldFile) -> bytes | None:
        """Return the bytes of a held file; None if they are gone or damaged."""
        with self.reading() as db:
            row = db.execute("SELECT data FROM blobs WHERE sha256=?", (file.sha256,)).fetchone()
        if row is None:
            return None
        try:
            data = zlib.decompress(row[0])
        except zlib.error:
            return None
        return data if sha256(data).hexdigest() == file.sha256 else None

    def sweep(self) -> None:
        """Remove bytes that no session has any more."""
        with self.writing() as db:
            db.execute("DELETE FROM blobs WHERE sha256 NOT IN (SELECT sha256 FROM files)")

    # --- results ---------------------------------------------------------------------

    def results(self, scope: int, measurement: str, parser: str) -> dict[str, Result]:
        """Return results of one measurement that this version of its parser gave."""
        with self.reading() as db:
            rows = db.execute(
                "SELECT experiment, parser, key, status, why, note, version, facts, files, read "
                "FROM results WHERE scope=? AND measurement=? AND parser=?",
                (scope, measurement, parser),
            ).fetchall()
        return {
            one: Result(
                one, made_by, key, status, why, note, version, json.loads(facts),
                tuple((uri, sha, md5) for uri, sha, md5 in json.loads(files)), read,
            )
            for one, made_by, key, status, why, note, version, facts, files, read in rows
        }  # fmt: skip

    def put_results(self, scope: int, measurement: str, results: Iterable[Result]) -> None:
        """Keep results of one measurement."""
        with self.writing() as db:
            db.executemany(
                "INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (scope, measurement, one.experiment, one.parser, one.key, one.status, one.why,
                     one.note, one.version, json.dumps(one.facts), json.dumps(one.files),
                     one.read)
                    for one in results
                ],
            )  # fmt: skip

    # --- tables ----------------------------------------------------------------------

    def table_path(self, scope: Scope, measurement: str) -> Path | None:
        """Return where the table of a measurement lies, or would; None if all is in memory."""
        if self.folder is None:
            return None
        return self.folder / "tables" / scope.folder_name / f"{measurement}.parquet"

    def drop_tables(self, scopes: Iterable[Scope]) -> None:
        """Remove tables; they are derived again when they are needed."""
        if self.folder is not None:
            for scope in scopes:
                shutil.rmtree(self.folder / "tables" / scope.folder_name, ignore_errors=True)
