"""Carrying out a plan: joining what is under way, claiming and submitting the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue

from nearline.fetch.download import Download
from nearline.fetch.engine import Lane, engine
from nearline.fetch.events import Carrier, Event, Sink
from nearline.fetch.flight import Flight
from nearline.fetch.plan import LARGEST_REQUEST, Policy, plan
from nearline.fetch.under_way import Part, distribute
from nearline.fetch.version import ClaimShare, ObjectVersion
from nearline.traffic import count

__all__ = ["Launch", "launch", "let_go"]


@dataclass(slots=True, eq=False)
class Launch:
    """What brings the bytes that a caller asked for.

    Attributes
    ----------
    due : dict of carrier to int
        Bytes that each carrier will hand to the caller, who holds it until then.
    own : set of Flight
        Those that the caller began; each tells when it is over.
    claim : ClaimShare or None
        Set when other processes are fetching a part; to be waited for and released.
    """

    due: dict[Carrier, int] = field(default_factory=dict)
    own: set[Flight] = field(default_factory=set)
    claim: ClaimShare | None = None


def launch(
    started: Launch,
    version: ObjectVersion,
    parts: Sequence[Part],
    *,
    lane: Lane,
    events: SimpleQueue[Event],
    cache: bool,
    deliver: bool = True,
    patient: bool = True,
    claim: ClaimShare | None = None,
) -> None:
    """Set under way what brings `parts`.

    Parameters
    ----------
    started : Launch
        To be filled, and to be given to `let_go` whatever happens: Ctrl-C may
        come at any point of this.
    version : ObjectVersion
    parts : sequence of (ByteRange, int)
        Missing bytes, and the index that they are handed on with.
    lane : Lane
        Of the caller.
    events : SimpleQueue
        Where bytes are handed on, and where flights say that they are over.
    cache : bool
        Whether bytes are kept.
    deliver : bool
        False: the bytes are only made ready to be joined.
    patient : bool
        Whether to leave to other processes what they are fetching.
    claim : ClaimShare, optional
        One that covers the parts; by default they are claimed here.
    """
    with engine().lock:
        if version.under_way.ignores_ranges:
            _join_download(version, parts, started, events)
            new = []
        else:
            new = _join_flights(version, parts, started, lane, events, cache, deliver)
        download = version.under_way.download
        submit_download = (
            download is not None and download in started.due and not download.submitted
        )
        if download is not None and submit_download:
            download.submitted = True
    if download is not None and submit_download:
        engine().submit([download])
    if new and claim is not None:
        for flight in new:
            flight.claim = claim.add()
        engine().submit(new)
    elif new:
        engine().submit(_claim(version, new, started, patient=patient))


def let_go(started: Launch) -> None:
    """Stop waiting for everything that has not been handed on yet."""
    with engine().lock:
        given_up = [carrier for carrier in started.due if carrier.drop(started)]
    started.due.clear()
    for carrier in given_up:
        carrier.interrupt()
    if started.claim is not None:
        started.claim.release()
        started.claim = None


def _join_flights(
    version: ObjectVersion,
    parts: Sequence[Part],
    started: Launch,
    lane: Lane,
    events: SimpleQueue[Event],
    cache: bool,
    deliver: bool,
) -> list[Flight]:
    joined, rest = version.under_way.joinable(parts)
    requests = plan([span for span, _ in rest], (), _policy(version))
    new = [Flight(version, one, lane=lane, cache=cache) for one in requests]
    for flight in new:
        _hold(started, flight, 0)
        version.under_way.add(flight)
    if deliver:
        count("cached_bytes", sum(span.length for (span, _), flight in joined if flight.cached))
    for (span, index), flight in joined:
        engine().promote(flight, lane)
        _hold(started, flight, span.length)
        if deliver:
            flight.join(Sink(*span, index, events))
    for (span, index), number in distribute(rest, requests):
        _hold(started, new[number], span.length)
        if deliver:
            new[number].join(Sink(*span, index, events))
    started.own.update(new)
    return new


def _policy(version: ObjectVersion) -> Policy:
    settings = version.settings
    return Policy(
        parallel=1 if version.gate else settings.max_requests,
        largest_request=min(LARGEST_REQUEST, settings.max_bytes_in_flight),
    )


def _join_download(
    version: ObjectVersion, parts: Sequence[Part], started: Launch, events: SimpleQueue[Event]
) -> None:
    download = version.under_way.download
    if download is None or not all(download.passes(span.start) for span, _ in parts):
        download = version.under_way.download = Download(version, None)
    for span, index in parts:
        _hold(started, download, span.length)
        download.join(Sink(*span, index, events))


def _hold(started: Launch, carrier: Carrier, length: int) -> None:
    started.due[carrier] = started.due.get(carrier, 0) + length
    carrier.holders.add(started)


def _claim(
    version: ObjectVersion, new: list[Flight], started: Launch, *, patient: bool
) -> list[Flight]:
    """Claim new flights; those that another process is making are given back.

    What others hold or fetch of the gaps that a flight goes across is no reason to wait.
    """
    share = version.claim([flight.span for flight in new])
    if share is None:
        return new
    mine = []
    others = share.claim.others if patient else []
    with engine().lock:
        for flight in new:
            near = [other for other in others if flight.span.overlaps(other)]
            if any(part.overlaps(other) for part in flight.wanted for other in near):
                started.own.discard(flight)
                flight.give_back()
            else:
                flight.claim = share.add()
                mine.append(flight)
    if len(mine) < len(new):
        started.claim = share
    else:
        share.release()
    return mine
