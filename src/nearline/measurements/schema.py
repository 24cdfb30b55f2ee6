"""The catalogue of the measurements: one SQLite file, private to its user."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from nearline.cache.folder import SHARED_FILESYSTEMS, filesystem_type

__all__ = ["BUSY_TIMEOUT", "connect"]

BUSY_TIMEOUT = 30.0

SCHEMA = """
CREATE TABLE servers (
    server TEXT NOT NULL, login TEXT NOT NULL, capabilities TEXT NOT NULL,
    PRIMARY KEY (server, login));
CREATE TABLE scopes (
    id INTEGER PRIMARY KEY, server TEXT NOT NULL, login TEXT NOT NULL, project TEXT NOT NULL,
    resource TEXT NOT NULL, place TEXT NOT NULL, level TEXT, checked REAL,
    UNIQUE (server, login, project, resource, place));
CREATE TABLE sessions (
    scope INTEGER NOT NULL, experiment TEXT NOT NULL, label TEXT NOT NULL, subject TEXT NOT NULL,
    project TEXT NOT NULL, date TEXT NOT NULL, shared INTEGER NOT NULL,
    last_modified TEXT NOT NULL, rows TEXT NOT NULL, has_resource INTEGER NOT NULL,
    listing BLOB NOT NULL, note TEXT NOT NULL, level TEXT NOT NULL, checked REAL NOT NULL,
    PRIMARY KEY (scope, experiment)) WITHOUT ROWID;
CREATE TABLE files (
    scope INTEGER NOT NULL, experiment TEXT NOT NULL, path TEXT NOT NULL, resource TEXT NOT NULL,
    uri TEXT NOT NULL, sha256 TEXT NOT NULL, md5 TEXT NOT NULL, size INTEGER NOT NULL,
    stale TEXT NOT NULL, http_modified TEXT NOT NULL, stamp TEXT NOT NULL, fetched REAL NOT NULL,
    PRIMARY KEY (scope, experiment, path)) WITHOUT ROWID;
CREATE INDEX files_blob ON files (sha256);
CREATE TABLE results (
    scope INTEGER NOT NULL, measurement TEXT NOT NULL, experiment TEXT NOT NULL,
    parser TEXT NOT NULL, key TEXT NOT NULL, status TEXT NOT NULL, why TEXT NOT NULL,
    note TEXT NOT NULL, version TEXT NOT NULL, facts TEXT NOT NULL,
    files TEXT NOT NULL, read REAL NOT NULL,
    PRIMARY KEY (scope, measurement, experiment)) WITHOUT ROWID;
CREATE TABLE blobs (sha256 TEXT PRIMARY KEY, size INTEGER NOT NULL, data BLOB NOT NULL);
"""
"""Of format v1, which the folder's name says."""


def connect(folder: Path | None) -> sqlite3.Connection:
    """Open the catalogue in `folder`, which exists; in memory if it is None."""
    name = ":memory:"
    if folder is not None:
        path = folder / "catalogue.sqlite"
        # SQLite would take the mode from the umask; its -wal and -shm take it from this file.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        name = str(path)
    db = sqlite3.connect(name, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
    try:
        # What was purged shall not stay readable in free pages.
        db.execute("PRAGMA secure_delete=ON")
        if db.execute("PRAGMA user_version").fetchone()[0] != 1:
            shared = folder is not None and filesystem_type(folder) in SHARED_FILESYSTEMS
            # WAL needs memory shared between all who use the file: not across nodes.
            db.execute(f"PRAGMA journal_mode={'DELETE' if shared else 'WAL'}")
            _create(db)
        db.execute("PRAGMA synchronous=NORMAL")
    except BaseException:
        db.close()
        raise
    return db


def _create(db: sqlite3.Connection) -> None:
    db.execute("BEGIN EXCLUSIVE")
    try:
        # Another process may have been first.
        if db.execute("PRAGMA user_version").fetchone()[0] != 1:
            for statement in SCHEMA.split(";"):
                db.execute(statement)
            db.execute("PRAGMA user_version=1")
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise
