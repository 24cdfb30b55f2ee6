"""A mapping of options, taken apart name by name; what is left over is an error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nearline.errors import InvalidOption

__all__ = ["WITHOUT_EFFECT", "Given"]

WITHOUT_EFFECT = frozenset(
    {
        "asynchronous",
        "block_size",
        "cache_options",
        "cache_regions",
        "cache_timeout",
        "cache_type",
        "consistency",
        "default_block_size",
        "default_cache_type",
        "default_fill_cache",
        "default_location",
        "fixed_upload_size",
        "listings_expiry_time",
        "local_expiry_check",
        "max_concurrency",
        "max_paths",
        "secure_serialize",
        "size_policy",
        "skip_instance_cache",
        "use_listings_cache",
        "version_aware",
    }
)
"""Tuning knobs of fsspec's filesystems; ranges are planned here, so these change nothing."""


class Given:
    """Takes named options out of a mapping, and complains about what is left."""

    def __init__(self, given: Mapping[str, Any], subject: str) -> None:
        self._left = dict(given)
        self._known: set[str] = set()
        self._subject = subject

    def take(self, *names: str) -> Any:
        """Return the value under the first of `names` that is given, or None."""
        self._known.update(names)
        values = [self._left.pop(name) for name in names if name in self._left]
        return next((value for value in values if value is not None), None)

    def text(self, *names: str) -> str | None:
        """Like `take`, for strings; empty ones count as not given."""
        value = self.take(*names)
        if value is not None and not isinstance(value, str):
            raise InvalidOption(
                f"{names[0]} of {self._subject} must be a string, not {type(value).__name__}."
            )
        return value or None

    def flag(self, *names: str, default: bool = False) -> bool:
        """Like `take`, for True and False."""
        value = self.take(*names)
        if value is None:
            return default
        if not isinstance(value, (bool, int)):
            raise InvalidOption(f"{names[0]} of {self._subject} must be True or False.")
        return bool(value)

    def nested(self, name: str) -> Given:
        """Return the dictionary under a name, to be taken apart likewise."""
        value = self.take(name)
        if value is not None and not isinstance(value, Mapping):
            raise InvalidOption(f"{name} of {self._subject} must be a dictionary.")
        return Given(value or {}, f"{name} of {self._subject}")

    def ignore(self, names: Iterable[str]) -> None:
        """Accept names without effect."""
        for name in names:
            self._left.pop(name, None)

    def finish(self) -> None:
        """Raise `InvalidOption` for what was not taken; the message lists what could have been."""
        if self._left:
            unknown = ", ".join(repr(name) for name in sorted(self._left))
            known = ", ".join(sorted(self._known))
            raise InvalidOption(
                f"{unknown} is not an option of {self._subject}; there are: {known}."
            )
