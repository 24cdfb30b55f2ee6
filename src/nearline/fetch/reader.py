"""One open object: the only way to its bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from nearline.errors import Offline, TruncatedObject
from nearline.fetch.batch import Ahead, collect
from nearline.fetch.found import Found, find, resume
from nearline.fetch.keeper import keeper
from nearline.fetch.prefix import Prefix
from nearline.fetch.scan import scan
from nearline.provenance import Provenance, Validator
from nearline.ranges import ByteRange
from nearline.settings import Settings, current
from nearline.storage.source import Source

if TYPE_CHECKING:
    from nearline.storage.listing.listed import Listed

__all__ = ["Reader"]

_WINDOW = 2 << 20


class Reader:
    """An open object. Every read is held to the version that was found on opening.

    Opening reads the first 256 KiB of an unknown object, sends one conditional
    request for a known one, and none if it is declared immutable or was checked
    recently enough (`Settings.freshness`).

    Readers are safe to use from many threads and in forked children. They
    pickle when their source does; the copy is held to the same version.

    Parameters
    ----------
    source : Source
        Where the bytes come from.
    settings : Settings, optional
        By default those in force; kept for the life of the reader.
    listed : Listed, optional
        What a listing has just said of the object: a version that is known
        needs no request then.
    beginning : int, optional
        Bytes to read of an unknown object, in one request.

    Attributes
    ----------
    source : Source
    settings : Settings
    url : str
        Without credentials or signature.
    size : int
        Bytes of the object.

    Raises
    ------
    NotFound, AccessDenied, Unavailable
        As the server says.
    Offline
        ``freshness="offline"`` and the object was never read.
    """

    def __init__(
        self,
        source: Source,
        settings: Settings | None = None,
        *,
        listed: Listed | None = None,
        beginning: int | None = None,
    ) -> None:
        settings = settings or current()
        self._hold(source, settings, find(source, settings, listed=listed, beginning=beginning))

    @property
    def validator(self) -> Validator:
        """The version that reads are held to."""
        return self._version.pin.validator

    @property
    def provenance(self) -> Provenance:
        """What is read, and when the server last vouched for it."""
        notes = self._notes
        if self._version.pin.note:
            notes = (*notes, self._version.pin.note)
        if self._version.under_way.ignores_ranges:
            notes = (*notes, "the server ignores ranges; the object was downloaded from its start")
        return Provenance(self.url, self.validator, self._checked, self._version_id, notes)

    @property
    def prefix(self) -> memoryview:
        """What the first read brought from byte 0 on; empty for an object that was known."""
        return self._prefix.view()

    @property
    def reads_again(self) -> bool:
        """Whether bytes that were read can be read once more without a request."""
        return self._version.in_place or self._version.keeps_in_store

    # --- bytes ------------------------------------------------------------

    def read(self, start: int, stop: int) -> memoryview:
        """Return bytes `start` to `stop` (excluded).

        Raises
        ------
        TruncatedObject
            The object ends before `stop`.
        ObjectChanged
            It was replaced or removed after it was opened.
        Unavailable
            The server failed, and did so again whenever it was asked again.
        """
        return self.read_many([ByteRange(start, stop)])[0]

    def read_many(self, ranges: Sequence[ByteRange]) -> list[memoryview]:
        """Return the bytes of several ranges, in the order asked for.

        They are fetched side by side. Raises as `read` does.
        """
        found: list[memoryview] = [memoryview(b"")] * len(ranges)
        for index, view in self.stream(ranges):
            found[index] = view
        return found

    def stream(
        self, ranges: Sequence[ByteRange], *, cache: bool = True
    ) -> Iterator[tuple[int, memoryview]]:
        """Yield the bytes of ranges as they land.

        Parameters
        ----------
        ranges : sequence of ByteRange
            In any order; they may overlap.
        cache : bool
            Whether what is fetched is kept.

        Yields
        ------
        tuple of (int, memoryview)
            The index into `ranges`, and the bytes; in the order in which they
            are there. Closing the generator gives up what is still under way.

        Raises as `read` does.
        """
        wanted = [self._checked_range(one) for one in ranges]
        return self._stream(wanted, cache=cache)

    def _stream(self, wanted: list[ByteRange], *, cache: bool) -> Iterator[tuple[int, memoryview]]:
        indices = [i for i, one in enumerate(wanted) if one.stop > one.start]
        if len(indices) == len(wanted):
            yield from self._collect(wanted, cache=cache)
            return
        for i, one in enumerate(wanted):
            if one.stop == one.start:
                yield i, memoryview(b"")
        for index, view in self._collect([wanted[i] for i in indices], cache=cache):
            yield indices[index], view

    def scan(self, start: int, stop: int, *, window: int = _WINDOW) -> Iterator[memoryview]:
        """Yield bytes `start` to `stop` in order, window by window, later ones fetched meanwhile.

        What is scanned is kept unless the object is larger than a quarter of
        `Settings.cache_size`.

        Parameters
        ----------
        start, stop : int
            Bytes of the object.
        window : int
            Bytes yielded at once. Half of `Settings.max_bytes_in_flight`, and at
            least two windows, are under way at a time.
        """
        self._checked_range(ByteRange(start, stop))
        cache = self.size <= self.settings.cache_size // 4
        span = ByteRange(start, stop)
        return scan(
            self._version, span, partial(self._collect, cache=cache), window=window, cache=cache
        )

    def at_hand(self, start: int, stop: int) -> int:
        """Return up to where bytes from `start` on can be read without a request; `stop` at most.

        Of bytes on their way, those that have come count.
        """
        span = self._checked_range(ByteRange(start, stop))
        prefix = self._prefix.in_memory
        if prefix is not None and start < len(prefix):
            # Where nothing is kept, what the first read brought is here nevertheless.
            return max(min(stop, len(prefix)), self._version.at_hand(span))
        return self._version.at_hand(span)

    def ahead(self, ranges: Sequence[ByteRange], *, hold: bool = False) -> Ahead:
        """Begin to fetch ranges that nobody waits for yet; after all that somebody waits for.

        Parameters
        ----------
        ranges : sequence of ByteRange
        hold : bool
            Keep the bytes in memory until they are released, also when the
            cache has them.

        Returns
        -------
        Ahead
            Keep it until the bytes have been read, then call its `release`.
        """
        wanted = [self._checked_range(one) for one in ranges]
        if self.settings.freshness == "offline":
            wanted = []
        prefix = self._prefix.in_memory
        if prefix is not None:
            wanted = [one for one in wanted if one.stop > len(prefix)]
        return Ahead(self._version, wanted, hold=hold)

    def _checked_range(self, wanted: ByteRange) -> ByteRange:
        start, stop = wanted
        if not 0 <= start <= stop:
            raise ValueError(f"Bytes {start} to {stop} are no range.")
        if stop > self.size:
            raise TruncatedObject(
                f"{self.url} has {self.size} bytes, but bytes {start} to {stop} are needed. "
                "It was not stored completely, or it announces more than it holds."
            )
        return ByteRange(start, stop)

    def _collect(
        self, ranges: Sequence[ByteRange], *, cache: bool
    ) -> Iterator[tuple[int, memoryview]]:
        prefix = self._prefix.in_memory
        if prefix is not None and any(one.stop <= len(prefix) for one in ranges):
            return self._from_prefix(prefix, ranges, cache=cache)
        return self._fetched(ranges, cache=cache)

    def _from_prefix(
        self, prefix: memoryview, ranges: Sequence[ByteRange], *, cache: bool
    ) -> Iterator[tuple[int, memoryview]]:
        """Yield the ranges that the first read brought, then the others."""
        others = []
        for index, one in enumerate(ranges):
            if one.stop <= len(prefix):
                yield index, prefix[one.start : one.stop]
            else:
                others.append(index)
        if others:
            for which, view in self._fetched([ranges[index] for index in others], cache=cache):
                yield others[which], view

    def _fetched(
        self, ranges: Sequence[ByteRange], *, cache: bool
    ) -> Iterator[tuple[int, memoryview]]:
        if self.settings.freshness == "offline" and not self._version.in_place:
            self._require_held(ranges)
        return collect(self._version, ranges, cache=cache)

    def _require_held(self, ranges: Sequence[ByteRange]) -> None:
        keeper().drain()
        for one in ranges:
            if self._version.held(one) != [one]:
                raise Offline(
                    f"Bytes {one.start} to {one.stop} of {self.url} are not in the cache, and "
                    'freshness="offline" forbids asking for them. Read them once with '
                    'freshness="check".'
                )

    # --- derived artefacts ------------------------------------------------

    def artefact(self, name: str) -> bytes | None:
        """Return what was derived from this version and kept under `name`, if anything."""
        return self._version.artefact(name)

    def keep(self, name: str, data: bytes) -> None:
        """Keep what was derived from this version, for whoever opens it next."""
        self._version.keep(name, data)

    # --- life -------------------------------------------------------------

    def close(self) -> None:
        """Give up what is under way for this reader only, and its connections."""
        self._version.close()
        self.source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Reader({self.url!r}, size={self.size})"

    def __getstate__(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "settings": self.settings,
            "validator": self.validator,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        source, settings = state["source"], state["settings"]
        self._hold(source, settings, resume(source, settings, state["validator"]))

    def _hold(self, source: Source, settings: Settings, found: Found) -> None:
        self.source = source
        self.settings = settings
        self.url = source.url
        self.size = found.version.size
        self._version = found.version
        self._checked = found.checked
        self._version_id = found.version_id
        self._notes = found.notes
        self._prefix = Prefix(found.version, found.beginning)
