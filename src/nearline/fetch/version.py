"""One version of a remote object: its source, its pieces in the cache, what is under way."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nearline.errors import ObjectChanged, TruncatedObject
from nearline.fetch.engine import Gate, engine
from nearline.fetch.keeper import keeper
from nearline.fetch.pin import Pin, Verdict
from nearline.fetch.request import changed
from nearline.fetch.under_way import shared
from nearline.ranges import ByteRange, merge
from nearline.settings import Settings
from nearline.storage.source import Buffer, Source, Transient
from nearline.traffic import count

if TYPE_CHECKING:
    from nearline.cache.store import Claim, Store
    from nearline.cache.version import Version

__all__ = ["ClaimShare", "ObjectVersion"]

_log = logging.getLogger("nearline")


class ClaimShare:
    """A claim on bytes that ends when all flights which hold a share are over."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self._shares = 1
        self._lock = threading.Lock()

    def add(self) -> ClaimShare:
        """Take a share."""
        with self._lock:
            self._shares += 1
        return self

    def release(self) -> None:
        """Give a share up."""
        with self._lock:
            self._shares -= 1
            last = self._shares == 0
        if last:
            self.claim.release()


class ObjectVersion:
    """What all reads of an open object share.

    Parameters
    ----------
    source : Source
    settings : Settings
    store : Store or None
        The cache; None: nothing is kept.
    pin : Pin
        The version that every read is held to; its size is known.
    checked : float
        Seconds since the epoch when the server last vouched for it.
    """

    def __init__(
        self,
        source: Source,
        settings: Settings,
        store: Store | None,
        pin: Pin,
        *,
        checked: float,
    ) -> None:
        validator = pin.validator
        if validator.size is None:
            raise ValueError("The size of an open object is known.")
        self.source = source
        self.settings = settings
        self.store = store if validator.pins else None
        self.size = validator.size
        self.checked = checked
        self.pin = pin
        self.gate = None if source.concurrent else Gate()
        self.under_way = shared(self.store, source.identity, validator.key)
        self.keeps_in_memory = not validator.pins
        self._filed = validator
        self._place = self._file()
        if pin.note:
            self._warn()

    @property
    def in_place(self) -> bool:
        """Whether reads go straight to the source, in the thread that asks."""
        return self.source.in_place and self.source.concurrent

    @property
    def keeps_in_store(self) -> bool:
        """Whether fetched bytes go to the cache."""
        return self._place is not None and not self.source.in_place

    @property
    def can_keep_all(self) -> bool:
        """Whether the entire object fits where its bytes are kept."""
        settings = self.settings
        mode = settings.cache or ("memory" if self.source.signed else "disk")
        on_disk = self.store is not None and mode == "disk"
        return self.size <= (settings.cache_size // 4 if on_disk else settings.memory_size)

    # --- pieces -----------------------------------------------------------

    def get(self, wanted: ByteRange) -> memoryview | None:
        """Return bytes from the cache, None if one is missing or damaged."""
        found: Buffer | None = None
        if self._place is not None and not self.source.in_place:
            store, version = self._place
            found = store.get(version, wanted)
        if found is None and self.under_way.memory.size:
            with engine().lock:
                found = self.under_way.memory.get(wanted)
        if found is None:
            return None
        count("cached_bytes", wanted.length)
        return memoryview(found).toreadonly()

    def held(self, span: ByteRange, *, fresh: bool = True) -> list[ByteRange]:
        """Return which parts of a span `get` can bring; `fresh` as in `Store.held`."""
        found: list[ByteRange] = []
        if self._place is not None and not self.source.in_place:
            store, version = self._place
            found = store.held(version, span, fresh=fresh)
        if self.under_way.memory.size:
            with engine().lock:
                found = merge([*found, *self.under_way.memory.held(span)])
        return found

    def at_hand(self, span: ByteRange) -> int:
        """Return up to where a span can be had without a request."""
        if self.in_place:
            return span.stop
        with engine().lock:
            landed = self.under_way.landed()
        for held in merge([*self.held(span), *landed]):
            if held.start <= span.start < held.stop:
                return min(held.stop, span.stop)
        return span.start

    def put(self, start: int, data: Buffer) -> None:
        """Keep bytes, where this object's bytes are kept."""
        self.notice_balancer()
        if self.source.in_place:
            return
        if self._place is not None:
            store, version = self._place
            store.put(version, start, data)
        elif self.keeps_in_memory or self.under_way.ignores_ranges:
            with engine().lock:
                if self.under_way.memory.size + len(data) <= self.settings.memory_size:
                    self.under_way.memory.put(start, data)

    def claim(self, spans: Sequence[ByteRange]) -> ClaimShare | None:
        """Tell other processes what this one fetches; None where they share nothing."""
        if self._place is None or self.source.in_place:
            return None
        store, version = self._place
        return ClaimShare(store.claim(version, spans))

    # --- artefacts --------------------------------------------------------

    def artefact(self, name: str) -> bytes | None:
        """Return what was derived from this version and kept under a name."""
        if self._place is None:
            return None
        with engine().lock:
            found = self.under_way.artefacts.get(name)
        if found is not None:
            return found
        store, version = self._place
        return store.artefact(version, name)

    def keep(self, name: str, data: bytes) -> None:
        """Keep what was derived from this version, without delay for the caller."""
        if self._place is None:
            return
        store, version = self._place
        with engine().lock:
            self.under_way.artefacts[name] = data

        def settle() -> None:
            store.keep(version, name, data)
            with engine().lock:
                if self.under_way.artefacts.get(name) is data:
                    del self.under_way.artefacts[name]

        keeper().add(settle, len(data))

    # --- local bytes ------------------------------------------------------

    def read_in_place(self, span: ByteRange) -> memoryview:
        """Read from a source whose bytes are local already."""
        for _ in range(2):
            try:
                answer = self.source.read(
                    *span, pin=self.pin.condition, timeout=self.settings.timeout
                )
                break
            except Transient as fault:
                error = fault
        else:
            raise ObjectChanged(str(error))
        if self.pin.observe(answer.validator) is not Verdict.SAME:
            raise changed(self.source, self.pin.validator, answer.validator)
        chunks = iter(answer.chunks)
        first = next(chunks, b"")
        landed = len(first)
        if landed >= span.length:
            return memoryview(first)[: span.length].toreadonly()
        # Each piece goes to its place before the next is read: memory is touched once.
        whole = memoryview(bytearray(span.length))
        whole[:landed] = first
        for chunk in chunks:
            part = chunk[: span.length - landed]
            whole[landed : landed + len(part)] = part
            landed += len(part)
        if landed < span.length:
            raise self.truncated(span.start + landed)
        return whole.toreadonly()

    def truncated(self, position: int) -> TruncatedObject:
        """Say that an object ends too early."""
        return TruncatedObject(
            f"{self.source.url} ends at byte {position} although it should have {self.size} bytes. "
            "It was not stored completely, or it was replaced."
        )

    def close(self) -> None:
        """Give up a download that nobody waits for."""
        with engine().lock:
            download = self.under_way.download
            idle = download is not None and not download.holders and download.version is self
            if idle and download is not None:
                download.cancelled = True
                self.under_way.download = None
        if idle and download is not None:
            download.interrupt()

    # --- identity ---------------------------------------------------------

    def _file(self) -> tuple[Store, Version] | None:
        if self.store is None:
            return None
        version = self.store.version(self.source.identity, self.pin.validator, checked=self.checked)
        return self.store, version

    def notice_balancer(self) -> None:
        """Say it once an ETag identifies nothing, and file pieces under what still does."""
        with engine().lock:
            noticed = self._filed != self.pin.validator
            self._filed = self.pin.validator
        if noticed:
            self._place = self._file()
            self._warn()

    def _warn(self) -> None:
        _log.warning("%s: %s.", self.source.url, self.pin.note)
