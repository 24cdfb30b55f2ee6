"""From a prefix or a list to open objects: headers of all side by side."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from nearline.errors import InvalidDicom, NearlineError, NotDicom, TooLarge
from nearline.fetch.listing import iter_objects
from nearline.fetch.reader import Reader
from nearline.image.series.choosing import Skipped, ambiguous
from nearline.image.series.member import Member, open_member
from nearline.image.side_by_side import side_by_side
from nearline.opening import open_reader
from nearline.settings import Settings, current
from nearline.storage.url import printable

if TYPE_CHECKING:
    from nearline.storage.listing.listed import Listed

__all__ = ["Gathered", "gather"]

_LARGEST_WHOLE = 1 << 20
"""Objects up to this many bytes come whole, in the request that brings their header."""

_HEADER = 64 << 10
"""Bytes read of larger ones: what most headers of one frame fit into."""

_MANY = 1000
"""Of more objects some are looked into first."""
_SAMPLE = 64
_MOST = 20_000


class Gathered:
    """What was found.

    Attributes
    ----------
    members : list of Member
        The DICOM objects.
    skipped : list of Skipped
        What is none.
    where : str
        What was looked through.
    """

    def __init__(self, where: str, opened: Iterable[Member | Skipped]) -> None:
        self.where = where
        self.members: list[Member] = []
        self.skipped: list[Skipped] = []
        for one in opened:
            if isinstance(one, Skipped):
                self.skipped.append(one)
            else:
                self.members.append(one)


def gather(
    target: Any,
    *,
    storage_options: Mapping[str, Any] | None,
    series_instance_uid: str | None,
    prefetch: bool | None,
) -> Gathered:
    """Open all objects of a prefix, a folder or a list.

    Raises
    ------
    AmbiguousSeries
        Thousands of objects, and those looked into are of several series.
    TooLarge
        More objects than can be one series.
    NotFound, AccessDenied, Unavailable
        As the storage says.
    """
    settings = current()
    if isinstance(target, Sequence) and not isinstance(target, (str, bytes, bytearray, memoryview)):
        return _gather_list(target, storage_options, settings, prefetch)
    where = os.path.abspath(target) if isinstance(target, os.PathLike) else printable(str(target))
    listing = iter_objects(target, storage_options=storage_options, settings=settings)
    listed = list(islice(listing, _MOST + 1))
    if len(listed) > _MOST:
        raise TooLarge(
            f"{where} holds more than {_MOST} objects, which are no single series. Name the "
            "folder of one, or pass a list of URLs."
        )
    if len(listed) > _MANY and series_instance_uid is None:
        _refuse_mixture(listed, where, settings)
    beginnings = _beginnings([one.size for one in listed], settings, prefetch)

    def work(given: tuple[Listed, int]) -> Member | Skipped:
        one, beginning = given
        return _attempt(
            lambda: Reader(one.source(), settings, listed=one, beginning=beginning), one.url
        )

    given = zip(listed, beginnings, strict=True)
    opened = side_by_side(work, given, threads=settings.max_requests)
    return Gathered(where, opened)


def _gather_list(
    targets: Sequence[Any],
    storage_options: Mapping[str, Any] | None,
    settings: Settings,
    prefetch: bool | None,
) -> Gathered:
    where = f"the list of {len(targets)} objects"

    def open_one(target: Any, beginning: int) -> Member | Skipped:
        def make() -> Reader:
            return open_reader(
                target, storage_options=storage_options, settings=settings, beginning=beginning
            )

        shown = printable(target) if isinstance(target, str) else str(target)[:200]
        return _attempt(make, shown, may_be_absent=False)

    if not targets:
        return Gathered(where, [])
    # The first tells about how large the others are.
    first = open_one(targets[0], _HEADER)
    size = None if isinstance(first, Skipped) else first.reader.size * 5 // 4
    beginning = _beginnings([size] * len(targets), settings, prefetch)[0]
    others = side_by_side(
        lambda target: open_one(target, beginning), targets[1:], threads=settings.max_requests
    )
    return Gathered(where, [first, *others])


def _beginnings(
    sizes: Sequence[int | None], settings: Settings, prefetch: bool | None
) -> list[int]:
    """Return how many bytes to read of each object at first."""
    small = [size is not None and 0 < size <= _LARGEST_WHOLE for size in sizes]
    total = sum(size or 0 for size, fits in zip(sizes, small, strict=True) if fits)
    if prefetch is None:
        # Until they are used they may have to stay in memory.
        prefetch = total <= settings.memory_size
    return [
        size if prefetch and fits and size else min(_HEADER, size or _HEADER)
        for size, fits in zip(sizes, small, strict=True)
    ]


def _attempt(
    make: Callable[[], Reader], url: str, *, may_be_absent: bool = True
) -> Member | Skipped:
    try:
        return open_member(make())
    except NotDicom:
        return Skipped(url, "it is no DICOM file")
    except InvalidDicom as fault:
        return Skipped(url, f"it is damaged: {fault}")
    except FileNotFoundError:
        if not may_be_absent:
            raise
        return Skipped(url, "it was removed after it was listed")


def _refuse_mixture(listed: Sequence[Listed], where: str, settings: Settings) -> None:
    """Look into some of many objects, of as many folders as possible."""
    folders: dict[str, Listed] = {}
    for one in listed:
        folders.setdefault(str(PurePosixPath(one.name).parent), one)
    apart = list(folders.values())
    if len(apart) < _SAMPLE:
        apart += listed[:: max(1, len(listed) // (_SAMPLE - len(apart)))]
    chosen = apart[:: max(1, -(-len(apart) // _SAMPLE))]

    def work(one: Listed) -> Member | None:
        try:
            return open_member(Reader(one.source(), settings, listed=one, beginning=_HEADER))
        except NearlineError:
            return None

    found = [one for one in side_by_side(work, chosen) if one is not None and not one.unfit]
    if len({one.series_uid for one in found}) > 1:
        raise ambiguous(found, where=where, sampled_of=len(listed))
