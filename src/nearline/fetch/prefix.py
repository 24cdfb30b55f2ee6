"""What the first read of an object brought from byte 0 on, until it can be had from elsewhere."""

from __future__ import annotations

import weakref
from functools import partial
from typing import TYPE_CHECKING

from nearline.fetch.keeper import keeper
from nearline.ranges import ByteRange

if TYPE_CHECKING:
    from nearline.fetch.version import ObjectVersion

__all__ = ["Prefix"]


class Prefix:
    """The beginning of an open object.

    It stays in memory where nothing else keeps it, and leaves once the cache has it.

    Parameters
    ----------
    version : ObjectVersion
        What it is the beginning of.
    beginning : memoryview
        Empty for an object that was known.

    Attributes
    ----------
    in_memory : memoryview or None
        The bytes, as long as they are held here.
    """

    def __init__(self, version: ObjectVersion, beginning: memoryview) -> None:
        self._version = version
        self._span = ByteRange(0, len(beginning))
        self.in_memory: memoryview | None = None
        if version.in_place or not len(beginning):
            return
        self.in_memory = beginning
        if version.keeps_in_store:
            # Behind the bytes themselves, which it is to write.
            keeper().add(partial(_forget, weakref.ref(self)))
        else:
            self._forget()

    def view(self) -> memoryview:
        """Return the bytes, wherever they are now; empty if they are gone."""
        if self._span.stop == 0:
            return memoryview(b"")
        held = self.in_memory  # read once: another thread may let go of it
        if held is not None:
            return held
        if self._version.in_place:
            return self._version.read_in_place(self._span)
        return self._version.get(self._span) or memoryview(b"")

    def _forget(self) -> None:
        """Let go of the bytes if they can be had from where the object's bytes are kept."""
        if self._version.held(self._span) == [self._span]:
            self.in_memory = None


def _forget(reference: weakref.ref[Prefix]) -> None:
    prefix = reference()
    if prefix is not None:
        prefix._forget()
