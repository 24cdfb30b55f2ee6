"""Which version of an object is opened: one that is known, one asked after, or one just read."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

from nearline.cache.store import open_store
from nearline.errors import Offline
from nearline.fetch.batch import collect
from nearline.fetch.download import Download
from nearline.fetch.engine import engine
from nearline.fetch.first import First, first_read, read_unsized, revalidate
from nearline.fetch.flight import Flight
from nearline.fetch.version import ObjectVersion
from nearline.provenance import Validator
from nearline.ranges import ByteRange
from nearline.settings import Settings
from nearline.storage.source import Source

if TYPE_CHECKING:
    from nearline.cache.store import Store
    from nearline.cache.version import Version
    from nearline.storage.listing.listed import Listed

__all__ = ["Found", "find", "resume"]

_PREFIX = 256 << 10


@dataclass(frozen=True, slots=True)
class Found:
    """What opening an object brought.

    Attributes
    ----------
    version : ObjectVersion
        What every read is held to.
    beginning : memoryview
        What was read from byte 0 on; empty for an object that was known.
    checked : float
        When the server last vouched for it, seconds since the epoch; 0: nobody asked it.
    version_id : str or None
    notes : tuple of str
    """

    version: ObjectVersion
    beginning: memoryview
    checked: float
    version_id: str | None
    notes: tuple[str, ...]


def find(
    source: Source, settings: Settings, *, listed: Listed | None, beginning: int | None
) -> Found:
    """Find the version to read, in as few requests as the cache and the settings allow.

    Parameters
    ----------
    listed : Listed or None
        What a listing has just said of the object: a version that is known needs no request then.
    beginning : int or None
        Bytes to read of an unknown object, in one request.

    Raises
    ------
    NotFound, AccessDenied, Unavailable
        As the server says.
    Offline
        ``freshness="offline"`` and the object was never read.
    """
    signed = source.signed
    store = None if source.in_place else open_store(settings, signed=signed)
    known = store.latest(source.identity) if store else None
    if known is not None and known.validator.size is None:
        known = None
    if not source.in_place and _needs_no_request(known, source.url, settings):
        vouched = settings.freshness != "offline" and not settings.is_immutable(source.url)
        first = First.resumed(known.validator, known.checked)
        return _adopt(source, settings, store, first, known.checked if vouched else 0.0)
    if known is None:
        first = first_read(source, settings, beginning)
    elif listed is not None and known.validator.same_version(listed.validator):
        first = First.resumed(known.validator, listed.checked)
    else:
        first = revalidate(source, settings, known.validator)
    if store is None or source.signed is not signed:
        store = open_store(settings, signed=source.signed)
    return _adopt(source, settings, store, first, first.checked)


def resume(source: Source, settings: Settings, pinned: Validator) -> Found:
    """Return the version that a reader was held to in another process, without a request."""
    store = open_store(settings, signed=source.signed)
    return _adopt(source, settings, store, First.resumed(pinned, 0.0), 0.0)


def _needs_no_request(known: Version | None, url: str, settings: Settings) -> TypeGuard[Version]:
    freshness = settings.freshness
    if freshness == "offline":
        if known is None:
            raise Offline(
                f'{url} was never read with this cache, and freshness="offline" forbids '
                'asking for it. Open it once with freshness="check".'
            )
        return True
    if known is None:
        return False
    if settings.is_immutable(url):
        return True
    return not isinstance(freshness, str) and time.time() - known.checked < freshness


def _adopt(
    source: Source, settings: Settings, store: Store | None, first: First, checked: float
) -> Found:
    """Keep what the first read brought under its version, unread answers included."""
    whole = first.whole
    if whole is not None and first.pin.validator.size is None:
        first = first.completed(read_unsized(source, settings, whole))
    version = ObjectVersion(source, settings, store, first.pin, checked=first.checked)
    if whole is not None:
        entire = ByteRange(0, version.size)
        wanted = None if version.held(entire) == [entire] else first.whole
        with engine().lock:
            adopted = wanted is not None and Download.adopt(version, wanted)
            version.under_way.ignores_ranges = True
        if not adopted:
            whole.close()
    for start, view in first.pieces:
        if version.keeps_in_store:
            Flight.ended(version, start, view)
        else:
            version.put(start, view)
    return Found(version, _beginning(version, first), checked, first.version_id, first.notes)


def _beginning(version: ObjectVersion, first: First) -> memoryview:
    """Return what a first read brought from byte 0 on; of a whole answer, as much as of ranges."""
    if first.unchanged:
        return memoryview(b"")
    if first.whole is not None:
        length = min(_PREFIX, version.size)
        if length == 0:
            return memoryview(b"")
        ((_, view),) = collect(version, [ByteRange(0, length)], cache=True)
        return view
    if not first.pieces or first.pieces[0][0] > 0:
        return memoryview(b"")
    return first.pieces[0][1]
