"""Questions about a whole catalogue, for those who look after it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from nearline.cache.catalogue import Catalogue
from nearline.cache.rows import PIECE_COLUMNS, VERSION_COLUMNS, Stored, version_of
from nearline.cache.version import Version

__all__ = ["drop", "everything", "identities", "remove", "totals"]

PAGE = 4096


def totals(catalogue: Catalogue) -> tuple[int, int, int, int, float | None, float | None]:
    """Count pieces, artefacts, versions and objects; with the first and the last use."""
    with catalogue.reading() as db:
        pieces, artefacts, versions, oldest, newest = db.execute(
            "SELECT COALESCE(SUM(name=''), 0), COALESCE(SUM(name<>''), 0), "
            "COUNT(DISTINCT version), MIN(used), MAX(used) FROM pieces"
        ).fetchone()
        (objects,) = db.execute(
            "SELECT COUNT(DISTINCT identity) FROM versions WHERE id IN (SELECT version FROM pieces)"
        ).fetchone()
    return pieces, artefacts, versions, objects, oldest, newest


def everything(catalogue: Catalogue) -> Iterator[tuple[Stored, Version | None]]:
    """Give every row of the pieces with its version, None where that row is missing or damaged."""
    last = 0
    while True:
        with catalogue.reading() as db:
            rows = db.execute(
                f"SELECT {PIECE_COLUMNS} FROM pieces WHERE id>? ORDER BY id LIMIT {PAGE}",  # noqa: S608
                (last,),
            ).fetchall()
            versions = {
                row[0]: version_of(row)
                for row in db.execute(
                    f"SELECT {VERSION_COLUMNS} FROM versions WHERE id IN "  # noqa: S608
                    "(SELECT version FROM pieces WHERE id BETWEEN ? AND ?)",
                    (rows[0][0], rows[-1][0]) if rows else (0, -1),
                )
            }
        if not rows:
            return
        last = rows[-1][0]
        for row in rows:
            stored = Stored.of(row)
            yield stored, versions.get(stored.version)


def drop(catalogue: Catalogue, row: int) -> None:
    """Remove one row of the pieces."""
    with catalogue.writing() as db:
        db.execute("DELETE FROM pieces WHERE id=?", (row,))


# An identity is a URL after one word (signed or unsigned), and perhaps a place
# after it. People name the URL.
_URL = "SUBSTR(identity, INSTR(identity, ' ') + 1)"


def identities(catalogue: Catalogue, name: str) -> list[str]:
    """Return the identities that are `name`, or whose URL is."""
    with catalogue.reading() as db:
        rows = db.execute(
            f"SELECT DISTINCT identity FROM versions WHERE identity=? OR {_URL}=? "  # noqa: S608
            f"OR SUBSTR({_URL}, 1, ?)=? ORDER BY identity",
            (name, name, len(name) + 4, f"{name} at "),
        ).fetchall()
    return [identity for (identity,) in rows]


def remove(catalogue: Catalogue, prefix: str | None) -> tuple[int, list[int]]:
    """Remove versions whose identity or URL begins with `prefix`, or all.

    Returns
    -------
    int
        How many there were.
    list of int
        Packs in which their bytes still lie.
    """
    with catalogue.writing() as db:
        # Names of patients' objects shall not stay in free pages.
        db.execute("PRAGMA secure_delete=ON")
        if prefix is None:
            count = db.execute("SELECT COUNT(*) FROM versions").fetchone()[0]
            packs = db.execute("SELECT id FROM packs").fetchall()
            db.execute("DELETE FROM pieces")
            db.execute("DELETE FROM versions")
        else:
            which = (
                "SELECT id FROM versions WHERE SUBSTR(identity, 1, :n)=:prefix "  # noqa: S608
                f"OR SUBSTR({_URL}, 1, :n)=:prefix"
            )
            names = {"n": len(prefix), "prefix": prefix}
            packs = db.execute(
                f"SELECT DISTINCT pack FROM pieces WHERE version IN ({which})",  # noqa: S608
                names,
            ).fetchall()
            db.execute(f"DELETE FROM pieces WHERE version IN ({which})", names)  # noqa: S608
            count = db.execute(f"DELETE FROM versions WHERE id IN ({which})", names).rowcount  # noqa: S608
    _empty_log(catalogue)
    return int(count), [pack for (pack,) in packs]


def _empty_log(catalogue: Catalogue) -> None:
    with catalogue.reading() as db:
        try:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.OperationalError:
            return  # somebody reads: their last close does it
