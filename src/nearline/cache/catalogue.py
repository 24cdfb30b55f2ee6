"""The catalogue: which piece lies where."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

from nearline.cache.changes import Changes
from nearline.cache.claims import LEASE, Claimed, Holder
from nearline.cache.database import Database, Stamp
from nearline.cache.rows import PIECE_COLUMNS, VERSION_COLUMNS, Stored, version_checksum, version_of
from nearline.cache.version import Version, merged
from nearline.ranges import ByteRange

__all__ = ["Catalogue"]


_ROWS = 100
"""Of one statement: each lets go of the interpreter, and waits for it again."""

T = TypeVar("T")


def _portions(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    return (rows[at : at + _ROWS] for at in range(0, len(rows), _ROWS))


def _insert(db: sqlite3.Connection, into: str, rows: Sequence[tuple[object, ...]]) -> int:
    """Insert rows by one statement; return the id of the last."""
    marks = f"({', '.join('?' * len(rows[0]))})"
    values = ", ".join([marks] * len(rows))
    done = db.execute(f"INSERT {into} VALUES {values}", [one for row in rows for one in row])  # noqa: S608
    return done.lastrowid or 0


class Catalogue(Database):
    """Versions, packs, pieces and claims, as the processes of one user recorded them."""

    # --- reading ------------------------------------------------------------------

    def stamp(self) -> Stamp:
        """Return a value that changes whenever anyone commits."""
        with self.reading() as db:
            commits = db.execute("PRAGMA data_version").fetchone()[0]
            return self.epoch, self.readers, commits

    def stamp_of_others(self, db: sqlite3.Connection) -> Stamp:
        """Return, within a transaction, a value that changes whenever another process commits."""
        commits = db.execute("PRAGMA data_version").fetchone()[0]
        return self.epoch, self.writers, commits

    def latest(self, identity: str) -> Version | None:
        """Return the version of an object that was noted last."""
        with self.reading() as db:
            rows = db.execute(
                f"SELECT {VERSION_COLUMNS}, checksum FROM versions WHERE identity=? "  # noqa: S608
                "ORDER BY seen DESC LIMIT 4",
                (identity,),
            ).fetchall()
        for *row, checksum in rows:
            version = version_of(row)
            if (
                version is not None
                and version.identity == identity
                and version_checksum(version) == checksum
            ):
                return version
        return None

    def pieces(self, version: int, after: int) -> list[Stored]:
        """Return the pieces of a version whose rows are newer than row `after`."""
        with self.reading() as db:
            rows = db.execute(
                f"SELECT {PIECE_COLUMNS} FROM pieces WHERE version=? AND id>? ORDER BY id",  # noqa: S608
                (version, after),
            ).fetchall()
        return [Stored.of(row) for row in rows]

    # --- writing --------------------------------------------------------------------

    def record_pack(self, pack: int) -> None:
        """Note a pack before its file is made."""
        with self.writing() as db:
            db.execute("INSERT INTO packs VALUES (?, 0, ?)", (pack, time.time()))

    def adoptable(self, below: int) -> list[tuple[int, int]]:
        """Return a few packs with fewer bytes than `below`, and where the recorded bytes end."""
        with self.writing() as db:
            return db.execute(
                "SELECT id, MAX(size, COALESCE((SELECT MAX(position + length) FROM pieces "
                "WHERE pack=packs.id), 0)) FROM packs WHERE size<? ORDER BY size DESC LIMIT 16",
                (below,),
            ).fetchall()

    def record(self, changes: Changes) -> tuple[int, set[int]]:
        """Write everything in one transaction.

        Returns
        -------
        int
            Bytes of all packs.
        set of int
            Packs that the catalogue does not list (any more).
        """
        with self.writing() as db:
            lost = self.write(db, changes)
            total = db.execute("SELECT COALESCE(SUM(size), 0) FROM packs").fetchone()[0]
        return int(total), lost

    def write(self, db: sqlite3.Connection, changes: Changes) -> set[int]:
        """Write changes within a transaction; return packs that the catalogue does not list.

        An evictor removed them, or another catalogue took this one's place:
        their pieces are left out.
        """
        db.executemany("DELETE FROM pieces WHERE pack=? AND position=?", changes.dropped)
        for version, becomes_latest in changes.versions.values():
            self._write_version(db, version, becomes_latest)
        known = {pack for (pack,) in db.execute("SELECT id FROM packs")}
        fresh = [(version, piece) for version, piece in changes.pieces if piece.pack in known]
        for version in {version.id: version for version, _ in fresh}.values():
            if version.id not in changes.versions:
                self._write_version(db, version, False)
        named = [(version.id, piece.name) for version, piece in fresh if piece.name]
        db.executemany("DELETE FROM pieces WHERE version=? AND name=?", named)
        last = {(version.id, p.name, p.start): (version, p) for version, p in fresh}
        rows = [
            (v.id, p.name, p.start, p.length, p.pack, p.position, p.checksum, p.used)
            for v, p in last.values()
        ]
        into = (
            "OR IGNORE INTO pieces (version, name, start, length, pack, position, checksum, used)"
        )
        for some in _portions(rows):
            _insert(db, into, some)
        ends: dict[int, int] = {}
        for _, piece in fresh:
            end = piece.position + piece.length
            ends[piece.pack] = max(ends.get(piece.pack, 0), end)
        db.executemany(
            "UPDATE packs SET size=MAX(size, ?) WHERE id=?",
            [(end, pack) for pack, end in ends.items()],
        )
        db.executemany(
            "UPDATE pieces SET used=? WHERE pack=? AND position=?",
            [(used, *place) for place, used in changes.touched.items()],
        )
        self.drop_claims(db, changes.released)
        return {piece.pack for _, piece in changes.pieces} - known

    def _write_version(self, db: sqlite3.Connection, version: Version, latest: bool) -> None:
        row = db.execute(
            f"SELECT {VERSION_COLUMNS}, checksum, seen FROM versions WHERE id=?",  # noqa: S608
            (version.id,),
        ).fetchone()
        seen = 0.0
        if row is not None:
            *columns, checksum, seen = row
            known = version_of(columns)
            if known is not None and version_checksum(known) == checksum:
                version = Version(
                    version.id, version.identity, merged(known.validator, version.validator),
                    max(known.checked, version.checked),
                )  # fmt: skip
        if latest:
            # Later than every other one, also when the clock was set back.
            newest = db.execute(
                "SELECT MAX(seen) FROM versions WHERE identity=? AND id<>?",
                (version.identity, version.id),
            ).fetchone()[0]
            seen = max(time.time(), (newest or 0.0) + 1e-3)
        told = version.validator
        db.execute(
            "INSERT OR REPLACE INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                version.id, version.identity, told.size, told.etag, told.generation,
                told.last_modified, version.checked, seen, version_checksum(version),
            ),
        )  # fmt: skip

    # --- claims -----------------------------------------------------------------------

    def claims(self, db: sqlite3.Connection, besides: Holder) -> dict[int, list[Claimed]]:
        """Return the claims of others by version, dead ones included."""
        rows = db.execute(
            "SELECT version, id, start, stop, host, pid, started, lease FROM claims "
            "WHERE NOT (pid=? AND started=? AND host=?)",
            (besides.pid, besides.started, besides.host),
        ).fetchall()
        found: dict[int, list[Claimed]] = {}
        for version, one, start, stop, host, pid, started, lease in rows:
            if isinstance(start, int) and isinstance(stop, int) and isinstance(lease, float):
                claimed = Claimed(one, ByteRange(start, stop), Holder(host, pid, started), lease)
                found.setdefault(version, []).append(claimed)
        return found

    def add_claims(
        self, db: sqlite3.Connection, wanted: Sequence[tuple[int, ByteRange]], holder: Holder
    ) -> list[int]:
        """Add claims on ranges of versions within a transaction and return their ids."""
        until = time.time() + LEASE
        told = holder.host, holder.pid, holder.started
        rows = [(version, *span, *told, until) for version, span in wanted]
        into = "INTO claims (version, start, stop, host, pid, started, lease)"
        ids: list[int] = []
        for some in _portions(rows):
            # Nobody else adds any within the transaction.
            last = _insert(db, into, some)
            ids += range(last + 1 - len(some), last + 1)
        return ids

    def drop_claims(self, db: sqlite3.Connection, claims: Sequence[int]) -> None:
        """Remove claims within a transaction."""
        for some in _portions(claims):
            marks = ", ".join("?" * len(some))
            db.execute(f"DELETE FROM claims WHERE id IN ({marks})", some)  # noqa: S608

    def renew(self, claims: list[int]) -> None:
        """Let claims of this process stand for another lease."""
        with self.writing() as db:
            until = time.time() + LEASE
            db.executemany("UPDATE claims SET lease=? WHERE id=?", [(until, c) for c in claims])
