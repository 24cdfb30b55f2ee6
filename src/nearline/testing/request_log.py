"""What a server saw: the requests, when they came, how they overlapped."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from time import monotonic

__all__ = ["LoggedRequest", "RequestLog", "longest_chain", "max_concurrency"]


@dataclass(slots=True)
class LoggedRequest:
    """One request as the server saw it; times are `time.monotonic` seconds.

    Attributes
    ----------
    number : int
        1-based, over all paths, in order of arrival.
    method, target : str
        As on the request line (still percent-encoded, with the query).
    path : str
        The object asked for: decoded, without the query.
    range : str or None
        The Range header.
    headers : mapping of str to str
        All request headers, names in lower case.
    arrived : float
        When the first byte of the request was read.
    concurrent : int
        Requests under way at that moment, this one included.
    status : int
        0 while no answer has begun.
    first_byte, last_byte : float or None
        When the first and the last part of the answer's body were handed to
        the network; for an answer that was cut, `last_byte` is when it ended.
    sent : int
        Body bytes sent.
    kind, user : str
        What was asked for and who asked, where the server tells such apart.
    """

    number: int
    method: str
    target: str
    path: str
    range: str | None
    headers: Mapping[str, str]
    arrived: float
    concurrent: int
    status: int = 0
    first_byte: float | None = None
    last_byte: float | None = None
    sent: int = 0
    kind: str = ""
    user: str = ""


def longest_chain(requests: Iterable[LoggedRequest]) -> list[LoggedRequest]:
    """Return the longest chain of requests that each began after the last byte of the one before.

    Its length is the number of round trips that whoever sent them had to wait for.
    Requests without an end are left out.
    """
    chain: list[LoggedRequest] = []
    free = float("-inf")
    # Taking whatever ends first is optimal for choosing disjoint intervals.
    ended = [(r.last_byte, r.arrived, r) for r in requests if r.last_byte is not None]
    for last_byte, arrived, request in sorted(ended, key=lambda entry: entry[:2]):
        if arrived >= free:
            chain.append(request)
            free = last_byte
    return chain


def max_concurrency(requests: Iterable[LoggedRequest]) -> int:
    """Return the largest number of requests that were under way at once."""
    return max((request.concurrent for request in requests), default=0)


class RequestLog:
    """Thread-safe record of requests, for a server to fill."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: list[LoggedRequest] = []
        self._under_way: list[LoggedRequest] = []
        self._number = 0

    def begin(
        self, method: str, target: str, path: str, headers: Mapping[str, str], arrived: float
    ) -> LoggedRequest:
        """Record an arrival."""
        with self._lock:
            self._number += 1
            request = LoggedRequest(
                number=self._number,
                method=method,
                target=target,
                path=path,
                range=headers.get("range"),
                headers=headers,
                arrived=arrived,
                # Whoever has its last byte may ask again before its thread here has ended.
                concurrent=1 + sum(other.last_byte is None for other in self._under_way),
            )
            self._requests.append(request)
            self._under_way.append(request)
            return request

    def end(self, request: LoggedRequest) -> None:
        """Record that nothing more will be sent."""
        with self._lock:
            self._under_way = [other for other in self._under_way if other is not request]
            if request.last_byte is None:
                request.last_byte = monotonic()

    def snapshot(self) -> list[LoggedRequest]:
        """Return the requests so far, in order of arrival."""
        with self._lock:
            return list(self._requests)

    def clear(self) -> None:
        """Forget the requests so far; their numbers are not used again."""
        with self._lock:
            self._requests.clear()
