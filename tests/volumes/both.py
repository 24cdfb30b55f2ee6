"""One file in both readers."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import nearline as nl
from oracles.outcomes import outcome
from volumes.outcomes import assert_same_outcome, shared_bases

__all__ = ["Both"]


class Both:
    """A file that we opened, and highdicom may open as often as needed.

    Parameters
    ----------
    data : bytes
        The file.
    ours, theirs : callable
        Readers of a file in memory.
    """

    def __init__(
        self, data: bytes, ours: Callable[[bytes], Any], theirs: Callable[[Any], Any]
    ) -> None:
        self._data = data
        self._theirs = theirs
        self.ours = ours(data)

    @property
    def theirs(self) -> Any:
        """A new reader each time: after an error, highdicom's answers no more questions."""
        return self._theirs(io.BytesIO(self._data))

    def compare(
        self, method: str, *args: Any, where: Mapping[str, Any] | None = None, **ask: Any
    ) -> None:
        """Call a method of both, and compare what they return or raise.

        Where several arguments are wrong, we may name one and highdicom another.
        """
        place = where or {}
        expected = outcome(lambda: getattr(self.theirs, method)(*args, **place, **ask))
        found = outcome(lambda: getattr(self.ours, method)(*args, **place, **ask))
        if isinstance(expected, Exception) and isinstance(found, nl.NearlineError):
            if shared_bases(found, expected):
                return
            alone = outcome(lambda: getattr(self.theirs, method)(*args, **place))
            if isinstance(alone, Exception):
                found = outcome(lambda: getattr(self.ours, method)(*args, **place))
                expected = alone
            elif isinstance(found, nl.UnknownSegment):
                assert set(ask["segment_numbers"]) - set(self.ours.segment_numbers)
                return
        assert_same_outcome(found, expected)
