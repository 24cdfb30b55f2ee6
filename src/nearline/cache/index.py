"""Where bytes lie, as this process knows it: what anyone recorded, and what is pending here."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence

from nearline.cache import claims
from nearline.cache.catalogue import Catalogue
from nearline.cache.changes import Changes, Pending
from nearline.cache.claim_desk import ClaimDesk, Claims
from nearline.cache.database import Stamp
from nearline.cache.known import Known
from nearline.cache.pieces import Piece
from nearline.cache.version import Version
from nearline.ranges import ByteRange, subtract

__all__ = ["Index"]

KNOWN_VERSIONS = 4096
"""Versions whose extents stay in memory."""


class Index:
    """A catalogue, with what this process remembers of it and has pending for it.

    Changes are visible here at once and to other processes when they are
    recorded. Methods raise what the catalogue raises; those that only note
    something do not ask it.

    Locks, in the order in which they are taken: those of the claims, the
    catalogue's for writing, this one's, the catalogue's for reading.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._lock = threading.RLock()
        self._known: OrderedDict[int, Known] = OrderedDict()
        self._pending = Pending()
        self._claims: set[int] = set()
        self._lost: set[int] = set()
        self._desk = ClaimDesk(catalogue, self._held_as_of, self.release)

    # --- versions ---------------------------------------------------------------

    def latest(self, identity: str) -> Version | None:
        """Return the newest version known of an object."""
        with self._lock:
            pending = self._pending.latest.get(identity)
        return pending or self.catalogue.latest(identity)

    def add_version(self, version: Version) -> None:
        """Note a version as the latest of its object."""
        with self._lock:
            self._pending.add_version(version)

    def seed(self, version: Version, name: str) -> int:
        """Return what the checksums of this version's bytes, or of an artefact, begin with."""
        with self._lock:
            return self._of(version).seed(name)

    # --- pieces -----------------------------------------------------------------

    def held(self, version: Version, wanted: ByteRange, *, fresh: bool) -> list[ByteRange]:
        """Return which of the wanted bytes are on disk: merged, clipped, sorted."""
        with self._lock:
            known = self._of(version)
            found = known.extents.held(*wanted)
            look = (fresh or not known.was_read) and found != [wanted]
            if look and self._refresh(known):
                found = known.extents.held(*wanted)
            return found

    def missing(self, version: Version, whole: ByteRange) -> list[ByteRange]:
        """Return which bytes this process does not know to be on disk."""
        with self._lock:
            return subtract([whole], self._of(version).extents.held(*whole))

    def cover(self, version: Version, wanted: ByteRange) -> tuple[Known, list[Piece]] | None:
        """Return pieces that together hold the wanted bytes; None if one is missing."""
        with self._lock:
            known = self._of(version)
            cover = known.extents.cover(*wanted)
            if cover is None and self._refresh(known):
                cover = known.extents.cover(*wanted)
            return None if cover is None else (known, cover)

    def artefact(self, version: Version, name: str) -> tuple[Known, Piece] | None:
        """Return the piece that was kept under this name."""
        with self._lock:
            known = self._of(version)
            if name not in known.artefacts:
                self._refresh(known)
            piece = known.artefacts.get(name)
            return None if piece is None else (known, piece)

    def add(self, version: Version, new: Sequence[Piece]) -> int:
        """Note pieces whose bytes are in their file; returns the bytes that are pending."""
        with self._lock:
            known = self._of(version)
            for piece in new:
                known.add(piece)
                self._pending.add_piece(version, piece)
            return self._pending.size

    def touch(self, piece: Piece, now: float) -> None:
        """Note the use of a piece."""
        with self._lock:
            piece.used = now
            self._pending.changes.touched[piece.pack, piece.position] = now

    def drop(self, known: Known, piece: Piece) -> None:
        """Note that a piece is damaged or gone."""
        with self._lock:
            known.discard(piece)
            self._pending.drop(piece)

    def forget(self) -> None:
        """Remember nothing of what is on the disk; what is held is read anew."""
        with self._lock:
            self._known.clear()

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

    # --- recording --------------------------------------------------------------

    def record(self) -> int:
        """Record everything; returns the bytes of all packs, 0 if there was nothing to record."""
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
            return total

    def take_lost(self) -> set[int]:
        """Return packs that the catalogue turned out not to list: nothing more belongs in them."""
        with self._lock:
            taken, self._lost = self._lost, set()
            return taken

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

    # --- claims -----------------------------------------------------------------

    def claim(self, version: Version, wanted: list[ByteRange]) -> Claims:
        """Claim what nobody holds or fetches."""
        found = self._desk.claim(version, wanted)
        with self._lock:
            self._claims.update(found.ids)
        return found

    def _held_as_of(
        self, version: Version, wanted: list[ByteRange], stamp: Stamp
    ) -> list[ByteRange]:
        with self._lock:
            known = self._of(version)
            if known.others != stamp:
                self._refresh(known)
                known.others = stamp
            return [part for one in wanted for part in known.extents.held(*one)]

    def release(self, ids: list[int]) -> None:
        """End claims when the next changes are recorded."""
        with self._lock:
            self._claims.difference_update(ids)
            self._pending.changes.released.extend(ids)

    def renew(self) -> bool:
        """Let the claims of this process stand for another lease; False if there are none."""
        with self._lock:
            ids = list(self._claims)
        if ids:
            self.catalogue.renew(ids)
        return bool(ids)

    def ended(self, version: Version, waiting: list[int]) -> bool:
        """Whether none of these claims stands any more."""
        now = time.time()
        seen: dict[claims.Holder, bool] = {}
        with self.catalogue.reading() as db:
            return not any(
                one.id in waiting and claims.alive(one, now, seen)
                for one in self.catalogue.claims(db, claims.here()).get(version.id, [])
            )

    # --- fork -------------------------------------------------------------------

    def before_fork(self) -> None:
        """Take the locks and close the database."""
        self.catalogue.write_lock.acquire()
        self._lock.acquire()
        self.catalogue.before_fork()

    def after_fork(self, *, in_child: bool) -> None:
        """Release the locks; a child leaves to its parent what the parent has pending."""
        if in_child:
            self._pending = Pending()
            self._claims.clear()
            self._desk.forget()
        self.catalogue.after_fork()
        self._lock.release()
        self.catalogue.write_lock.release()
