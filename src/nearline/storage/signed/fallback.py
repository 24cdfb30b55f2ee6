"""Credentials that were found may be the wrong ones for an object that anyone may read."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from nearline.errors import AccessDenied
from nearline.provenance import Validator
from nearline.storage.source import Answer, Source
from nearline.traffic import count

__all__ = ["SignedFirst"]


class SignedFirst:
    """Read signed; where that is refused at first, once more unsigned.

    Parameters
    ----------
    signed : Source
    unsigned : callable
        Makes the unsigned source of the same object when it is needed.

    Notes
    -----
    The choice is made once, by the first read that the server answers. If both
    ways are refused, the error of the signed one is raised: it says more.
    """

    in_place = False
    concurrent = True

    def __init__(self, signed: Source, unsigned: Callable[[], Source]) -> None:
        self._signed = signed
        self._make_unsigned = unsigned
        self._unsigned: Source | None = None
        self._chosen: Source | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<SignedFirst {self.url}>"

    def __reduce__(self) -> tuple[Any, ...]:
        # Whichever was chosen knows how it is reopened.
        return _same, (self._current,)

    @property
    def _current(self) -> Source:
        return self._chosen or self._signed

    @property
    def url(self) -> str:
        """The object's address."""
        return self._signed.url

    @property
    def identity(self) -> str:
        """Of the way that is in use."""
        return self._current.identity

    @property
    def signed(self) -> bool:
        """False once the object turned out to be public, and the credentials not to serve."""
        return self._current.signed

    def read(
        self,
        start: int,
        stop: int | None,
        *,
        pin: Validator | None = None,
        unless: Validator | None = None,
        timeout: float = 30.0,
    ) -> Answer:
        """Read by the way that works; see `Source.read`."""
        if self._chosen is not None:
            return self._chosen.read(start, stop, pin=pin, unless=unless, timeout=timeout)
        answer, refusal = _attempt(self._signed, start, stop, pin, unless, timeout)
        if answer is not None:
            self._choose(self._signed)
            return answer
        with self._lock:
            if self._unsigned is None:
                self._unsigned = self._make_unsigned()
            unsigned = self._unsigned
        count("requests")
        answer, _ = _attempt(unsigned, start, stop, pin, unless, timeout)
        if answer is None:
            # Outside of any handler: no error is another one's context.
            raise refusal
        self._choose(unsigned)
        return answer

    def _choose(self, source: Source) -> None:
        with self._lock:
            if self._chosen is None:
                self._chosen = source

    def close(self) -> None:
        """Close both."""
        self._signed.close()
        if self._unsigned is not None:
            self._unsigned.close()


def _attempt(
    source: Source,
    start: int,
    stop: int | None,
    pin: Validator | None,
    unless: Validator | None,
    timeout: float,
) -> tuple[Answer | None, AccessDenied]:
    """Return the answer, or None and the refusal."""
    try:
        answer = source.read(start, stop, pin=pin, unless=unless, timeout=timeout)
    except AccessDenied as refusal:
        return None, refusal
    return answer, AccessDenied()


def _same(source: Source) -> Source:
    return source
