"""Switches a safeguard of the cache off, so that its suite can be seen to fail.

`checksums`
    `pieces.intact`, the one place where stored bytes are checked, always agrees.
`order`
    `Packs.append` tells where bytes lie before it writes them.
`claims`
    `claims.divide` gives everything to everybody.
`writers`
    `Packs._adopt` takes a pack that another process is writing.
`ids`
    `Packs.new_id` hands out the ids of removed packs again.
`private`
    `folder._check` lets anyone's folder pass.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable
from typing import Any

from nearline.cache import claims, folder, pieces
from nearline.cache.packs import Packs, pack_name
from nearline.ranges import merge

Set = Callable[[Any, str, Any], None]


def turn_off(names: Iterable[str], set_attribute: Set = setattr) -> None:
    for name in names:
        for target, attribute, value in SWITCHES[name]:
            set_attribute(target, attribute, value)


def _always(*_: object, **__: object) -> bool:
    return True


def _told_before_written() -> Callable[..., tuple[int, int]]:
    honest = Packs.append
    late: list[tuple[int, bytes, int]] = []

    def append(self: Packs, data: bytes) -> tuple[int, int]:
        with self.write_lock:
            while late:
                fd, old, at = late.pop()
                os.pwrite(fd, old, at)
            pack, _ = honest(self, b"")
            position = self._end
            self._end += len(data)
            late.append((self._fd, bytes(data), position))
            return pack, position

    return append


def _adopt_anything(self: Packs, pack: int) -> int:
    try:
        return os.open(self.folder / pack_name(pack), os.O_RDWR)
    except OSError:
        return -1


def _ids_again() -> Callable[[], int]:
    numbers = itertools.cycle(range(1, 40))
    return lambda: next(numbers)


SWITCHES: dict[str, list[tuple[Any, str, Any]]] = {
    "checksums": [(pieces, "intact", _always)],
    "order": [(Packs, "append", _told_before_written())],
    "claims": [(claims, "divide", lambda wanted, held, others: (merge(wanted), [], []))],
    "writers": [(Packs, "_adopt", _adopt_anything)],
    "ids": [(Packs, "new_id", staticmethod(_ids_again()))],
    "private": [(folder, "_check", lambda *_, **__: None)],
}
