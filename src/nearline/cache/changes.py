"""What a process has to tell the catalogue, gathered for one transaction."""

from __future__ import annotations

from dataclasses import dataclass, field

from nearline.cache.pieces import Piece
from nearline.cache.version import Version

__all__ = ["Changes", "Pending"]

Place = tuple[int, int]
"""Pack and position of a piece."""


@dataclass(slots=True)
class Changes:
    """Rows to write.

    Attributes
    ----------
    versions : dict
        By id; True when it became the latest of its object.
    pieces : list
        New ones. Their bytes have been written.
    touched : dict
        Time of use by place, seconds since the epoch.
    dropped : set
        Places of pieces that were damaged or are gone.
    released : list of int
        Claims that end.
    """

    versions: dict[int, tuple[Version, bool]] = field(default_factory=dict)
    pieces: list[tuple[Version, Piece]] = field(default_factory=list)
    touched: dict[Place, float] = field(default_factory=dict)
    dropped: set[Place] = field(default_factory=set)
    released: list[int] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.versions or self.pieces or self.touched or self.dropped or self.released)

    def add(self, newer: Changes) -> None:
        """Put newer changes behind these."""
        self.versions |= newer.versions
        self.pieces += newer.pieces
        self.touched |= newer.touched
        self.dropped |= newer.dropped
        self.released += newer.released


class Pending:
    """Changes not recorded yet, and what they mean until they are. The store's lock guards it.

    Attributes
    ----------
    latest : dict
        Versions by identity that became the latest.
    dropped : set
        Places whose rows may still be in the catalogue and must not be believed.
    size : int
        Bytes of the new pieces.
    """

    def __init__(self) -> None:
        self.changes = Changes()
        self.latest: dict[str, Version] = {}
        self.dropped: set[Place] = set()
        self.size = 0

    def add_version(self, version: Version) -> None:
        """Have a version recorded as the latest of its object."""
        self.latest[version.identity] = version
        self.changes.versions[version.id] = (version, True)

    def add_piece(self, version: Version, piece: Piece) -> None:
        """Have a piece recorded, whose bytes have been written."""
        self.changes.pieces.append((version, piece))
        self.size += piece.length

    def drop(self, piece: Piece) -> None:
        """Have a piece removed."""
        self.changes.dropped.add((piece.pack, piece.position))
        self.dropped.add((piece.pack, piece.position))

    def take(self) -> Changes:
        """Return everything, to be recorded now."""
        taken, self.changes = self.changes, Changes()
        self.size = 0
        return taken

    def give_back(self, taken: Changes) -> None:
        """Take back what could not be recorded, in front of what came since."""
        taken.add(self.changes)
        self.changes = taken

    def recorded(self, taken: Changes) -> None:
        """Forget what the catalogue says from now on."""
        for version, _ in taken.versions.values():
            if self.latest.get(version.identity) is version:
                del self.latest[version.identity]
        self.dropped -= taken.dropped - self.changes.dropped
