"""The store on disk: packs and a catalogue, shared by the processes of one user."""

from __future__ import annotations

import atexit
import errno
import logging
import sqlite3
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from nearline.cache import claims, evict, pieces
from nearline.cache.catalogue import Catalogue
from nearline.cache.changes import Changes, Pending
from nearline.cache.claims import Claim
from nearline.cache.flusher import Flusher
from nearline.cache.folder import Unusable, prepare, warn_once
from nearline.cache.forking import quiet_on_fork
from nearline.cache.known import Known
from nearline.cache.memory import MemoryStore
from nearline.cache.packs import Packs
from nearline.cache.pieces import LARGEST_PIECE, Piece, checksum
from nearline.cache.trouble import Trouble, diagnose
from nearline.cache.version import Buffer, Version, merged, version_id
from nearline.provenance import Validator
from nearline.ranges import ByteRange, merge, subtract

__all__ = ["DiskStore", "forget_folder"]

_MIB = 1 << 20

KNOWN_VERSIONS = 4096
"""Versions whose extents stay in memory."""

TOUCH_AFTER = 60.0
"""Seconds between two notes of the use of one piece."""

PAUSE = 30.0
"""Seconds without writing after the disk was full."""

log = logging.getLogger("nearline.cache")
T = TypeVar("T")


