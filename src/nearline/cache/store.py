"""What a store of fetched bytes can do, and which one the settings ask for."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from nearline.cache.claims import Claim
from nearline.cache.folder import Unusable, locate, warn_once
from nearline.cache.forking import quiet_on_fork
from nearline.cache.memory import MemoryStore
from nearline.cache.version import Buffer, Version
from nearline.provenance import Validator
from nearline.ranges import ByteRange
from nearline.settings import Settings

if TYPE_CHECKING:
    from nearline.cache.disk import DiskStore

__all__ = ["Claim", "MemoryStore", "Store", "Version", "flush_stores", "open_store"]


@runtime_checkable
class Store(Protocol):
    """Bytes at exact ranges, and artefacts derived from them, by object and version.

    Every method may be called from any thread and in a forked child. None
    raises for the sake of a disk: what cannot be read is missing, what cannot
    be written is not kept.
    """

    def latest(self, identity: str) -> Version | None:
        """Return the newest version known of an object."""
        ...

    def version(self, identity: str, validator: Validator, *, checked: float) -> Version:
        """Return a version, making it known and the latest of its object.

        Parameters
        ----------
        identity : str
            What the object is filed under; must hold no secret.
        validator : Validator
            Without a key the version is a new one each time, and what is put
            for it stays in memory while somebody holds it.
        checked : float
            Seconds since the epoch when the server vouched for it; an earlier
            time than the one known does not replace it.
        """
        ...

    def held(self, version: Version, wanted: ByteRange, *, fresh: bool = True) -> list[ByteRange]:
        """Return which of the wanted bytes are here: merged, clipped, sorted.

        Not `fresh`: without those that another process recorded a moment ago, which cost a look
        at the disk, and which a claim finds as well.
        """
        ...

    def get(self, version: Version, wanted: ByteRange) -> bytes | memoryview | None:
        """Return the wanted bytes, verified; None if one is missing or damaged."""
        ...

    def put(self, version: Version, start: int, data: Buffer) -> None:
        """Keep bytes of a version, from offset `start` on."""
        ...

    def artefact(self, version: Version, name: str) -> bytes | None:
        """Return what was kept under this name, verified; None if there is nothing."""
        ...

    def keep(self, version: Version, name: str, data: bytes) -> None:
        """Keep something derived from a version; replaces what had this name."""
        ...

    def claim(self, version: Version, wanted: Sequence[ByteRange]) -> Claim:
        """Divide what is wanted between the caller and processes already fetching it."""
        ...


class _Opened:
    """The stores of this process."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._memory: dict[int, MemoryStore] = {}
        self._disk: dict[tuple[Path, int], DiskStore | MemoryStore] = {}
        quiet_on_fork(self)

    def memory(self, bound: int) -> MemoryStore:
        with self._lock:
            if bound not in self._memory:
                self._memory[bound] = MemoryStore(bound)
            return self._memory[bound]

    def disk(self, folder: Path, bound: int, memory: int) -> Store:
        key = folder.absolute(), bound
        with self._lock:
            if key not in self._disk:
                self._disk[key] = self._open(*key, self.memory(memory))
            return self._disk[key]

    def flush(self) -> None:
        with self._lock:
            stores = list(self._disk.values())
        for store in stores:
            if not isinstance(store, MemoryStore):
                store.flush()

    @staticmethod
    def _open(folder: Path, bound: int, memory: MemoryStore) -> DiskStore | MemoryStore:
        try:
            place = locate(folder)
            from nearline.cache.disk import DiskStore as Opened  # not before somebody needs it

            return Opened(place, bound, memory)
        except Unusable as reason:
            warn_once(str(reason))
            return memory

    def before_fork(self) -> None:
        self._lock.acquire()

    def after_fork(self, *, in_child: bool) -> None:
        del in_child
        self._lock.release()


_opened = _Opened()


def open_store(settings: Settings, *, signed: bool) -> Store | None:
    """Return the store that the settings ask for; the same one for the same settings.

    Parameters
    ----------
    settings : Settings
        `cache`, `cache_folder`, `cache_size` and `memory_size` matter.
    signed : bool
        Whether the bytes are read with credentials: then they stay in memory
        unless the settings say "disk".

    Returns
    -------
    Store or None
        None for ``cache="off"``. Memory, with one warning, where the folder
        cannot be used.
    """
    mode = settings.cache or ("memory" if signed else "disk")
    if mode == "off":
        return None
    if mode == "memory" or settings.cache_size == 0:
        return _opened.memory(settings.memory_size)
    return _opened.disk(settings.cache_folder, settings.cache_size, settings.memory_size)


def flush_stores() -> None:
    """Record now what was put into any store of this process."""
    _opened.flush()
