"""One version of one object: what everything in the cache is filed under."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from nearline.provenance import Validator

__all__ = ["Buffer", "Version", "merged", "version_id"]

Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Version:
    """One version of one object.

    Attributes
    ----------
    id : int
        Positive and the same in every process for a version that a validator
        identifies; negative and unique for one that nothing identifies.
    identity : str
        The object: canonical URL without signature, endpoint, signed or not.
    validator : Validator
        The version.
    checked : float
        Seconds since the epoch when the server last vouched for it.
    """

    id: int
    identity: str
    validator: Validator
    checked: float

    @property
    def lasting(self) -> bool:
        """Whether it may outlive the open object; False when nothing identifies it."""
        return self.id > 0


def version_id(identity: str, validator: Validator) -> int:
    """Return the 63-bit id of a version that its validator identifies.

    A digest instead of a number that the catalogue hands out: a process that
    still holds a version when the catalogue is cleared, replaced or rolled
    back can then never mistake it for another one.
    """
    name = f"{identity}\0{validator.key}".encode()
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big") >> 1 or 1


def merged(known: Validator, told: Validator) -> Validator:
    """Add to `told` what only `known` says about the same version."""
    return replace(
        told,
        size=known.size if told.size is None else told.size,
        etag=told.etag or known.etag,
        generation=told.generation or known.generation,
        last_modified=told.last_modified or known.last_modified,
    )
