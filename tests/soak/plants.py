"""Defects to be planted: the soak must find each of them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from cache.safeguards import turn_off

__all__ = ["PLANTS", "plant"]


def _checksum_off() -> None:
    turn_off(["checksums"])


def _pin_off() -> None:
    from nearline.fetch.pin import Pin, Verdict

    Pin.observe = lambda self, found, *, empty=False: Verdict.SAME  # type: ignore[method-assign]


def _eviction_unguarded() -> None:
    # The room of what is evicted is written over, under those who still read it.
    from nearline.cache.packs import Packs, pack_name

    honest = Packs.remove

    def remove(self: Packs, pack: int) -> None:
        path = self.folder / pack_name(pack)
        with suppress(OSError), path.open("r+b") as file:
            file.write(bytes(path.stat().st_size))
        honest(self, pack)

    Packs.remove = remove  # type: ignore[method-assign]


def _session_dropped() -> None:
    from nearline.xnat import inventory

    honest = inventory.experiments
    inventory.experiments = lambda *given, **named: honest(*given, **named)[:-1]


def _offsets_shifted() -> None:
    from nearline.dicom import frame_index

    honest = frame_index.locate_frames

    def shifted(*given: Any) -> Any:
        found = honest(*given)
        return replace(
            found, offsets=found.offsets[::-1].copy(), lengths=found.lengths[::-1].copy()
        )

    frame_index.locate_frames = shifted


PLANTS: dict[str, Callable[[], None]] = {
    "checksum off": _checksum_off,
    "pin off": _pin_off,
    "eviction unguarded": _eviction_unguarded,
    "a session dropped": _session_dropped,
    "offsets shifted": _offsets_shifted,
}


def plant(name: str | None) -> None:
    """Plant one defect in this process; None: none."""
    if name is not None:
        PLANTS[name]()
