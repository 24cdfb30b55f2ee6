"""Decoded tiles in memory: each decoded once, least recently used dropped first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearline.cache.forking import quiet_on_fork

__all__ = ["TileMemory", "tile_memory"]

Tile = NDArray[Any]


class TileMemory:
    """Arrays by key, bounded by their bytes, shared by the threads of a process.

    Parameters
    ----------
    bound : int
        Bytes kept at most; 0 keeps nothing, and still decodes once for
        threads that ask at the same time.
    """

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self._lock = threading.Lock()
        self._tiles: OrderedDict[Hashable, Tile] = OrderedDict()
        self._coming: dict[Hashable, Future[Tile]] = {}
        self._size = 0
        quiet_on_fork(self)

    @property
    def size(self) -> int:
        """Bytes held now."""
        return self._size

    def __len__(self) -> int:
        return len(self._tiles)

    def get(self, key: Hashable) -> Tile | None:
        """Return the tile, read-only, or None."""
        with self._lock:
            tile = self._tiles.get(key)
            if tile is not None:
                self._tiles.move_to_end(key)
            return tile

    def put(self, key: Hashable, tile: Tile) -> Tile:
        """Keep a tile and return it read-only.

        A view keeps all of the array that it looks into alive, so a view of
        something larger is copied.
        """
        kept = _alone(tile)
        with self._lock:
            self._keep(key, kept)
        return kept

    def get_or_compute(self, key: Hashable, compute: Callable[[], Tile]) -> Tile:
        """Return the tile; compute it unless it is here or another thread is at it.

        Parameters
        ----------
        compute : callable
            Gives the tile. What it raises is raised here and in every thread
            that waits for it, and is not kept. It must not ask for the same key.

        Returns
        -------
        ndarray
            Read-only.
        """
        with self._lock:
            tile = self._tiles.get(key)
            if tile is not None:
                self._tiles.move_to_end(key)
                return tile
            coming = self._coming.get(key)
            if coming is None:
                mine = self._coming[key] = Future()
        if coming is not None:
            return coming.result()
        try:
            kept = _alone(compute())
        except BaseException as error:
            with self._lock:
                self._coming.pop(key, None)
            mine.set_exception(error)
            raise
        with self._lock:
            self._coming.pop(key, None)
            self._keep(key, kept)
        mine.set_result(kept)
        return kept

    def clear(self) -> None:
        """Forget every tile."""
        with self._lock:
            self._tiles.clear()
            self._size = 0

    def _keep(self, key: Hashable, tile: Tile) -> None:
        old = self._tiles.pop(key, None)
        if old is not None:
            self._size -= old.nbytes
        if tile.nbytes > self.bound:
            return
        self._tiles[key] = tile
        self._size += tile.nbytes
        while self._size > self.bound:
            _, dropped = self._tiles.popitem(last=False)
            self._size -= dropped.nbytes

    def before_fork(self) -> None:
        """Take the lock."""
        self._lock.acquire()

    def after_fork(self, *, in_child: bool) -> None:
        """Release it; nobody in a child computes what the parent's threads were computing."""
        if in_child:
            self._coming.clear()
        self._lock.release()


def _alone(tile: Tile) -> Tile:
    """Return the array read-only, as the owner of its memory or a view of all of it."""
    base = tile.base
    if base is not None and not (isinstance(base, np.ndarray) and base.nbytes == tile.nbytes):
        tile = tile.copy()
    else:
        tile = tile.view()
    tile.flags.writeable = False
    return tile


_memories: dict[int, TileMemory] = {}


def tile_memory(bound: int) -> TileMemory:
    """Return the tile memory of this process with that bound, bytes."""
    if bound not in _memories:
        _memories.setdefault(bound, TileMemory(bound))
    return _memories[bound]
