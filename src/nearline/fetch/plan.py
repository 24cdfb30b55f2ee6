"""Which requests to send for which bytes: pure arithmetic, no input or output.

Requests run side by side, so a join saves a request and not a round trip. A gap
costs bytes in either case. Hence the bounds on gaps, and none on the number of
requests beyond what may run at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heappop
from itertools import pairwise

from nearline.ranges import ByteRange, subtract, total

__all__ = ["LARGEST_REQUEST", "PlannedRequest", "Policy", "plan"]

_KIB = 1 << 10
_MIB = 1 << 20

LARGEST_REQUEST = 16 * _MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Bounds that a plan keeps.

    Attributes
    ----------
    parallel : int
        Requests that may run at once.
    small_gap : int
        Ranges join across gaps of fewer bytes than this, also when every
        request could run at once.
    overhead : float
        Bound on the bytes requested, as a multiple of the bytes missing; it
        holds for small gaps too.
    largest_request : int
        Bytes; longer spans are split.
    smallest_split : int
        Spans are split so that requests are not shorter than this, in bytes,
        while fewer run than may.
    """

    parallel: int = 32
    small_gap: int = 64 * _KIB
    overhead: float = 1.15
    largest_request: int = LARGEST_REQUEST
    smallest_split: int = _MIB


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """One request: a span, and the bytes in it that are wanted.

    Attributes
    ----------
    span : ByteRange
        What to ask the server for.
    wanted : tuple of ByteRange
        Sorted, disjoint parts of the span; the rest are gaps joined across.
        The first begins and the last ends with the span.
    """

    span: ByteRange
    wanted: tuple[ByteRange, ...]


def plan(
    wanted: Sequence[ByteRange], held: Sequence[ByteRange] = (), policy: Policy | None = None
) -> tuple[PlannedRequest, ...]:
    """Return the requests that bring every byte of `wanted` that is not in `held`.

    Parameters
    ----------
    wanted, held : sequence of ByteRange
        In any order; they may overlap, touch and be empty.
    policy : Policy, optional
        The bounds; by default those of the class.

    Returns
    -------
    tuple of PlannedRequest
        Sorted by offset, disjoint, none empty.
    """
    policy = policy or Policy()
    missing = subtract(wanted, held)
    if not missing:
        return ()
    spans = _join(missing, policy)
    bytes_planned = sum(parts[-1].stop - parts[0].start for parts in spans)
    idle = max(policy.parallel - len(spans), 0)
    requests: list[PlannedRequest] = []
    for parts in spans:
        length = parts[-1].stop - parts[0].start
        # What would stand idle is shared out by length, so that one long span uses it all.
        share = 1 + idle * length // bytes_planned
        pieces = max(min(share, length // policy.smallest_split), 1)
        pieces = max(pieces, -(-length // policy.largest_request))
        requests.extend(_split(parts, -(-length // pieces)))
    return tuple(requests)


def _join(missing: list[ByteRange], policy: Policy) -> list[list[ByteRange]]:
    """Group sorted, disjoint ranges into spans, the smallest gaps joined first."""
    spare = int(total(missing) * policy.overhead) - total(missing)
    waiting = len(missing) - policy.parallel
    gaps = [(after.start - before.stop, i) for i, (before, after) in enumerate(pairwise(missing))]
    heapify(gaps)
    joined = set()
    while gaps:
        gap, i = heappop(gaps)
        if gap > spare or (gap >= policy.small_gap and waiting <= 0):
            break
        joined.add(i)
        spare -= gap
        waiting -= 1
    spans = [[missing[0]]]
    for i, part in enumerate(missing[1:]):
        if i in joined:
            spans[-1].append(part)
        else:
            spans.append([part])
    return spans


def _split(parts: list[ByteRange], length: int) -> list[PlannedRequest]:
    """Cut one span into requests of at most `length` bytes; a gap at a cut is not asked for."""
    requests: list[PlannedRequest] = []
    current: list[ByteRange] = []
    for start, stop in parts:
        while start < stop:
            limit = (current[0].start if current else start) + length
            if start >= limit:
                requests.append(_request(current))
                current = []
                continue
            end = min(stop, limit)
            current.append(ByteRange(start, end))
            start = end
    requests.append(_request(current))
    return requests


def _request(parts: list[ByteRange]) -> PlannedRequest:
    return PlannedRequest(ByteRange(parts[0].start, parts[-1].stop), tuple(parts))
