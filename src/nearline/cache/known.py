"""What this process knows of one version: where its pieces and artefacts lie."""

from __future__ import annotations

from collections.abc import Iterable

from nearline.cache.database import Stamp
from nearline.cache.extents import Extents
from nearline.cache.pieces import Piece, seed
from nearline.cache.rows import Stored
from nearline.cache.version import Version

__all__ = ["Known"]


class Known:
    """The rows of one version, in memory. The store's lock guards it.

    Attributes
    ----------
    extents : Extents
        Pieces of the object.
    artefacts : dict
        By name.
    last_row : int
        Newest row of the catalogue that was taken over.
    stamp : Stamp
        State of the catalogue when that happened.
    others : Stamp or None
        State of what others recorded when a claim last took it over.
    """

    __slots__ = (
        "_kept",
        "_seeds",
        "artefacts",
        "extents",
        "last_row",
        "others",
        "stamp",
        "version",
    )

    def __init__(self, version: Version) -> None:
        self.version = version
        self.extents: Extents[Piece] = Extents()
        self.artefacts: dict[str, Piece] = {}
        self.last_row = 0
        self.stamp: Stamp = (-1, -1, -1)
        self.others: Stamp | None = None
        self._kept: set[str] = set()
        self._seeds: dict[str, int] = {}

    @property
    def was_read(self) -> bool:
        """Whether the catalogue has been asked, and nothing was found wrong since."""
        return self.stamp[1:] != (-1, -1)

    def seed(self, name: str) -> int:
        """Return what the checksums of this version's bytes, or of an artefact, begin with."""
        if name not in self._seeds:
            self._seeds[name] = seed(self.version.identity, self.version.validator.key, name)
        return self._seeds[name]

    def add(self, piece: Piece) -> None:
        """Add a piece that this process wrote."""
        if piece.name:
            self.artefacts[piece.name] = piece
            self._kept.add(piece.name)
        else:
            self.extents.add(piece)

    def take(self, rows: Iterable[Stored], dropped: set[tuple[int, int]]) -> None:
        """Add what anyone recorded, but for places known to be damaged.

        An artefact that this process kept is not replaced by another one's.
        """
        for row in rows:
            piece = row.piece
            self.last_row = row.id
            if (piece.pack, piece.position) in dropped:
                continue
            if not piece.name:
                self.extents.add(piece)
            elif piece.name not in self._kept:
                self.artefacts[piece.name] = piece

    def discard(self, piece: Piece) -> None:
        """Remove a piece, and look for another one when it is wanted again."""
        self.stamp = (self.stamp[0], -1, -1)
        self.others = None
        # The other one's row may have been read, and left out for the sake of this piece.
        self.last_row = 0
        if not piece.name:
            self.extents.discard(piece)
        elif self.artefacts.get(piece.name) is piece:
            del self.artefacts[piece.name]
            self._kept.discard(piece.name)
