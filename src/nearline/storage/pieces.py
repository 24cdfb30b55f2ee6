"""The body of an answer that a foreign client brings, piece by piece, and whether it is whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from nearline.storage.source import Transient

__all__ = ["pieces"]

Piece = TypeVar("Piece", bytes, bytearray, memoryview)


def pieces(take: Callable[[], Piece], missing: Callable[[int], int], url: str) -> Iterator[Piece]:
    """Yield a body to its end.

    Parameters
    ----------
    take : callable
        Returns the next piece; an empty one at the end.
    missing : callable
        How many bytes did not come, of as many as came.
    url : str
        For messages.

    Raises
    ------
    Transient
        The answer broke off, or ended early.
    """
    received = 0
    while True:
        failure = None
        try:
            piece = take()
        except Exception as problem:  # noqa: BLE001 - clients' errors have no common root
            failure = Transient(f"{url}: the answer broke off ({type(problem).__name__}).")
        if failure is not None:
            raise failure
        if not piece:
            break
        received += len(piece)
        yield piece
    if lost := missing(received):
        raise Transient(f"{url}: the answer ended {lost} bytes early.")
