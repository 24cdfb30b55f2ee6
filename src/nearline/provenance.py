"""What was read: which object, in which version, and when the server last vouched for it."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Provenance", "Validator"]


@dataclass(frozen=True, slots=True)
class Validator:
    """What tells one version of an object from another (RFC 9110, section 8.8).

    Parameters
    ----------
    size : int or None
        Bytes of the whole object; None while the server has not told.
    etag : str or None
        As the server sends it, quotes included; weak ones begin with ``W/``.
    generation : str or None
        Google Cloud Storage's object generation.
    last_modified : str or None
        HTTP date as sent, or nanoseconds for a local file; compared for equality only.
    """

    size: int | None = None
    etag: str | None = None
    generation: str | None = None
    last_modified: str | None = None

    @property
    def strong_etag(self) -> str | None:
        """The ETag if it promises byte equality."""
        return self.etag if self.etag and not self.etag.startswith("W/") else None

    @property
    def key(self) -> str:
        """What the cache files this version under; empty when nothing identifies it."""
        if self.strong_etag:
            return f"etag:{self.strong_etag}"
        if self.generation:
            return f"generation:{self.generation}"
        if self.last_modified and self.size is not None:
            return f"modified:{self.last_modified};size:{self.size}"
        return ""

    @property
    def pins(self) -> bool:
        """Whether reads can be held to this version."""
        return bool(self.key)

    def same_version(self, other: Validator) -> bool:
        """Whether both describe the same version, by the strongest evidence they share.

        Sizes must agree wherever both know one. Without a shared kind of
        evidence the answer is False.
        """
        if self.size is not None and other.size is not None and self.size != other.size:
            return False
        if self.strong_etag and other.strong_etag:
            return self.strong_etag == other.strong_etag
        if self.generation and other.generation:
            return self.generation == other.generation
        if self.last_modified and other.last_modified:
            return self.last_modified == other.last_modified
        return bool(self.etag) and self.etag == other.etag


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the bytes of an open object come from.

    Parameters
    ----------
    url : str
        Without credentials or signature.
    validator : Validator
        The version that every read is held to.
    checked : float
        Seconds since the epoch when the server last vouched for the version;
        0 for an object declared immutable or read offline.
    version_id : str or None
        The store's version id, where it sent one.
    notes : tuple of str
        Anything unusual met on the way (server ignores ranges, ETag differs per node, ...).
    """

    url: str
    validator: Validator
    checked: float
    version_id: str | None = None
    notes: tuple[str, ...] = field(default=())
