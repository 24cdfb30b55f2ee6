"""Comma lists of ids: how many at once, and what becomes of a list that is refused (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["LONGEST_PATH", "Learned", "batches", "halves"]

LONGEST_PATH = 6000
"""Bytes of a request's path: servers and proxies commonly refuse 8 KiB of headers."""


@dataclass(slots=True)
class Learned:
    """What answers to lists of ids have shown so far.

    Attributes
    ----------
    known : bool or None
        Whether the server knows lists; None while nothing has shown it.
    longest : int or None
        Ids in a list that may be tried; None while none was refused.
    most : int or None
        Ids in the longest list that was answered; None while none was.
    """

    known: bool | None = None
    longest: int | None = None
    most: int | None = None


def batches(
    ids: Iterable[str], *, most: int, around: int = 0, longest: int = LONGEST_PATH
) -> list[tuple[str, ...]]:
    """Divide ids into lists, in their order.

    Parameters
    ----------
    ids : iterable of str
        Repeated ones count once.
    most : int
        Ids in a list, at least one.
    around : int, optional
        Bytes of the path beside the list.
    longest : int, optional
        Bytes of a path; an id that is longer by itself has a list of its own.
    """
    made: list[tuple[str, ...]] = []
    batch: list[str] = []
    length = around
    for one in dict.fromkeys(ids):
        size = len(one.encode())
        if batch and (len(batch) >= most or length + 1 + size > longest):
            made.append(tuple(batch))
            batch, length = [], around
        length += size + bool(batch)
        batch.append(one)
    if batch:
        made.append(tuple(batch))
    return made


def halves(batch: Sequence[str]) -> list[tuple[str, ...]]:
    """Divide a list that was refused; a single id cannot be divided and gives nothing."""
    if len(batch) < 2:
        return []
    middle = (len(batch) + 1) // 2
    return [tuple(batch[:middle]), tuple(batch[middle:])]
