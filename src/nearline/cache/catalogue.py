"""The catalogue: which piece lies where."""

from __future__ import annotations

import sqlite3
import time

from nearline.cache.changes import Changes
from nearline.cache.claims import LEASE, Claimed, Holder
from nearline.cache.database import Database
from nearline.cache.rows import PIECE_COLUMNS, VERSION_COLUMNS, Stored, version_checksum, version_of
from nearline.cache.version import Version, merged
from nearline.ranges import ByteRange

__all__ = ["Catalogue"]

_CLAIM = "id, start, stop, host, pid, started, lease"


class Catalogue(Database):
    """Versions, packs, pieces and claims, as the processes of one user recorded them."""

    # --- reading ------------------------------------------------------------------

    def stamp(self) -> tuple[int, int, int]:
        """Return a value that changes whenever anyone commits."""
        with self.reading() as db:
            commits = db.execute("PRAGMA data_version").fetchone()[0]
            return self.epoch, self.connections, commits

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
        db.executemany(
            "INSERT OR IGNORE INTO pieces (version, name, start, length, pack, position, "
            "checksum, used) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (v.id, p.name, p.start, p.length, p.pack, p.position, p.checksum, p.used)
                for v, p in last.values()
            ],
        )
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
        db.executemany("DELETE FROM claims WHERE id=?", [(one,) for one in changes.released])
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

    def claims(self, db: sqlite3.Connection, version: int, besides: Holder) -> list[Claimed]:
        """Return the claims of others on a version, dead ones included."""
        rows = db.execute(
            f"SELECT {_CLAIM} FROM claims "  # noqa: S608
            "WHERE version=? AND NOT (pid=? AND started=? AND host=?)",
            (version, besides.pid, besides.started, besides.host),
        ).fetchall()
        return [
            Claimed(one, ByteRange(start, stop), Holder(host, pid, started), lease)
            for one, start, stop, host, pid, started, lease in rows
            if isinstance(start, int) and isinstance(stop, int) and isinstance(lease, float)
        ]

    def add_claims(
        self, db: sqlite3.Connection, version: int, ranges: list[ByteRange], holder: Holder
    ) -> list[int]:
        """Add claims within a transaction and return their ids."""
        until = time.time() + LEASE
        ids: list[int] = []
        for start, stop in ranges:
            done = db.execute(
                "INSERT INTO claims (version, start, stop, host, pid, started, lease) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (version, start, stop, holder.host, holder.pid, holder.started, until),
            )
            ids.append(done.lastrowid or 0)
        return ids

    def renew(self, claims: list[int]) -> None:
        """Let claims of this process stand for another lease."""
        with self.writing() as db:
            until = time.time() + LEASE
            db.executemany("UPDATE claims SET lease=? WHERE id=?", [(until, c) for c in claims])
