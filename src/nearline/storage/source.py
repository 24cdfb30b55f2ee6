"""The protocol of every place where bytes come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from nearline.errors import NearlineError
from nearline.provenance import Validator

__all__ = ["Answer", "Buffer", "Source", "Transient"]

Buffer = bytes | bytearray | memoryview


class Transient(NearlineError):
    """A fault that a repeated request may cure; the fetch engine is the one that repeats.

    Users never see it: after the last attempt the engine raises `Unavailable`
    with the same sentence.

    Parameters
    ----------
    message : str
        A sentence that names the object, without secrets.
    retry_after : float or None
        Seconds that the server asked to wait (Retry-After).
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(slots=True)
class Answer:
    """What a source says to one read, its body still to be taken.

    Attributes
    ----------
    kind : {"partial", "whole", "unchanged"}
        "partial": the body is `start` to `stop`. "whole": the server ignored
        the range and the body is the entire object (`start` is 0; `stop` is
        None when the server did not announce the size). "unchanged": the
        object is still the version given as `unless`; no body.
    start, stop : int
        Of the body, in bytes of the object. `stop` may be less than asked
        when the object ends earlier.
    validator : Validator
        Of the object as the server described it in this answer.
    chunks : iterator of bytes-like
        The body, in order. Raises `Transient` when the connection breaks or
        the body ends early.
    close : callable
        Gives up the body (cuts the connection when it is unread). May be
        called more than once and from another thread.
    version_id : str or None
        The store's version id, as provenance.
    notes : tuple of str
        What was unusual.
    """

    kind: Literal["partial", "whole", "unchanged"]
    start: int
    stop: int | None
    validator: Validator
    chunks: Iterator[Buffer] = field(default_factory=lambda: iter(()))
    close: Callable[[], None] = lambda: None
    version_id: str | None = None
    notes: tuple[str, ...] = ()


@runtime_checkable
class Source(Protocol):
    """One object of one storage. Thread-safe unless `concurrent` is False.

    Sources pickle when another process can reopen them; otherwise pickling
    raises `NotPicklable`.

    Attributes
    ----------
    url : str
        For messages and provenance: no credentials, no signature.
    identity : str
        What the cache files the object under: canonical URL without signature
        parameters, endpoint, and whether it is read signed or unsigned. May
        change during the first read (see `signed`); ask after it.
    signed : bool
        Read with credentials. Becomes False during the first read where
        credentials were found but refused and the object is public.
    in_place : bool
        Bytes are local already and are never copied into the cache.
    concurrent : bool
        False: one read at a time (a serial file-like object).
    """

    @property
    def url(self) -> str:
        """For messages: no credentials, no signature."""
        ...

    @property
    def identity(self) -> str:
        """What the cache files the object under."""
        ...

    @property
    def signed(self) -> bool:
        """Whether credentials are used."""
        ...

    @property
    def in_place(self) -> bool:
        """Whether the bytes are local already."""
        ...

    @property
    def concurrent(self) -> bool:
        """Whether reads may overlap."""
        ...

    def read(
        self,
        start: int,
        stop: int | None,
        *,
        pin: Validator | None = None,
        unless: Validator | None = None,
        timeout: float = 30.0,
    ) -> Answer:
        """Ask for bytes `start` to `stop` (None: to the end) in one request.

        Parameters
        ----------
        pin : Validator, optional
            The version to hold to: sent as a condition (If-Match, generation)
            where the server takes one, and compared with the answer anyway.
        unless : Validator, optional
            The version already held: answered with kind "unchanged" if the
            object is still that (If-None-Match, If-Modified-Since).
        timeout : float
            Seconds without a byte after which the request counts as failed.

        A range that begins at or after the end of the object is no error: the
        answer is "partial" with an empty body and the size in its validator
        (HTTP 416 with ``Content-Range: bytes */size``; it may lack the ETag).

        Raises
        ------
        NotFound, AccessDenied
            As the server says.
        ObjectChanged
            `pin` does not hold (404, 412, or another validator in the answer).
        Transient
            Connection errors, timeouts, 429 and 5xx: worth repeating.
        Unavailable
            Not worth repeating (no such host, TLS failure).
        """
        ...

    def close(self) -> None:
        """Release connections held for this object only."""
        ...
