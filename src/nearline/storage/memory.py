"""Objects that are in memory already."""

from __future__ import annotations

import itertools
from typing import Any

from nearline.errors import NotPicklable
from nearline.provenance import Validator
from nearline.storage.source import Answer, Buffer

__all__ = ["MemorySource"]

_numbers = itertools.count(1)


class MemorySource:
    """The bytes of an object, as a source.

    Parameters
    ----------
    content : bytes-like
        Must not change while it is in use.
    name : str, optional
        For messages.
    """

    in_place = True
    concurrent = True
    signed = False

    def __init__(self, content: Buffer, name: str | None = None) -> None:
        self._content = memoryview(content).cast("B").toreadonly()
        self._number = next(_numbers)
        self.url = name or f"{len(self._content)} bytes in memory"

    def __repr__(self) -> str:
        return f"<MemorySource {self.url}>"

    @property
    def identity(self) -> str:
        """Unique to this source: other bytes may bear the same name."""
        return f"memory:{id(self):x}-{self._number}"

    def __reduce__(self) -> tuple[Any, ...]:
        if len(self._content) > 64 << 20:
            raise NotPicklable(
                f"{self.url} are too many to be sent to another process: write them to a file."
            )
        return MemorySource, (bytes(self._content), self.url)

    def read(
        self,
        start: int,
        stop: int | None,
        *,
        pin: Validator | None = None,  # noqa: ARG002 - bytes in memory do not change
        unless: Validator | None = None,  # noqa: ARG002
        timeout: float = 30.0,  # noqa: ARG002
    ) -> Answer:
        """Return bytes `start` to `stop` without copying them; see `Source.read`."""
        size = len(self._content)
        end = size if stop is None else min(stop, size)
        end = max(start, end)
        body = self._content[start:end]
        return Answer("partial", start, start + len(body), Validator(size=size), iter((body,)))

    def close(self) -> None:
        """Do nothing."""