class DiskStore:
    """Pieces and artefacts in append-only packs, bounded by bytes.

    Bytes are written at once and recorded in the catalogue a moment later, in
    one transaction for many pieces; this process sees them immediately. No
    trouble with the disk reaches the caller: what cannot be read is missing,
    what cannot be written is not kept, and one warning says why.

    Locks, in the order in which they are taken: the packs' for writing, the
    catalogue's for writing, this store's, the catalogue's for reading.

    Parameters
    ----------
    folder : Path
        The cache folder (that of the format lies within it).
    bound : int
        Bytes on disk, catalogue included.
    memory : MemoryStore
        Takes versions that nothing identifies, and everything once the folder
        has failed for good.

    Raises
    ------
    Unusable
        The folder cannot hold a cache.
    """

    def __init__(self, folder: Path, bound: int, memory: MemoryStore) -> None:
        self.folder = folder
        self.bound = bound
        self._memory = memory
        inner = prepare(folder)
        self.catalogue = Catalogue(inner)
        self.packs = Packs(
            inner / "packs", min(128 * _MIB, max(bound // 16, 65536)), self.catalogue
        )
        self._lock = threading.RLock()
        self._known: OrderedDict[int, Known] = OrderedDict()
        self._pending = Pending()
        self._claims: set[int] = set()
        self._lost: set[int] = set()  # packs in which nothing more is recorded
        self._evicting = threading.Lock()
        self._swept = False
        self._failed = False
        self._paused_until = 0.0
        self._flusher = Flusher(self._in_background)
        quiet_on_fork(self)
        atexit.register(self.close)
        _stores.add(self)

    # --- versions ---------------------------------------------------------------

    def latest(self, identity: str) -> Version | None:
        """Return the newest version known of an object."""
        with self._lock:
            pending = self._pending.latest.get(identity)
        if pending is not None:
            return pending
        return self._guarded(lambda: self.catalogue.latest(identity), None) or self._memory.latest(
            identity
        )

    def version(self, identity: str, validator: Validator, *, checked: float) -> Version:
        """Return a version, which becomes the latest; unidentified ones live in memory."""
        if not validator.key or self._failed:
            return self._memory.version(identity, validator, checked=checked)
        known = self.latest(identity)
        number = version_id(identity, validator)
        if known is not None and known.id == number:
            validator = merged(known.validator, validator)
            checked = max(known.checked, checked)
        one = Version(number, identity, validator, checked)
        if one != known:
            with self._lock:
                self._pending.add_version(one)
            self._flusher.wake()
        return one

    # --- bytes --------------------------------------------------------------------

    def held(self, version: Version, wanted: ByteRange) -> list[ByteRange]:
        """Return which of the wanted bytes are here: merged, clipped, sorted."""
        if not version.lasting or self._failed:
            return self._memory.held(version, wanted)
        if wanted.stop <= wanted.start:
            return []

        def look() -> list[ByteRange]:
            with self._lock:
                known = self._of(version)
                found = known.extents.held(*wanted)
                if found != [wanted] and self._refresh(known):
                    found = known.extents.held(*wanted)
                return found

        return self._guarded(look, [])

    def get(self, version: Version, wanted: ByteRange) -> bytes | memoryview | None:
        """Return the wanted bytes, or None if one is missing or damaged."""
        if not version.lasting or self._failed:
            return self._memory.get(version, wanted)
        if wanted.stop <= wanted.start:
            return b""
        for _ in range(3):  # an evictor may move pieces while they are read
            cover = self._guarded(lambda: self._cover(version, wanted), None)
            if cover is None:
                return None
            known, chosen = cover
            parts: list[memoryview] = []
            reached = wanted.start
            for piece in chosen:
                stop = min(piece.stop, wanted.stop)
                part = self._read(known, piece, reached, stop)
                if part is not None:
                    parts.append(part)
                reached = stop
            if len(parts) == len(chosen):
                return parts[0] if len(parts) == 1 else b"".join(parts)
        return None

    def put(self, version: Version, start: int, data: Buffer) -> None:
        """Keep bytes of a version, from offset `start` on; never raises for the disk's sake."""
        if not version.lasting or self._failed:
            self._memory.put(version, start, data)
            return
        view = memoryview(data).cast("B")
        whole = ByteRange(start, start + len(view))
        with self._lock:
            missing = subtract([whole], self._of(version).extents.held(*whole))
        for low, high in missing:
            self._store(version, "", low, view[low - start : high - start])

    def artefact(self, version: Version, name: str) -> bytes | None:
        """Return what was kept under this name, or None."""
        if not version.lasting or self._failed:
            return self._memory.artefact(version, name)

        def look() -> tuple[Known, Piece] | None:
            with self._lock:
                known = self._of(version)
                if name not in known.artefacts:
                    self._refresh(known)
                piece = known.artefacts.get(name)
                return None if piece is None else (known, piece)

        for _ in range(3):
            found = self._guarded(look, None)
            if found is None:
                return None
            data = self._read(*found, 0, found[1].stop)
            if data is not None:
                return bytes(data)
        return None

    def keep(self, version: Version, name: str, data: bytes) -> None:
        """Keep something derived from a version; replaces what had this name."""
        if not version.lasting or self._failed:
            self._memory.keep(version, name, data)
        else:
            self._store(version, name, 0, memoryview(data).cast("B"))

    def _of(self, version: Version) -> Known:
        known = self._known.get(version.id)
        if known is None:
            known = self._known[version.id] = Known(version)
        else:
            self._known.move_to_end(version.id)
        return known

    def _refresh(self, known: Known) -> bool:
        """Take over what anyone recorded since; False if nobody did."""
        stamp = self.catalogue.stamp()
        if stamp == known.stamp:
            return False
        if stamp[0] != known.stamp[0]:
            known.last_row = 0
        rows = self.catalogue.pieces(known.version.id, known.last_row)
        known.take(rows, self._pending.dropped)
        known.stamp = stamp
        return True

    def _cover(self, version: Version, wanted: ByteRange) -> tuple[Known, list[Piece]] | None:
        with self._lock:
            known = self._of(version)
            cover = known.extents.cover(*wanted)
            if cover is None and self._refresh(known):
                cover = known.extents.cover(*wanted)
            return None if cover is None else (known, cover)

    def _read(self, known: Known, piece: Piece, start: int, stop: int) -> memoryview | None:
        """Read a part of a piece, all of which is checked the first time."""
        first = not piece.verified
        low, high = (piece.start, piece.stop) if first else (start, stop)
        try:
            data = self.packs.read(piece.pack, piece.position + low - piece.start, high - low)
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR):
                return None
            # A pack that an evictor removed is no damage.
            self._drop(known, piece, "" if error.errno == errno.ENOENT else str(error.strerror))
            return None
        if first:
            if not pieces.intact(piece, known.seed(piece.name), data):
                self._drop(known, piece, "checksum")
                return None
            piece.verified = True
        elif len(data) != high - low:
            self._drop(known, piece, "too short")
            return None
        now = time.time()
        if now - piece.used >= TOUCH_AFTER:
            piece.used = now
            with self._lock:
                self._pending.changes.touched[piece.pack, piece.position] = now
        return memoryview(data)[start - low : stop - low]

    def _drop(self, known: Known, piece: Piece, damage: str) -> None:
        with self._lock:
            known.discard(piece)
            self._pending.drop(piece)
        if damage:
            log.warning(
                "Dropped a damaged piece of the cache (%s): bytes %d to %d of %s%s.",
                damage, piece.start, piece.stop, known.version.identity,
                f", artefact {piece.name!r}" if piece.name else "",
            )  # fmt: skip
        self._flusher.wake()

    def _store(self, version: Version, name: str, start: int, view: memoryview) -> None:
        if time.monotonic() < self._paused_until:
            return
        with self._lock:
            origin = self._of(version).seed(name)
        size = len(view) if name else LARGEST_PIECE
        cuts = range(0, len(view), size) if len(view) else range(1)
        sums = [checksum(origin, start + at, view[at : at + size]) for at in cuts]
        while self._lost:
            self.packs.retire(self._lost.pop())
        place = self._guarded(lambda: self.packs.append(view), None)
        if place is None:
            return
        # From here on the bytes are in the file; only now may anyone hear of them.
        pack, position = place
        now = time.time()
        with self._lock:
            known = self._of(version)
            for at, total in zip(cuts, sums, strict=True):
                low, high = start + at, start + min(at + size, len(view))
                piece = Piece(name, low, high, pack, position + at, total, now)
                known.add(piece)
                self._pending.add_piece(version, piece)
            much = self._pending.size > min(32 * _MIB, self.bound // 16)
        if much:
            self.flush()
        else:
            self._flusher.wake()

    # --- claims ---------------------------------------------------------------------

    def claim(self, version: Version, wanted: Sequence[ByteRange]) -> Claim:
        """Claim bytes, for this process to fetch, that no other one is fetching."""
        wanted = merge(wanted)
        alone = Claim(wanted, [])
        if not wanted or not version.lasting or self._failed:
            return alone
        return self._guarded(lambda: self._claim(version, wanted), alone)

    def _claim(self, version: Version, wanted: list[ByteRange]) -> Claim:
        here = claims.here()
        with self.catalogue.writing() as db:
            # Nobody else can commit now: what is neither held nor claimed is ours.
            changes = self._take()
            try:
                lost = self.catalogue.write(db, changes)
                with self._lock:
                    known = self._of(version)
                    self._refresh(known)
                    held = [part for one in wanted for part in known.extents.held(*one)]
                now = time.time()
                others = []
                for one in self.catalogue.claims(db, version.id):
                    if not claims.alive(one, now):
                        db.execute("DELETE FROM claims WHERE id=?", (one.id,))
                    elif one.holder != here:
                        others.append(one)
                mine, theirs, waiting = claims.divide(wanted, held, others)
                ids = self.catalogue.add_claims(db, version.id, mine, here)
            except BaseException:
                self._give_back(changes)
                raise
        self._recorded(changes, lost)
        with self._lock:
            self._claims.update(ids)
        if ids:
            self._flusher.wake()  # renews the lease while the fetch lasts

        def release() -> None:
            with self._lock:
                self._claims.difference_update(ids)
                self._pending.changes.released.extend(ids)
            self.flush()

        def gone() -> bool:
            return self._guarded(lambda: self._ended(version.id, waiting), True)

        return Claim(mine, theirs, release=release if ids else None, gone=gone if waiting else None)

    def _ended(self, version: int, waiting: list[int]) -> bool:
        now = time.time()
        with self.catalogue.reading() as db:
            return not any(
                one.id in waiting and claims.alive(one, now)
                for one in self.catalogue.claims(db, version)
            )

    # --- recording --------------------------------------------------------------------

    def flush(self) -> None:
        """Record everything now, and make room if there is too much."""
        if self._failed:
            return
        total = self._guarded(self._record, 0)
        if total > self.bound or (total and not self._swept):
            with self._evicting:
                self._guarded(self._make_room, None)

    def _record(self) -> int:
        with self.catalogue.write_lock:
            changes = self._take()
            if not changes:
                return 0
            try:
                total, lost = self.catalogue.record(changes)
            except BaseException:
                self._give_back(changes)
                raise
            self._recorded(changes, lost)
        self.packs.close_removed()
        return total

    def _make_room(self) -> None:
        self._swept = True
        evict.make_room(self.catalogue, self.packs, self.bound)

    def _take(self) -> Changes:
        with self._lock:
            return self._pending.take()

    def _give_back(self, changes: Changes) -> None:
        with self._lock:
            self._pending.give_back(changes)

    def _recorded(self, changes: Changes, lost: set[int]) -> None:
        with self._lock:
            self._pending.recorded(changes)
            # Only what is recorded can be read again from the catalogue.
            if not self._pending.changes.pieces:
                while len(self._known) > KNOWN_VERSIONS:
                    self._known.popitem(last=False)
            if lost:
                self._lost |= lost
                self._known.clear()

    def _in_background(self) -> bool:
        self.flush()
        with self._lock:
            claims_now = list(self._claims)
        if claims_now:
            self._guarded(lambda: self.catalogue.renew(claims_now), None)
        return bool(claims_now)

    # --- trouble ------------------------------------------------------------------------

    def _guarded(self, work: Callable[[], T], otherwise: T) -> T:
        """Do something with the disk; cure what can be cured, else return `otherwise`."""
        for _ in range(3):
            if self._failed:
                break
            try:
                return work()
            except (sqlite3.Error, OSError) as error:
                if not self._cure(error):
                    break
        return otherwise

    def _cure(self, error: sqlite3.Error | OSError) -> bool:
        """Do what an error calls for; True if it is worth trying again."""
        trouble = diagnose(error, in_place=self._in_place())
        if trouble is Trouble.BUSY:
            log.info("The cache in %s is busy (%s); going on without it.", self.folder, error)
            return False
        if trouble is Trouble.FULL:
            self._paused_until = time.monotonic() + PAUSE
            warn_once(f"No room for the cache in {self.folder}; going on without keeping more.")
            return False
        try:
            if trouble is not Trouble.HOPELESS:
                if trouble is Trouble.DAMAGED:
                    warn_once(
                        f"The catalogue of the cache in {self.folder} is damaged ({error}); it "
                        "was set aside and a new one begun."
                    )
                    self.catalogue.set_aside()
                    self._swept = False
                else:
                    warn_once(f"The cache in {self.folder} was removed; a new one was begun.")
                self._reopen()
                return True
        except (sqlite3.Error, OSError, Unusable) as worse:
            error = worse if isinstance(worse, (sqlite3.Error, OSError)) else OSError(str(worse))
        self._failed = True
        warn_once(
            f"The cache in {self.folder} cannot be used any more ({error}); memory is used instead."
        )
        return False

    def _in_place(self) -> bool:
        return self.catalogue.path.exists() and self.packs.folder.exists()

    def _reopen(self) -> None:
        self.catalogue.close()
        prepare(self.folder)
        self.forget()

    def forget(self) -> None:
        """Remember nothing of what is on the disk; what is held is read anew."""
        with self._lock:
            self._known.clear()

    def close(self) -> None:
        """Record what is pending, end the background thread and close every handle."""
        self._flusher.stop()
        if self.packs.folder.exists():  # what somebody removed is not made again for the end
            self.flush()
        self.packs.close()
        self.catalogue.close()
        atexit.unregister(self.close)

    # --- fork -----------------------------------------------------------------------------

    def before_fork(self) -> None:
        """Take every lock and close the database."""
        self.packs.before_fork()
        self.catalogue.write_lock.acquire()
        self._lock.acquire()
        self.catalogue.before_fork()

    def after_fork(self, *, in_child: bool) -> None:
        """Release the locks; a child leaves to its parent what the parent has pending."""
        if in_child:
            self._pending = Pending()
            self._claims.clear()
            self._evicting = threading.Lock()
            self._flusher.forget()
        self.catalogue.after_fork()
        self._lock.release()
        self.catalogue.write_lock.release()
        self.packs.after_fork(in_child=in_child)


_stores: weakref.WeakSet[DiskStore] = weakref.WeakSet()


def forget_folder(folder: Path) -> None:
    """Have the stores of this process read anew what is on disk in a folder."""
    for one in list(_stores):
        if one.folder == folder:
            one.forget()
