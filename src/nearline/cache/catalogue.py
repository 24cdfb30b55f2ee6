"""The catalogue: which piece lies where, in SQLite."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nearline.cache.changes import Changes
from nearline.cache.claims import LEASE, Claimed, Holder
from nearline.cache.pieces import Piece
from nearline.cache.version import Version, merged, version_id
from nearline.provenance import Validator
from nearline.ranges import ByteRange

__all__ = [
    "PIECE_COLUMNS",
    "VERSION_COLUMNS",
    "Catalogue",
    "Moved",
    "Stored",
    "version_of",
]

SCHEMA = """
CREATE TABLE IF NOT EXISTS versions (
    id INTEGER PRIMARY KEY, identity TEXT NOT NULL, size INTEGER, etag TEXT, generation TEXT,
    last_modified TEXT, checked REAL NOT NULL, seen REAL NOT NULL, checksum INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS versions_identity ON versions (identity, seen);
CREATE TABLE IF NOT EXISTS packs (
    id INTEGER PRIMARY KEY, size INTEGER NOT NULL, created REAL NOT NULL);
CREATE TABLE IF NOT EXISTS pieces (
    id INTEGER PRIMARY KEY AUTOINCREMENT, version INTEGER NOT NULL, name TEXT NOT NULL,
    start INTEGER NOT NULL, length INTEGER NOT NULL, pack INTEGER NOT NULL,
    position INTEGER NOT NULL, checksum INTEGER NOT NULL, used REAL NOT NULL);
CREATE INDEX IF NOT EXISTS pieces_version ON pieces (version);
CREATE UNIQUE INDEX IF NOT EXISTS pieces_pack ON pieces (pack, position);
CREATE TABLE IF NOT EXISTS claims (
    id INTEGER PRIMARY KEY AUTOINCREMENT, version INTEGER NOT NULL, start INTEGER NOT NULL,
    stop INTEGER NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL, started INTEGER NOT NULL,
    lease REAL NOT NULL);
"""
"""Of format v1, which the name of the folder says. Claims and bytes share one
database, so that a claim is released in the transaction that records its bytes."""

BUSY_TIMEOUT = 5.0

VERSION_COLUMNS = "id, identity, size, etag, generation, last_modified, checked"
PIECE_COLUMNS = "id, version, name, start, length, pack, position, checksum, used"
_CLAIM = "id, start, stop, host, pid, started, lease"


class Moved(OSError):
    """The catalogue's file was removed or replaced while it was open."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One row of the pieces."""

    id: int
    version: int
    piece: Piece

    @classmethod
    def of(cls, row: Sequence[object]) -> Stored:
        """Read a row; damaged ones give pieces that fail their checksum."""
        one, version, name, start, length, pack, position, checksum, used = row
        begin = _whole(start)
        piece = Piece(
            str(name), begin, begin + max(_whole(length), 0), _whole(pack), _whole(position),
            _whole(checksum), float(used) if isinstance(used, (int, float)) else 0.0,
        )  # fmt: skip
        return cls(_whole(one), _whole(version), piece)


def _whole(value: object) -> int:
    # A flipped bit can turn a column of SQLite into another type.
    return value if isinstance(value, int) else -1


def _stamp(version: Version) -> int:
    """Return the checksum of a row of the versions."""
    told = version.validator
    fields = (version.identity, told.size, told.etag, told.generation, told.last_modified)
    return zlib.crc32(repr((*fields, float(version.checked))).encode())


class Catalogue:
    """SQLite in WAL mode: readers never wait, and a lost commit costs a refetch.

    One connection reads and one writes, each under its own lock; where both
    locks are held, the one for writing was taken first.

    Parameters
    ----------
    folder : Path
        Exists, and is private to the user.

    Attributes
    ----------
    epoch : int
        Rises whenever another database is opened than before: what was read
        from the old one may be gone.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "catalogue.sqlite"
        self.write_lock = threading.RLock()
        self.read_lock = threading.RLock()
        self.epoch = 0
        self._inode: tuple[int, int] | None = None
        self._reader: sqlite3.Connection | None = None
        self._writer: sqlite3.Connection | None = None

    # --- connections ------------------------------------------------------------

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep every other process from opening or replacing the catalogue."""
        fd = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def _connect(self) -> sqlite3.Connection:
        with self.alone():
            # SQLite would take the mode from the umask; its -wal and -shm take it from this file.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            found = self._identify()
            if self._inode is not None and found != self._inode:
                if self._reader is not None or self._writer is not None:
                    raise Moved(f"{self.path} was replaced")
                self.epoch += 1
            db = sqlite3.connect(
                self.path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
            )
            try:
                if db.execute("PRAGMA user_version").fetchone()[0] != 1:
                    db.execute("PRAGMA journal_mode=WAL")
                    db.executescript(SCHEMA + "PRAGMA user_version=1;")
                # A lost commit costs a refetch: only checkpoints need to reach the disk.
                db.execute("PRAGMA synchronous=NORMAL")
                # The log counts against the bound of the cache: about 1 MiB of it.
                db.execute("PRAGMA wal_autocheckpoint=256")
                db.execute("PRAGMA journal_size_limit=1048576")
            except BaseException:
                db.close()
                raise
            self._inode = found
            return db

    def _identify(self) -> tuple[int, int]:
        info = os.stat(self.path)
        return info.st_dev, info.st_ino

    def _check_place(self) -> None:
        try:
            same = self._identify() == self._inode
        except FileNotFoundError:
            same = False
        if not same:
            raise Moved(f"{self.path} was removed or replaced")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for reading; raises `Moved`, sqlite3.Error, OSError."""
        with self.read_lock:
            if self._reader is None:
                self._reader = self._connect()
            self._check_place()
            yield self._reader

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give a transaction, committed at the end; raises as `reading`."""
        with self.write_lock:
            if self._writer is None:
                with self.read_lock:
                    self._writer = self._connect()
            self._check_place()
            db = self._writer
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close both connections; the next use opens them again."""
        with self.write_lock, self.read_lock:
            writer, reader = self._writer, self._reader
            self._writer = self._reader = None
            for db in (writer, reader):
                if db is not None:
                    try:
                        db.close()
                    except sqlite3.Error:
                        continue

    def set_aside(self) -> None:
        """Put a damaged database out of the way, unless somebody else just did."""
        damaged = self._inode
        with self.write_lock, self.read_lock:
            self.close()
            with self.alone():
                try:
                    replaced = damaged is not None and self._identify() != damaged
                except FileNotFoundError:
                    replaced = True
                if not replaced:
                    for suffix in ("", "-wal", "-shm"):
                        old = self.path.with_name(self.path.name + suffix)
                        if old.exists():
                            old.replace(self.folder / f"damaged{suffix}")
                self._inode = (0, 0)

    # --- reading ------------------------------------------------------------------

    def stamp(self) -> tuple[int, int]:
        """Return a value that changes whenever anyone commits."""
        with self.reading() as db:
            return self.epoch, db.execute("PRAGMA data_version").fetchone()[0]

    def latest(self, identity: str) -> Version | None:
        """Return the version of an object that was noted last."""
        with self.reading() as db:
            rows = db.execute(
                f"SELECT {VERSION_COLUMNS}, checksum FROM versions WHERE identity=? "  # noqa: S608
                "ORDER BY seen DESC LIMIT 4",
                (identity,),
            ).fetchall()
        for *row, stamp in rows:
            version = version_of(row)
            if version is not None and version.identity == identity and _stamp(version) == stamp:
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
            *columns, stamp, seen = row
            known = version_of(columns)
            if known is not None and _stamp(known) == stamp:
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
                told.last_modified, version.checked, seen, _stamp(version),
            ),
        )  # fmt: skip

    # --- claims -----------------------------------------------------------------------

    def claims(self, db: sqlite3.Connection, version: int) -> list[Claimed]:
        """Return the claims on a version, dead ones included."""
        rows = db.execute(
            f"SELECT {_CLAIM} FROM claims WHERE version=?",  # noqa: S608
            (version,),
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

    # --- fork ---------------------------------------------------------------------------

    def before_fork(self) -> None:
        """Close the connections, which no child may inherit, and keep them closed."""
        self.write_lock.acquire()
        self.read_lock.acquire()
        self.close()

    def after_fork(self) -> None:
        """Let connections be opened again."""
        self.read_lock.release()
        self.write_lock.release()


def version_of(row: Sequence[object]) -> Version | None:
    """Read a row of the versions; None if it contradicts itself."""
    one, identity, size, etag, generation, modified, checked = row
    if not isinstance(identity, str) or not isinstance(checked, (int, float)):
        return None
    told = Validator(
        size=size if isinstance(size, int) else None,
        etag=etag if isinstance(etag, str) else None,
        generation=generation if isinstance(generation, str) else None,
        last_modified=modified if isinstance(modified, str) else None,
    )
    if not told.key or version_id(identity, told) != one:
        return None
    return Version(version_id(identity, told), identity, told, float(checked))
