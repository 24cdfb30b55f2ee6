"""Making room: which packs go, and which of their pieces are worth moving."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from nearline.cache import pieces
from nearline.cache.catalogue import Catalogue
from nearline.cache.folder import occupied
from nearline.cache.packs import Packs
from nearline.cache.rows import PIECE_COLUMNS, Stored
from nearline.provenance import Validator

__all__ = ["PackUse", "hot_since", "make_room", "plan", "rewrite"]

KEEP = 0.9
"""Share of the bound that is filled after making room."""


class PackUse(NamedTuple):
    """What decides about one pack.

    Attributes
    ----------
    id : int
        Of the pack.
    size : int
        Bytes of its file.
    hot : int
        Bytes of its pieces that were used recently enough to be kept.
    used : float
        When any of its pieces was last used, seconds since the epoch.
    """

    id: int
    size: int
    hot: int
    used: float

    @property
    def moved(self) -> int:
        """Bytes to move when it goes: the hot ones, but never so many that little is gained."""
        return min(self.hot, self.size * 3 // 4)


def hot_since(uses: Iterable[tuple[float, int]], room: int) -> float:
    """Return the time after which the pieces used fit into `room` bytes.

    Parameters
    ----------
    uses : iterable of (float, int)
        Times of use and bytes last used then, latest first.
    """
    for used, size in uses:
        room -= size
        if room < 0:
            return used
    return 0.0


def plan(packs: Sequence[PackUse], room: int) -> list[PackUse]:
    """Return the packs to remove so that the rest and what is moved fit into `room` bytes.

    Packs without anything hot go first, oldest use first; then those with the
    smallest share of hot bytes.
    """
    left = sum(one.size for one in packs)
    chosen: list[PackUse] = []
    for one in sorted(packs, key=lambda p: (p.hot / max(p.size, 1), p.used, p.id)):
        if left <= room:
            break
        chosen.append(one)
        left -= one.size - one.moved
    return chosen


def make_room(catalogue: Catalogue, packs: Packs, bound: int) -> None:
    """Remove litter, and the packs used longest ago while there are more bytes than `bound`.

    Does nothing while another process does it. Readers need not know: a pack
    that is gone counts as a miss.
    """
    fd = os.open(catalogue.folder / "evict.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            # Unlike flock, it does not stay with children forked meanwhile.
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return
        sizes = _account(catalogue, packs)
        bound = max(bound - occupied(catalogue.folder), bound // 2)
        if sum(sizes.values()) <= bound:
            return
        room = int(bound * KEEP)
        uses = _uses(catalogue, sizes, room)
        chosen = plan(uses[0], room)
        for one in chosen:
            packs.retire(one.id)  # before anything is moved into one of them
        for one in chosen:
            rewrite(catalogue, packs, one.id, since=uses[1], most=one.moved)
        _forget_empty_versions(catalogue)
    finally:
        os.close(fd)


def _account(catalogue: Catalogue, packs: Packs) -> dict[int, int]:
    """Compare files and rows, remove litter, and return the bytes of every pack."""
    sizes = packs.sizes()  # before the rows: a pack is recorded before its file is made
    with catalogue.writing() as db:
        rows = dict(db.execute("SELECT id, size FROM packs").fetchall())
        long_ago = time.time() - 3600
        gone = db.execute("SELECT id FROM packs WHERE created<?", (long_ago,)).fetchall()
        for (pack,) in gone:
            if pack not in sizes:
                db.execute("DELETE FROM pieces WHERE pack=?", (pack,))
                db.execute("DELETE FROM packs WHERE id=?", (pack,))
        # A process that was killed left bytes that nobody recorded.
        db.executemany(
            "UPDATE packs SET size=? WHERE id=? AND size<?",
            [(size, pack, size) for pack, size in sizes.items()],
        )
    for pack in sizes.keys() - rows.keys():
        packs.remove(pack)
    return {pack: size for pack, size in sizes.items() if pack in rows}


def _uses(catalogue: Catalogue, sizes: Mapping[int, int], room: int) -> tuple[list[PackUse], float]:
    with catalogue.reading() as db:
        # By the millisecond, to keep the list short.
        since = hot_since(
            db.execute(
                "SELECT MAX(used), SUM(length) FROM pieces "
                "GROUP BY CAST(used * 1000 AS INTEGER) ORDER BY 1 DESC"
            ),
            room,
        )
        used = dict(db.execute("SELECT pack, MAX(used) FROM pieces GROUP BY pack").fetchall())
        hot = dict(
            db.execute(
                "SELECT pack, SUM(length) FROM pieces WHERE used>? GROUP BY pack", (since,)
            ).fetchall()
        )
    return [
        PackUse(pack, size, hot.get(pack, 0), used.get(pack, 0.0)) for pack, size in sizes.items()
    ], since


def rewrite(
    catalogue: Catalogue, packs: Packs, pack: int, *, since: float = 0.0, most: int | None = None
) -> None:
    """Remove a pack after moving the pieces used after `since`, latest first.

    Parameters
    ----------
    most : int, optional
        Bytes to move at most.
    """
    packs.retire(pack)
    with catalogue.reading() as db:
        rows = db.execute(
            f"SELECT {PIECE_COLUMNS} FROM pieces WHERE pack=? AND used>? ORDER BY used DESC",  # noqa: S608
            (pack, since),
        ).fetchall()
        versions = {
            one: (identity, Validator(size, etag, generation, modified))
            for one, identity, size, etag, generation, modified in db.execute(
                "SELECT id, identity, size, etag, generation, last_modified FROM versions "
                "WHERE id IN (SELECT version FROM pieces WHERE pack=?)",
                (pack,),
            )
        }
    moved: list[tuple[Stored, int, int]] = []
    for row in rows:
        stored = Stored.of(row)
        piece = stored.piece
        owner = versions.get(stored.version)
        if owner is None or (most is not None and piece.length > most):
            continue
        try:
            data = packs.read(piece.pack, piece.position, piece.length)
        except OSError:
            continue
        if pieces.intact(piece, pieces.seed(owner[0], owner[1].key, piece.name), data):
            moved.append((stored, *packs.append(data)))
            most = None if most is None else most - piece.length
    with catalogue.writing() as db:
        db.execute("DELETE FROM pieces WHERE pack=?", (pack,))
        db.execute("DELETE FROM packs WHERE id=?", (pack,))
        for stored, new_pack, position in moved:
            piece = stored.piece
            # A new row, because processes look for rows newer than those they know.
            db.execute(
                "INSERT OR IGNORE INTO pieces (version, name, start, length, pack, position, "
                "checksum, used) SELECT ?, ?, ?, ?, ?, ?, ?, ? "
                "WHERE EXISTS (SELECT 1 FROM packs WHERE id=?)",
                (
                    stored.version, piece.name, piece.start, piece.length, new_pack, position,
                    piece.checksum, piece.used, new_pack,
                ),
            )  # fmt: skip
            db.execute(
                "UPDATE packs SET size=MAX(size, ?) WHERE id=?",
                (position + piece.length, new_pack),
            )
    packs.remove(pack)


def _forget_empty_versions(catalogue: Catalogue) -> None:
    long_ago = time.time() - 86400
    with catalogue.writing() as db:
        db.execute(
            "DELETE FROM versions WHERE seen<? AND id NOT IN (SELECT version FROM pieces)",
            (long_ago,),
        )
