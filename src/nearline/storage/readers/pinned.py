"""A source held to the version that a handed-in reader was opened on."""

from __future__ import annotations

from typing import Any

from nearline.provenance import Validator
from nearline.storage.readers.status import changed
from nearline.storage.source import Answer, Source

__all__ = ["Pinned"]


class Pinned:
    """Another source, of which only one version counts.

    Parameters
    ----------
    source : Source
    version : Validator
        Every answer must be of this version.
    """

    in_place = False

    def __init__(self, source: Source, version: Validator) -> None:
        self._source = source
        self._version = version

    def __repr__(self) -> str:
        return f"<Pinned {self._source!r} to {self._version.key}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Pinned, (self._source, self._version)

    @property
    def url(self) -> str:
        """As of the source."""
        return self._source.url

    @property
    def identity(self) -> str:
        """As of the source: the same object, opened by URL, shares what is cached."""
        return self._source.identity

    @property
    def signed(self) -> bool:
        """As of the source."""
        return self._source.signed

    @property
    def concurrent(self) -> bool:
        """As of the source."""
        return self._source.concurrent

    def read(
        self,
        start: int,
        stop: int | None,
        *,
        pin: Validator | None = None,
        unless: Validator | None = None,
        timeout: float = 30.0,
    ) -> Answer:
        """Read, held to the version; see `Source.read`."""
        if pin is not None:
            return self._source.read(start, stop, pin=pin, timeout=timeout)
        if unless is None or not unless.same_version(self._version):
            return self._source.read(start, stop, pin=self._version, timeout=timeout)
        answer = self._source.read(start, stop, unless=unless, timeout=timeout)
        if answer.kind != "unchanged" and not answer.validator.same_version(self._version):
            answer.close()
            raise changed(self.url, answer.validator)
        return answer

    def close(self) -> None:
        """Close the source."""
        self._source.close()
