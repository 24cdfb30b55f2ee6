"""Errors of files, filesystems and clients that are not ours."""

from __future__ import annotations

from nearline.errors import (
    AccessDenied,
    NearlineError,
    NotFound,
    ObjectChanged,
    Unavailable,
    UnsafeAfterFork,
)
from nearline.storage.source import Transient

__all__ = ["foreign"]


def foreign(problem: Exception, url: str) -> NearlineError:
    """Return our error for one of an unknown file or filesystem, whose text may hold secrets."""
    kind = type(problem).__name__
    if isinstance(problem, NearlineError):
        return problem
    if kind == "FileExpired":
        return ObjectChanged(
            f"{url} changed while it was being read. Open it again to read the new version."
        )
    if isinstance(problem, RuntimeError) and "fork" in str(problem):
        return UnsafeAfterFork(
            f"{url} is read by a client that does not survive a fork, and this process was "
            "forked since: start workers with 'spawn' or 'forkserver', or open it in the worker."
        )
    if isinstance(problem, FileNotFoundError):
        return NotFound(f"There is no object at {url}.")
    if isinstance(problem, PermissionError):
        return AccessDenied(
            f"{url} refuses to be read: check the login in storage_options, or ask for permission."
        )
    if isinstance(problem, (OSError, TimeoutError, EOFError)):
        return Transient(f"{url} could not be read ({kind}).")
    return Unavailable(f"{url} could not be read ({kind}).")
