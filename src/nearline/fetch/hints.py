"""What a file is told of the reads to come, by those who know its format."""

from __future__ import annotations

from typing import Protocol

from nearline.ranges import ByteRange

__all__ = ["Course", "Hints"]

Course = tuple[ByteRange, tuple[ByteRange, ...]]
"""What is likely to be read before the next jump, and what after that, in this order."""


class Hints(Protocol):
    """Follows one reader through one file."""

    def jumped(self, left: int, to: int) -> Course | None:
        """Take note that reading ended at byte `left` and goes on at byte `to`.

        Returns
        -------
        Course or None
            None where nothing can be said.
        """
        ...
