"""What a user's prefix means: a folder, or with a closing ``*`` the beginning of names in one."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Prefix", "prefix_of"]


@dataclass(frozen=True, slots=True)
class Prefix:
    """Where to look, and for what.

    Attributes
    ----------
    folder : str
        Empty, or ends with a slash.
    begins : str
        How names below the folder begin; empty for all.
    """

    folder: str
    begins: str = ""

    @property
    def whole(self) -> str:
        """How the keys begin."""
        return self.folder + self.begins

    def name_of(self, key: str) -> str | None:
        """Return a key's name below the folder; None if it does not belong, or is a folder."""
        if not key.startswith(self.whole) or key.endswith("/") or key == self.folder:
            return None
        return key[len(self.folder) :]


def prefix_of(key: str) -> Prefix:
    """Read a key or path as a prefix: ``a/b`` and ``a/b/`` are a folder, ``a/b*`` a beginning."""
    if key.endswith("*"):
        folder, slash, begins = key[:-1].rpartition("/")
        return Prefix(folder + slash, begins)
    return Prefix(key if not key or key.endswith("/") else f"{key}/")
