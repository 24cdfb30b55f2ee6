"""Files of this machine, read in place and never copied into the cache."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Iterator

from nearline.errors import AccessDenied, NearlineError, NotFound, ObjectChanged
from nearline.provenance import Validator
from nearline.storage.source import Answer, Buffer, Transient
from nearline.storage.url import identity, local_path

__all__ = ["LocalSource", "validator_of"]

_PIECE = 4 << 20

_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)


class LocalSource:
    """A local file.

    No handle is kept: each read opens the file anew, so sources are safe in
    threads and after a fork, and a series of a thousand files needs no
    thousand descriptors.

    Parameters
    ----------
    path : str or path-like
        A path or a ``file://`` URL.

    Attributes
    ----------
    url : str
        The absolute path.
    """

    in_place = True
    signed = False
    concurrent = True

    def __init__(self, path: str | os.PathLike[str]) -> None:
        # Only text can be a URL: a folder may well be named "file:".
        self.url: str = local_path(path) if isinstance(path, str) else os.path.abspath(path)

    @property
    def identity(self) -> str:
        """What the cache files derived artefacts under."""
        return identity(self.url, signed=False)

    def read(
        self,
        start: int,
        stop: int | None,
        *,
        pin: Validator | None = None,
        unless: Validator | None = None,
        timeout: float = 30.0,  # noqa: ARG002 - the kernel offers none for files
    ) -> Answer:
        """Read bytes `start` to `stop`, as `Source.read` says.

        Raises
        ------
        NotFound
            No such file, or not a regular one.
        AccessDenied
            No permission to read it.
        ObjectChanged
            The file is not the one that `pin` describes: replaced, rewritten or removed.
        """
        try:
            found = os.stat(self.url)
        except (OSError, ValueError) as error:
            failure: NearlineError = self._translated(error, pinned=pin is not None)
        else:
            if stat.S_ISREG(found.st_mode):
                return self._answer(validator_of(found), start, stop, pin, unless)
            failure = NotFound(f"{self.url} is {_kind(found.st_mode)}, not a file.")
        raise failure

    def _answer(
        self,
        current: Validator,
        start: int,
        stop: int | None,
        pin: Validator | None,
        unless: Validator | None,
    ) -> Answer:
        if pin is not None and not pin.same_version(current):
            raise self._changed(current)
        if unless is not None and unless.same_version(current):
            return Answer("unchanged", 0, 0, current)
        size = current.size or 0
        end = size if stop is None else min(stop, size)
        begin = min(start, end)
        given_up = threading.Event()
        chunks = self._pieces(begin, end, current, given_up)
        return Answer("partial", start, max(end, start), current, chunks, given_up.set)

    def _pieces(
        self, start: int, stop: int, expected: Validator, given_up: threading.Event
    ) -> Iterator[Buffer]:
        for begin in range(start, stop, _PIECE):
            if given_up.is_set():
                raise Transient(f"Reading {self.url} was given up.")
            yield self._piece(begin, min(begin + _PIECE, stop), expected)

    def _piece(self, start: int, stop: int, expected: Validator) -> bytes:
        try:
            with open(self.url, "rb", buffering=0) as file:
                file.seek(start)
                data = file.read(stop - start)
                while len(data) < stop - start:
                    more = file.read(stop - start - len(data))
                    if not more:
                        break
                    data += more
                # After the bytes were taken: a change before that would be missed otherwise.
                current = validator_of(os.fstat(file.fileno()))
        except OSError as error:
            failure = self._translated(error, pinned=True)
        else:
            if expected.same_version(current) and len(data) == stop - start:
                return data
            failure = self._changed(current)
        raise failure

    def _changed(self, current: Validator | None) -> ObjectChanged:
        return ObjectChanged(
            f"{self.url} changed while it was open. Open it again to read the new version.",
            current=current,
        )

    def _translated(self, error: OSError | ValueError, *, pinned: bool) -> NearlineError:
        number = error.errno if isinstance(error, OSError) else errno.ENOENT
        if number in _ABSENT:
            if pinned:
                return ObjectChanged(f"{self.url} was removed while it was open.")
            return NotFound(f"There is no file {self.url}.")
        if number in (errno.EACCES, errno.EPERM):
            return AccessDenied(f"No permission to read {self.url}.")
        return Transient(f"{self.url} could not be read ({os.strerror(number or errno.EIO)}).")

    def close(self) -> None:
        """Release nothing: no handle is kept."""

    def __repr__(self) -> str:
        return f"LocalSource({self.url!r})"


def validator_of(found: os.stat_result) -> Validator:
    """Return what the system says of a file's version."""
    # The inode tells a file from one put in its place with the same size and time.
    return Validator(size=found.st_size, last_modified=f"{found.st_mtime_ns}:{found.st_ino}")


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a directory"
    return "a pipe, socket or device"
