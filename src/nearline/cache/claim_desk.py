"""Where the threads of a process claim: those that come together, in one transaction."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from nearline.cache import claims

if TYPE_CHECKING:
    from sqlite3 import Connection

    from nearline.cache.catalogue import Catalogue
    from nearline.cache.database import Stamp
    from nearline.cache.version import Version
    from nearline.ranges import ByteRange

__all__ = ["ClaimDesk", "Claims"]


class Claims(NamedTuple):
    """What came of a claim.

    Attributes
    ----------
    mine, others : list of ByteRange
        See `Claim`.
    ids : list of int
        Of the new claims on `mine`.
    waiting : list of int
        Of the claims on `others`.
    """

    mine: list[ByteRange]
    others: list[ByteRange]
    ids: list[int]
    waiting: list[int]


@dataclass(slots=True, eq=False)
class _Asked:
    """A claim that a thread waits for."""

    version: Version
    wanted: list[ByteRange]
    answer: Claims | None = None
    given_up: bool = False


class ClaimDesk:
    """Whoever comes first claims for all who came meanwhile.

    Each transaction is a wait for the database, and each statement one for the
    interpreter: where many threads read, that costs more than all else, so
    what cannot have changed is not asked again.

    Parameters
    ----------
    catalogue : Catalogue
    held : callable
        Returns which ranges of a version are on disk, as of a stamp of what others recorded.
    release : callable
        Ends claims by their ids.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        held: Callable[[Version, list[ByteRange], Stamp], list[ByteRange]],
        release: Callable[[list[int]], None],
    ) -> None:
        self._catalogue = catalogue
        self._held = held
        self._release = release
        self.forget()

    def forget(self) -> None:
        """Begin anew, in a forked child: its parent's threads do not exist in it."""
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        self._asked: list[_Asked] = []
        self._stamp: Stamp | None = None
        self._others: dict[int, list[claims.Claimed]] = {}

    def claim(self, version: Version, wanted: list[ByteRange]) -> Claims:
        """Claim what nobody holds or fetches."""
        asked = _Asked(version, wanted)
        with self._lock:
            self._asked.append(asked)
        try:
            with self._turn:
                return asked.answer or self._serve(asked)
        except BaseException:
            self._give_up(asked)
            raise

    def _serve(self, mine: _Asked) -> Claims:
        """Claim for all who wait, and return what came of one."""
        with self._lock:
            batch, self._asked = self._asked, []
        try:
            answers = dict(zip(batch, self._claim(batch), strict=True))
        except BaseException:
            with self._lock:  # each of the others tries for itself
                self._asked[:0] = batch
            raise
        with self._lock:
            for asked, answer in answers.items():
                asked.answer = answer
            given_up = [answer.ids for asked, answer in answers.items() if asked.given_up]
        for ids in given_up:
            self._release(ids)
        return answers[mine]

    def _claim(self, batch: list[_Asked]) -> list[Claims]:
        here = claims.here()
        with self._catalogue.writing() as db:
            # Nobody else can commit now: what is neither held nor claimed is ours.
            stamp = self._catalogue.stamp_of_others(db)
            standing = self._standing(db, stamp, here)
            divided = [
                claims.divide(
                    asked.wanted,
                    self._held(asked.version, asked.wanted, stamp),
                    standing.get(asked.version.id, []),
                )
                for asked in batch
            ]
            spans = [
                (asked.version.id, span)
                for asked, (mine, _, _) in zip(batch, divided, strict=True)
                for span in mine
            ]
            ids = iter(self._catalogue.add_claims(db, spans, here))
        return [
            Claims(mine, others, list(islice(ids, len(mine))), waiting)
            for mine, others, waiting in divided
        ]

    def _standing(
        self, db: Connection, stamp: Stamp, here: claims.Holder
    ) -> dict[int, list[claims.Claimed]]:
        """Return the claims of others that stand, by version; what does not is removed."""
        if stamp != self._stamp:
            self._others = self._catalogue.claims(db, here)
            self._stamp = stamp
        now = time.time()
        seen: dict[claims.Holder, bool] = {}
        standing: dict[int, list[claims.Claimed]] = {}
        dead = []
        for version, some in self._others.items():
            for one in some:
                if claims.alive(one, now, seen):
                    standing.setdefault(version, []).append(one)
                else:
                    dead.append(one.id)
        self._catalogue.drop_claims(db, dead)
        self._others = standing
        return standing

    def _give_up(self, asked: _Asked) -> None:
        """Nobody waits any more: what another thread claims for it, or has claimed, ends."""
        with self._lock:
            asked.given_up = True
            if asked in self._asked:
                self._asked.remove(asked)
            answer = asked.answer
        if answer is not None:
            self._release(answer.ids)
