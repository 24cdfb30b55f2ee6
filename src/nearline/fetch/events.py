"""What carriers of bytes tell those who wait for them."""

from __future__ import annotations

from queue import SimpleQueue
from typing import NamedTuple, Protocol

from nearline.fetch.halt import Halted

__all__ = ["Carrier", "Data", "Event", "Failed", "Replan", "Sink"]


class Carrier(Protocol):
    """Something under way that brings bytes to several callers.

    Attributes
    ----------
    holders : set
        Callers that wait for it or keep it.
    """

    holders: set[object]

    def join(self, sink: Sink) -> None:
        """Hand bytes on to `sink` as they land. The engine's lock is held."""
        ...

    def drop(self, holder: object) -> bool:
        """Lose a holder; True when `interrupt` must follow. The engine's lock is held."""
        ...

    def interrupt(self) -> None:
        """Stop what `drop` gave up. The engine's lock is not held."""
        ...


class Sink(NamedTuple):
    """Who waits for bytes `start` to `stop` of the object, and what they are to it."""

    start: int
    stop: int
    slot: int
    events: SimpleQueue[Event]


class Data(NamedTuple):
    """Bytes for a waiter: `view` begins at `start` of the object."""

    carrier: Carrier
    slot: int
    start: int
    view: memoryview


class Replan(NamedTuple):
    """The carrier does not bring the bytes, but they can be had in another way."""

    carrier: Carrier


class Failed(NamedTuple):
    """The carrier brings nothing more."""

    carrier: Carrier
    error: BaseException


Event = Data | Replan | Failed | Halted
