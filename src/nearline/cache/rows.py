"""Rows of the catalogue: what is believed of them, and what is not."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import NamedTuple

from nearline.cache.pieces import Piece
from nearline.cache.version import Version, version_id
from nearline.provenance import Validator

__all__ = ["PIECE_COLUMNS", "VERSION_COLUMNS", "Stored", "version_checksum", "version_of"]

VERSION_COLUMNS = "id, identity, size, etag, generation, last_modified, checked"
PIECE_COLUMNS = "id, version, name, start, length, pack, position, checksum, used"


class Stored(NamedTuple):
    """One row of the pieces."""

    id: int
    version: int
    piece: Piece

    @classmethod
    def of(cls, row: Sequence[object]) -> Stored:
        """Read a row; damaged ones give pieces that fail their checksum."""
        one, version, name, start, length, pack, position, checksum, used = row
        begin = _whole(start)
        piece = Piece(
            str(name), begin, begin + max(_whole(length), 0), _whole(pack), _whole(position),
            _whole(checksum), float(used) if isinstance(used, (int, float)) else 0.0,
        )  # fmt: skip
        return cls(_whole(one), _whole(version), piece)


def _whole(value: object) -> int:
    # A flipped bit can turn a column of SQLite into another type.
    return value if isinstance(value, int) else -1


def version_checksum(version: Version) -> int:
    """Return the checksum of a row of the versions."""
    told = version.validator
    fields = (version.identity, told.size, told.etag, told.generation, told.last_modified)
    return zlib.crc32(repr((*fields, float(version.checked))).encode())


def version_of(row: Sequence[object]) -> Version | None:
    """Read a row of the versions; None if it contradicts itself."""
    one, identity, size, etag, generation, modified, checked = row
    if not isinstance(identity, str) or not isinstance(checked, (int, float)):
        return None
    told = Validator(
        size=size if isinstance(size, int) else None,
        etag=etag if isinstance(etag, str) else None,
        generation=generation if isinstance(generation, str) else None,
        last_modified=modified if isinstance(modified, str) else None,
    )
    if not told.key or version_id(identity, told) != one:
        return None
    return Version(version_id(identity, told), identity, told, float(checked))
