"""The store in memory: what was read with credentials, or cannot be put on disk."""

from __future__ import annotations

import itertools
import threading
import weakref
from collections import OrderedDict, deque
from collections.abc import Sequence

from nearline.cache.claims import Claim
from nearline.cache.extents import Extents
from nearline.cache.forking import quiet_on_fork
from nearline.cache.version import Buffer, Version, merged, version_id
from nearline.provenance import Validator
from nearline.ranges import ByteRange, merge, subtract

__all__ = ["MemoryStore"]

LARGEST_PIECE = 1 << 20

REMEMBERED_OBJECTS = 65536
"""Objects whose latest version is known at once."""


class _Kept:
    __slots__ = ("data", "start", "stop")

    def __init__(self, start: int, stop: int, data: bytes) -> None:
        self.start = start
        self.stop = stop
        self.data = data


class MemoryStore:
    """Bytes and artefacts of this process, least recently used dropped first.

    Parameters
    ----------
    bound : int
        Bytes kept at most.
    """

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._latest: OrderedDict[str, Version] = OrderedDict()
        self._extents: dict[int, Extents[_Kept]] = {}
        self._recent: OrderedDict[tuple[int, str | int], _Kept] = OrderedDict()
        self._closed: deque[int] = deque()
        self._held = 0
        quiet_on_fork(self)

    @property
    def size(self) -> int:
        """Bytes held now."""
        return self._held

    def latest(self, identity: str) -> Version | None:
        """Return the newest version known of an object."""
        with self._lock:
            return self._latest.get(identity)

    def version(self, identity: str, validator: Validator, *, checked: float) -> Version:
        """Return a version, which becomes the latest; unidentified ones are new each time."""
        with self._lock:
            if not validator.key:
                one = Version(-next(self._ids), identity, validator, checked)
                weakref.finalize(one, self._close, one.id).atexit = False
                return one
            known = self._latest.get(identity)
            number = version_id(identity, validator)
            if known is not None and known.id == number:
                validator = merged(known.validator, validator)
                checked = max(known.checked, checked)
            one = Version(number, identity, validator, checked)
            self._latest[identity] = one
            self._latest.move_to_end(identity)
            while len(self._latest) > REMEMBERED_OBJECTS:
                self._latest.popitem(last=False)
            return one

    def held(self, version: Version, wanted: ByteRange, *, fresh: bool = True) -> list[ByteRange]:  # noqa: ARG002
        """Return which of the wanted bytes are here: merged, clipped, sorted."""
        with self._lock:
            extents = self._extents.get(version.id)
            return [] if extents is None else extents.held(*wanted)

    def get(self, version: Version, wanted: ByteRange) -> bytes | memoryview | None:
        """Return the wanted bytes, or None if one is missing."""
        start, stop = wanted
        if stop <= start:
            return b""
        with self._lock:
            extents = self._extents.get(version.id)
            cover = None if extents is None else extents.cover(start, stop)
            if cover is None:
                return None
            for one in cover:
                self._recent.move_to_end((version.id, one.start))
        parts = [
            memoryview(one.data)[max(start, one.start) - one.start : stop - one.start]
            for one in cover
        ]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def put(self, version: Version, start: int, data: Buffer) -> None:
        """Keep bytes of a version, from offset `start` on."""
        view = memoryview(data).cast("B")
        with self._lock:
            self._forget_closed()
            extents = self._extents.setdefault(version.id, Extents())
            whole = ByteRange(start, start + len(view))
            # Only what is missing is added, so that no two pieces overlap.
            for first, last in subtract([whole], extents.held(*whole)):
                for low in range(first, last, LARGEST_PIECE):
                    high = min(low + LARGEST_PIECE, last)
                    one = _Kept(low, high, bytes(view[low - start : high - start]))
                    extents.add(one)
                    self._add((version.id, low), one)
            self._trim()

    def artefact(self, version: Version, name: str) -> bytes | None:
        """Return what was kept under this name, or None."""
        with self._lock:
            one = self._recent.get((version.id, name))
            if one is None:
                return None
            self._recent.move_to_end((version.id, name))
            return one.data

    def keep(self, version: Version, name: str, data: bytes) -> None:
        """Keep something derived from a version; replaces what had this name."""
        with self._lock:
            self._drop((version.id, name))
            self._add((version.id, name), _Kept(0, len(data), bytes(data)))
            self._trim()

    def claim(self, version: Version, wanted: Sequence[ByteRange]) -> Claim:
        """Give everything to the caller: nobody else shares this store."""
        del version
        return Claim(merge(wanted), [])

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._latest.clear()
            self._extents.clear()
            self._recent.clear()
            self._held = 0

    def _add(self, key: tuple[int, str | int], one: _Kept) -> None:
        self._recent[key] = one
        self._held += len(one.data)

    def _drop(self, key: tuple[int, str | int]) -> None:
        one = self._recent.pop(key, None)
        if one is None:
            return
        self._held -= len(one.data)
        if isinstance(key[1], int):
            extents = self._extents[key[0]]
            extents.discard(one)
            if not len(extents):
                del self._extents[key[0]]

    def _trim(self) -> None:
        while self._held > self._bound and self._recent:
            self._drop(next(iter(self._recent)))

    def _close(self, version: int) -> None:
        # A finalizer may run anywhere, also within these methods, which then do this next time.
        self._closed.append(version)
        if self._lock.acquire(blocking=False):
            try:
                self._forget_closed()
            finally:
                self._lock.release()

    def _forget_closed(self) -> None:
        """Drop what belonged to unidentified versions that nobody holds any more."""
        while self._closed:
            version = self._closed.popleft()
            for key in [key for key in list(self._recent) if key[0] == version]:
                self._drop(key)

    def before_fork(self) -> None:
        """Take the lock."""
        self._lock.acquire()

    def after_fork(self, *, in_child: bool) -> None:
        """Release it."""
        del in_child
        self._lock.release()
