"""Settings: a frozen value, from the environment, changed for a block by `settings()`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from nearline.errors import InvalidOption

__all__ = ["Settings", "current", "from_environment", "settings"]

CacheMode = Literal["disk", "memory", "off"]
Freshness = float | Literal["check", "offline"]

IDC_BUCKETS = ("idc-open-data", "idc-open-data-two", "idc-open-data-cr")
"""Buckets of the Imaging Data Commons, whose objects never change once published."""

_MIB = 1 << 20


def _default_immutable() -> tuple[str, ...]:
    return tuple(
        pattern for bucket in IDC_BUCKETS for pattern in (f"s3://{bucket}/*", f"gs://{bucket}/*")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How objects are read. An open object keeps the settings it was opened with.

    Attributes
    ----------
    cache : {"disk", "memory", "off"} or None
        Where fetched bytes stay. None: on disk for what is read unsigned, in
        memory for what is read with credentials, because that may be patient
        data. Environment: ``NEARLINE_CACHE``.
    cache_dir : Path or None
        Folder of the disk cache; None: ``$XDG_CACHE_HOME/nearline`` or
        ``~/.cache/nearline``. ``NEARLINE_CACHE_DIR``.
    cache_size : int
        Bound on the disk cache, bytes. ``NEARLINE_CACHE_SIZE``.
    memory_size : int
        Bound on fetched bytes kept in memory, bytes. ``NEARLINE_MEMORY_SIZE``.
    tile_memory : int
        Bound on decoded tiles kept in memory, bytes. ``NEARLINE_TILE_MEMORY``.
    freshness : "check", float or "offline"
        "check": one conditional request whenever an object is opened; a number:
        none if the server vouched for it within so many seconds; "offline":
        never ask a server. ``NEARLINE_FRESHNESS``.
    immutable : tuple of str
        URL patterns (`fnmatch`) of objects that never change; these are not
        revalidated. ``NEARLINE_IMMUTABLE``, separated by spaces.
    max_requests : int
        Requests under way at once in this process. ``NEARLINE_MAX_REQUESTS``.
    max_bytes_in_flight : int
        Bytes requested and not yet handed on, at once in this process.
        ``NEARLINE_MAX_BYTES_IN_FLIGHT``.
    timeout : float
        Seconds without a byte after which a request counts as failed.
        ``NEARLINE_TIMEOUT``.
    retries : int
        How often a request is repeated after a passing fault. ``NEARLINE_RETRIES``.
    max_array_size : int
        Largest array, in bytes, that `np.asarray(im.pixels)` or `pixel_array`
        builds before it refuses. ``NEARLINE_MAX_ARRAY_SIZE``.
    """

    cache: CacheMode | None = None
    cache_dir: Path | None = None
    cache_size: int = 20 * 1024 * _MIB
    memory_size: int = 256 * _MIB
    tile_memory: int = 256 * _MIB
    freshness: Freshness = "check"
    immutable: tuple[str, ...] = _default_immutable()
    max_requests: int = 32
    max_bytes_in_flight: int = 128 * _MIB
    timeout: float = 30.0
    retries: int = 5
    max_array_size: int = 2 * 1024 * _MIB

    def __post_init__(self) -> None:
        if self.cache not in (None, "disk", "memory", "off"):
            raise InvalidOption(
                f"cache={self.cache!r} is not a cache mode: use 'disk', 'memory' or 'off'."
            )
        if isinstance(self.freshness, str):
            if self.freshness not in ("check", "offline"):
                raise InvalidOption(
                    f"freshness={self.freshness!r} is not known: use 'check', 'offline' or a "
                    "number of seconds."
                )
        elif not self.freshness >= 0:
            raise InvalidOption(f"freshness={self.freshness} must not be negative.")
        for name in ("max_requests", "max_bytes_in_flight", "timeout", "max_array_size"):
            if not getattr(self, name) > 0:
                raise InvalidOption(f"{name}={getattr(self, name)} must be positive.")
        for name in ("cache_size", "memory_size", "tile_memory", "retries"):
            if getattr(self, name) < 0:
                raise InvalidOption(f"{name}={getattr(self, name)} must not be negative.")

    def is_immutable(self, url: str) -> bool:
        """Whether a URL matches one of the `immutable` patterns."""
        return any(fnmatchcase(url, pattern) for pattern in self.immutable)

    @property
    def cache_folder(self) -> Path:
        """Where the disk cache lives under these settings."""
        if self.cache_dir is not None:
            return self.cache_dir
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return Path(base) / "nearline"


def _number(text: str) -> int:
    """Read bytes or counts: ``1000``, ``512MB`` or ``20GiB``."""
    units = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4}
    units |= {f"{k}b": v for k, v in units.items() if k}
    units |= {"kib": 1024, "mib": 1024**2, "gib": 1024**3, "tib": 1024**4}
    body = text.strip().lower()
    digits = body.rstrip("kmgtib ")
    unit = body[len(digits) :].strip()
    return int(float(digits) * units[unit])


def _freshness(text: str) -> Freshness:
    return text if text in ("check", "offline") else float(text)  # type: ignore[return-value]


_readers: dict[str, Callable[[str], Any]] = {
    "cache": str,
    "cache_dir": lambda text: Path(text).expanduser(),
    "freshness": _freshness,
    "immutable": lambda text: tuple(text.split()),
    "timeout": float,
}


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the defaults with every ``NEARLINE_*`` variable of `environ` applied.

    Raises
    ------
    InvalidOption
        A value cannot be read; the message names the variable.
    """
    values: dict[str, Any] = {}
    for one in fields(Settings):
        variable = f"NEARLINE_{one.name.upper()}"
        text = environ.get(variable)
        if not text:
            continue
        try:
            values[one.name] = _readers.get(one.name, _number)(text)
        except (ValueError, KeyError):
            raise InvalidOption(f"{variable}={text!r} cannot be read as {one.name}.") from None
    return Settings(**values)


_current: ContextVar[Settings | None] = ContextVar("nearline_settings", default=None)


def current() -> Settings:
    """Return the settings in force here."""
    return _current.get() or from_environment()


@contextmanager
def settings(**changes: Any) -> Iterator[Settings]:
    """Change settings for a block: ``with nl.settings(cache="memory"): ...``.

    Parameters are the attributes of `Settings`. Objects opened in the block
    keep these settings for their life.

    Raises
    ------
    InvalidOption
        An unknown name or an impossible value.
    """
    known = {one.name for one in fields(Settings)}
    for name in changes:
        if name not in known:
            raise InvalidOption(f"{name!r} is not a setting; there are {', '.join(sorted(known))}.")
    if isinstance(changes.get("cache_dir"), str):
        changes["cache_dir"] = Path(changes["cache_dir"]).expanduser()
    if isinstance(changes.get("immutable"), str):
        changes["immutable"] = (changes["immutable"],)
    token = _current.set(replace(current(), **changes))
    try:
        yield current()
    finally:
        _current.reset(token)
