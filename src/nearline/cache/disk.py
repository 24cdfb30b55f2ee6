"""The store on disk: packs and a catalogue, shared by the processes of one user."""

from __future__ import annotations

import atexit
import errno
import logging
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from nearline.cache import evict, pieces
from nearline.cache.catalogue import Catalogue
from nearline.cache.claims import Claim
from nearline.cache.flusher import Flusher
from nearline.cache.folder import Unusable, prepare, warn_once
from nearline.cache.forking import quiet_on_fork
from nearline.cache.index import Index
from nearline.cache.known import Known
from nearline.cache.memory import MemoryStore
from nearline.cache.packs import Packs
from nearline.cache.pieces import LARGEST_PIECE, Piece, checksum
from nearline.cache.trouble import Trouble, diagnose
from nearline.cache.version import Buffer, Version, merged, version_id
from nearline.provenance import Validator
from nearline.ranges import ByteRange, merge

__all__ = ["DiskStore", "forget_folder"]

_MIB = 1 << 20

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

    Locks, in the order in which they are taken: the packs' for writing, then
    those of the index.

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
        self._index = Index(self.catalogue)
        self._evicting = threading.Lock()
        self._wrote = False
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
        known = self._guarded(lambda: self._index.latest(identity), None)
        return known or self._memory.latest(identity)

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
            self._index.add_version(one)
            self._flusher.wake()
        return one

    # --- bytes --------------------------------------------------------------------

    def held(self, version: Version, wanted: ByteRange, *, fresh: bool = True) -> list[ByteRange]:
        """Return which of the wanted bytes are here: merged, clipped, sorted; see `Store`."""
        if not version.lasting or self._failed:
            return self._memory.held(version, wanted, fresh=fresh)
        if wanted.stop <= wanted.start:
            return []

        return self._guarded(lambda: self._index.held(version, wanted, fresh=fresh), [])

    def get(self, version: Version, wanted: ByteRange) -> bytes | memoryview | None:
        """Return the wanted bytes, or None if one is missing or damaged."""
        if not version.lasting or self._failed:
            return self._memory.get(version, wanted)
        if wanted.stop <= wanted.start:
            return b""
        for _ in range(3):  # an evictor may move pieces while they are read
            cover = self._guarded(lambda: self._index.cover(version, wanted), None)
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
        for low, high in self._index.missing(version, whole):
            self._store(version, "", low, view[low - start : high - start])

    def artefact(self, version: Version, name: str) -> bytes | None:
        """Return what was kept under this name, or None."""
        if not version.lasting or self._failed:
            return self._memory.artefact(version, name)

        for _ in range(3):
            found = self._guarded(lambda: self._index.artefact(version, name), None)
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
            self._index.touch(piece, now)
        if 2 * (stop - start) < len(data):
            data = data[start - low : stop - low]  # a view would hold the whole piece
            low = start
        return memoryview(data)[start - low : stop - low]

    def _drop(self, known: Known, piece: Piece, damage: str) -> None:
        self._index.drop(known, piece)
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
        origin = self._index.seed(version, name)
        size = len(view) if name else LARGEST_PIECE
        cuts = range(0, len(view), size) if len(view) else range(1)
        sums = [checksum(origin, start + at, view[at : at + size]) for at in cuts]
        for pack in self._index.take_lost():
            self.packs.retire(pack)
        place = self._guarded(lambda: self.packs.append(view), None)
        if place is None:
            return
        self._wrote = True
        # From here on the bytes are in the file; only now may anyone hear of them.
        pack, position = place
        now = time.time()
        end = start + len(view)
        new = [
            Piece(name, low, min(low + size, end), pack, position + low - start, total, now)
            for low, total in zip((start + at for at in cuts), sums, strict=True)
        ]
        if self._index.add(version, new) > min(32 * _MIB, self.bound // 16):
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
        mine, others, ids, waiting = self._index.claim(version, wanted)
        if ids:
            self._flusher.wake()  # renews the lease while the fetch lasts

        def release() -> None:
            self._index.release(ids)
            self._flusher.wake()  # many end together, and one transaction does for all

        def gone() -> bool:
            return self._guarded(lambda: self._index.ended(version, waiting), True)

        return Claim(mine, others, release=release if ids else None, gone=gone if waiting else None)

    # --- recording --------------------------------------------------------------------

    def flush(self) -> None:
        """Record everything now, and make room if there is too much."""
        if self._failed:
            return
        total = self._guarded(self._record, 0)
        # Litter is looked for once, and not by a process that only reads.
        if total > self.bound or (total and self._wrote and not self._swept):
            with self._evicting:
                self._guarded(self._make_room, None)

    def _record(self) -> int:
        total = self._index.record()
        self.packs.close_removed()
        return total

    def _make_room(self) -> None:
        self._swept = True
        evict.make_room(self.catalogue, self.packs, self.bound)

    def _in_background(self) -> bool:
        self.flush()
        return self._guarded(self._index.renew, not self._failed)

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
        self._index.forget()

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
        self._index.before_fork()

    def after_fork(self, *, in_child: bool) -> None:
        """Release the locks; a child leaves to its parent what the parent has pending."""
        if in_child:
            self._evicting = threading.Lock()
            self._flusher.forget()
        self._index.after_fork(in_child=in_child)
        self.packs.after_fork(in_child=in_child)


_stores: weakref.WeakSet[DiskStore] = weakref.WeakSet()


def forget_folder(folder: Path) -> None:
    """Have the stores of this process read anew what is on disk in a folder."""
    for one in list(_stores):
        if one.folder == folder:
            one.forget()
