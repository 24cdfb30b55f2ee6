"""The database under the catalogue: its file, its connections, its schema."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Database", "Moved"]

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

Stamp = tuple[int, int, int]
"""Which database, which connection to it, and what that connection counts."""


class Moved(OSError):
    """The catalogue's file was removed or replaced while it was open."""


class Database:
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
    readers, writers : int
        Connections for reading and writing so far: each counts the commits of others anew.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "catalogue.sqlite"
        self.write_lock = threading.RLock()
        self.read_lock = threading.RLock()
        self.epoch = 0
        self.readers = self.writers = 0
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
            self._make()
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

    def _make(self) -> None:
        # SQLite would take the mode from the umask; its -wal and -shm take it from this file.
        # A file that exists must not be opened here: closing any descriptor of it takes away
        # the locks by which SQLite knows, in every process, that this one uses the log.
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return

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
                self.readers += 1
            self._check_place()
            yield self._reader

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give a transaction, committed at the end; raises as `reading`."""
        with self.write_lock:
            if self._writer is None:
                with self.read_lock:
                    self._writer = self._connect()
                self.writers += 1
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
