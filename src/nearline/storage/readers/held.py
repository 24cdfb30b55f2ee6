"""What a read is held to where the reader that was handed in holds to a version itself."""

from __future__ import annotations

from nearline.provenance import Validator

__all__ = ["held_to"]


def held_to(
    version: Validator, pin: Validator | None, unless: Validator | None
) -> tuple[Validator | None, Validator | None]:
    """Return the version to insist on, and the one of which no bytes are wanted.

    Parameters
    ----------
    version : Validator
        That the reader was opened on.
    pin, unless : Validator or None
        As passed to `Source.read`.
    """
    if unless is not None and version.pins and not unless.same_version(version):
        unless = None
    return pin or (version if unless is None and version.pins else None), unless
