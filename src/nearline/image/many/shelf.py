"""Images that are open while regions of them are read: each opened once, the oldest closed."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nearline.errors import NearlineError
from nearline.image.image import Image

if TYPE_CHECKING:
    from nearline.image.many.wanted import Chunk

__all__ = ["Shelf"]


@dataclass(slots=True)
class _Place:
    lock: threading.Lock = field(default_factory=threading.Lock)
    image: Any = None
    error: NearlineError | None = None
    own: bool = False
    users: int = 0


class Shelf:
    """Open images, those not in use closed above a number.

    Parameters
    ----------
    open_image : callable
        From a target to an `Image`.
    most : int
        How many stay open; those in use always do.
    """

    def __init__(self, open_image: Callable[[Any], Image], most: int) -> None:
        self._open = open_image
        self._most = most
        self._lock = threading.Lock()
        self._places: OrderedDict[Any, _Place] = OrderedDict()

    @contextmanager
    def image(self, chunk: Chunk) -> Iterator[Image]:
        """Lend the image of a chunk; threads that want the same one wait while it is opened.

        Raises
        ------
        NearlineError
            It cannot be opened; the same for all who want it.
        """
        with self._lock:
            place = self._places.setdefault(chunk.key, _Place())
            self._places.move_to_end(chunk.key)
            place.users += 1
        try:
            with place.lock:
                if place.image is None and place.error is None:
                    self._fill(place, chunk.target)
            if place.error is not None:
                raise type(place.error)(*place.error.args)
            yield place.image
        finally:
            with self._lock:
                place.users -= 1
                closing = self._unused()
            for image in closing:
                _close(image)

    def close(self) -> None:
        """Close what was opened here."""
        with self._lock:
            places, self._places = self._places, OrderedDict()
        for place in places.values():
            if place.own and place.image is not None:
                _close(place.image)

    def _fill(self, place: _Place, target: Any) -> None:
        if isinstance(target, Image):
            place.image = target
            return
        try:
            place.image = self._open(target)
        except NearlineError as error:
            place.error = error
        else:
            # A reader that the caller handed over may be of further use to them.
            place.own = isinstance(target, (str, os.PathLike))

    def _unused(self) -> list[Image]:
        """Take away what is open beyond the number. The lock is held."""
        taken: list[Image] = []
        for key in list(self._places):
            if len(self._places) <= self._most:
                break
            place = self._places[key]
            if not place.users:
                del self._places[key]
                if place.own and place.image is not None:
                    taken.append(place.image)
        return taken


def _close(image: Image) -> None:
    for part in image._opened.frames.parts:
        part.reader.close()
