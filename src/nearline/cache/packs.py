"""Packs: append-only files of pieces, each written by one process at a time."""

from __future__ import annotations

import fcntl
import os
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Protocol

from nearline.cache.version import Buffer

__all__ = ["Ledger", "Packs", "pack_name", "pack_of"]

_LONG = 1 << 20

OPEN_PACKS = 16
"""Descriptors kept open for reading, per store."""


def pack_name(pack: int) -> str:
    """Return the file name of a pack."""
    return f"{pack:016x}.pack"


def pack_of(name: str) -> int | None:
    """Return the id of the pack with this file name; None if it is no pack's."""
    stem, dot, kind = name.partition(".")
    try:
        return int(stem, 16) if dot and kind == "pack" and len(stem) == 16 else None
    except ValueError:
        return None


class Ledger(Protocol):
    """Who keeps account of packs."""

    def record_pack(self, pack: int) -> None:
        """Note a pack before its file is made."""

    def adoptable(self, below: int) -> list[tuple[int, int]]:
        """Return packs with fewer bytes than `below`, and where the recorded bytes end."""


class _Reading:
    __slots__ = ("doomed", "fd", "users")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.users = 0
        self.doomed = False


class Packs:
    """The pack files of one folder, as this process reads and writes them.

    Ids are random and never used again: nothing that is remembered about a
    pack that went away can be taken for another one.

    Parameters
    ----------
    folder : Path
        Where the files lie.
    roll : int
        Bytes after which a pack gets no more.
    ledger : Ledger
        Hears of a pack before its file exists, so that a file nobody recorded
        is known to be litter.
    """

    def __init__(self, folder: Path, roll: int, ledger: Ledger) -> None:
        self.folder = folder
        self._roll = roll
        self._ledger = ledger
        self.write_lock = threading.RLock()
        self._read_lock = threading.Lock()
        self._reading: OrderedDict[int, _Reading] = OrderedDict()
        self._fd = -1
        self._pack = 0
        self._end = 0
        self._retired: set[int] = set()

    # --- writing --------------------------------------------------------------

    def append(self, data: Buffer) -> tuple[int, int]:
        """Write bytes and return the pack's id and their position; raises OSError."""
        # Nothing also gets a byte, because a piece is known by its place.
        view = memoryview(data or b"\0").cast("B")
        with self.write_lock:
            if self._fd >= 0 and (
                self._end + len(view) > max(self._roll, len(view))
                or os.fstat(self._fd).st_nlink == 0
            ):
                self._close_writer()
            if self._fd < 0:
                self._open_writer(len(view))
            position = self._end
            done = 0
            while done < len(view):
                done += os.pwrite(self._fd, view[done:], position + done)
            self._end = position + done
            return self._pack, position

    def retire(self, pack: int) -> None:
        """Write no more into this pack, nor take it over again."""
        with self.write_lock:
            self._retired.add(pack)
            if self._fd >= 0 and self._pack == pack:
                self._close_writer()

    def _open_writer(self, room: int) -> None:
        for pack, end in self._ledger.adoptable(self._roll - room):
            fd = -1 if pack in self._retired else self._adopt(pack)
            if fd < 0:
                continue
            # Never below what the catalogue says: after lost writes the file
            # may be shorter, and no position is ever used twice.
            end = max(end, os.fstat(fd).st_size)
            if end + room <= self._roll:
                self._fd, self._pack, self._end = fd, pack, end
                return
            os.close(fd)
        while not self._begin(self.new_id()):
            continue  # each time another process got that pack, or removed it, so this ends

    def _begin(self, pack: int) -> bool:
        """Make a pack and write it from now on; False if somebody else had it sooner."""
        # Recorded first (else an evictor would think it litter), so that another
        # process may find it, write it and even leave it before it is locked here.
        self._ledger.record_pack(pack)
        fd = os.open(self.folder / pack_name(pack), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            info = os.fstat(fd)
            if info.st_nlink and not info.st_size:
                self._fd, self._pack, self._end = fd, pack, 0
                return True
        except BlockingIOError:
            pass
        except OSError:
            os.close(fd)
            raise
        os.close(fd)
        return False

    @staticmethod
    def new_id() -> int:
        """Return an id that no pack ever had: 63 random bits."""
        return int.from_bytes(os.urandom(8), "big") >> 1 or 1

    def _adopt(self, pack: int) -> int:
        """Open a pack that another process left; -1 if somebody still writes it."""
        try:
            fd = os.open(self.folder / pack_name(pack), os.O_RDWR)
        except OSError:
            return -1
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(fd).st_nlink:
                return fd
        except OSError:
            pass
        os.close(fd)
        return -1

    def _close_writer(self) -> None:
        os.close(self._fd)
        self._fd = -1

    # --- reading --------------------------------------------------------------

    def read(self, pack: int, position: int, length: int) -> bytes:
        """Read bytes of a pack, fewer at its end; raises OSError."""
        one = self._borrow(pack)
        try:
            if length > _LONG and position + length > os.fstat(one.fd).st_size:
                return b""  # a damaged length must not ask for all memory
            data = os.pread(one.fd, length, position)
            while 0 < len(data) < length:  # a signal or the kernel's limit on one read
                more = os.pread(one.fd, length - len(data), position + len(data))
                if not more:
                    break
                data += more
            return data
        finally:
            self._give_back(one)

    def _borrow(self, pack: int) -> _Reading:
        with self._read_lock:
            one = self._reading.get(pack)
            if one is not None:
                self._reading.move_to_end(pack)
                one.users += 1
                return one
        fd = os.open(self.folder / pack_name(pack), os.O_RDONLY)
        with self._read_lock:
            one = self._reading.get(pack)
            if one is None:
                one = self._reading[pack] = _Reading(fd)
            else:
                os.close(fd)
            one.users += 1
            while len(self._reading) > OPEN_PACKS:
                self._doom(self._reading.popitem(last=False)[1])
            return one

    def _give_back(self, one: _Reading) -> None:
        with self._read_lock:
            one.users -= 1
            if one.doomed and not one.users:
                os.close(one.fd)

    @staticmethod
    def _doom(one: _Reading) -> None:
        one.doomed = True
        if not one.users:
            os.close(one.fd)

    def close_removed(self) -> None:
        """Close packs that were deleted, so that the disk gets its room back."""
        with self._read_lock:
            for pack, one in list(self._reading.items()):
                if os.fstat(one.fd).st_nlink == 0:
                    self._doom(self._reading.pop(pack))

    # --- files ------------------------------------------------------------------

    def sizes(self) -> dict[int, int]:
        """Return the bytes of every pack file in the folder."""
        found: dict[int, int] = {}
        with os.scandir(self.folder) as entries:
            for entry in entries:
                pack = pack_of(entry.name)
                if pack is not None:
                    try:
                        found[pack] = entry.stat().st_size
                    except FileNotFoundError:
                        continue
        return found

    def remove(self, pack: int) -> None:
        """Delete a pack's file, if it is there."""
        self.retire(pack)
        (self.folder / pack_name(pack)).unlink(missing_ok=True)
        self._retired.discard(pack)

    def close(self) -> None:
        """Close every descriptor."""
        with self.write_lock:
            if self._fd >= 0:
                self._close_writer()
        with self._read_lock:
            while self._reading:
                self._doom(self._reading.popitem()[1])

    # --- fork ---------------------------------------------------------------------

    def before_fork(self) -> None:
        """Take the locks."""
        self.write_lock.acquire()
        self._read_lock.acquire()

    def after_fork(self, *, in_child: bool) -> None:
        """Release the locks; a child closes its copies and starts its own pack."""
        if in_child:
            # The flock belongs to the open file: it stays with the parent.
            for one in self._reading.values():
                os.close(one.fd)
            self._reading.clear()
            if self._fd >= 0:
                self._close_writer()
        self._read_lock.release()
        self.write_lock.release()
