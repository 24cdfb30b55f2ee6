"""An object read from one place to another, in order, with later parts under way meanwhile."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from nearline.fetch.batch import Ahead
from nearline.fetch.engine import Lane
from nearline.fetch.version import ClaimShare, ObjectVersion
from nearline.ranges import ByteRange

__all__ = ["scan"]

Collect = Callable[[Sequence[ByteRange]], Iterator[tuple[int, memoryview]]]


def scan(
    version: ObjectVersion, span: ByteRange, collect: Collect, *, window: int, cache: bool
) -> Iterator[memoryview]:
    """Yield the bytes of `span` in order, window by window.

    Parameters
    ----------
    version : ObjectVersion
    span : ByteRange
        Not empty.
    collect : callable
        Brings the bytes of one window; joins what is under way.
    window : int
        Bytes.
    cache : bool
        Whether what is fetched is kept.
    """
    depth = max(version.settings.max_bytes_in_flight // 2 // window, 2)
    windows = [
        ByteRange(start, min(start + window, span.stop))
        for start in range(span.start, span.stop, window)
    ]
    # One lane, so that windows come in order, and one claim: each of them costs a transaction.
    lane = Lane(version.settings)
    claim = _claim(version, span) if cache else None
    ahead: deque[Ahead] = deque()
    following = 0
    try:
        for one in windows:
            while following < len(windows) and len(ahead) < depth:
                ahead.append(
                    Ahead(
                        version,
                        [windows[following]],
                        cache=cache,
                        hold=True,
                        lane=lane,
                        claim=claim,
                    )
                )
                following += 1
            ((_, view),) = collect([one])
            ahead.popleft().release()
            yield view
    finally:
        while ahead:
            ahead.popleft().release()
        if claim is not None:
            claim.release()


def _claim(version: ObjectVersion, span: ByteRange) -> ClaimShare | None:
    """Claim all that is missing; None where other processes fetch a part of it."""
    if version.in_place or version.under_way.ignores_ranges:
        return None
    share = version.claim([span])
    if share is not None and share.claim.others:
        share.release()
        return None
    return share
