"""What an error of the disk or of SQLite calls for."""

from __future__ import annotations

import errno
import sqlite3
from enum import Enum, auto

from nearline.cache.database import Moved

__all__ = ["Trouble", "diagnose"]


class Trouble(Enum):
    """What to do about it."""

    BUSY = auto()
    """Others are writing: go on without, for now."""
    FULL = auto()
    """No room: write nothing for a while."""
    MOVED = auto()
    """The folder or the catalogue was removed or replaced: open it again."""
    DAMAGED = auto()
    """The catalogue cannot be read: set it aside and begin a new one."""
    HOPELESS = auto()
    """Use memory from now on."""


_BY_ERRNO = {
    errno.ENOSPC: Trouble.FULL,
    errno.EDQUOT: Trouble.FULL,
    errno.EFBIG: Trouble.FULL,
    errno.ENOENT: Trouble.MOVED,
    errno.EAGAIN: Trouble.BUSY,
    errno.EMFILE: Trouble.BUSY,
    errno.ENFILE: Trouble.BUSY,
    errno.ENOMEM: Trouble.BUSY,
}

_BY_SQLITE = {
    sqlite3.SQLITE_BUSY: Trouble.BUSY,
    sqlite3.SQLITE_LOCKED: Trouble.BUSY,
    sqlite3.SQLITE_INTERRUPT: Trouble.BUSY,
    sqlite3.SQLITE_NOMEM: Trouble.BUSY,
    sqlite3.SQLITE_FULL: Trouble.FULL,
    sqlite3.SQLITE_CANTOPEN: Trouble.HOPELESS,
    sqlite3.SQLITE_READONLY: Trouble.HOPELESS,
    sqlite3.SQLITE_PERM: Trouble.HOPELESS,
    sqlite3.SQLITE_IOERR: Trouble.HOPELESS,
}


def diagnose(error: sqlite3.Error | OSError, *, in_place: bool) -> Trouble:
    """Say what an error calls for.

    Parameters
    ----------
    in_place : bool
        Whether the catalogue and the folder of packs are where they should be.
    """
    if isinstance(error, Moved):
        return Trouble.MOVED
    if isinstance(error, OSError):
        found = _BY_ERRNO.get(error.errno or 0, Trouble.HOPELESS)
    else:
        # What SQLite does not explain otherwise (a table that is missing, text
        # that is no text) comes from a damaged file.
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        found = _BY_SQLITE.get(code, Trouble.DAMAGED)
    if found is Trouble.HOPELESS and not in_place:
        return Trouble.MOVED
    return found
