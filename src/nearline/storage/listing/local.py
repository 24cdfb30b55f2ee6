"""Files beneath a local folder."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from nearline.errors import AccessDenied, NearlineError
from nearline.storage.listing.listed import Listed, Page
from nearline.storage.listing.prefix import prefix_of
from nearline.storage.listing.refusal import no_bucket
from nearline.storage.local import LocalSource, validator_of
from nearline.storage.source import Transient
from nearline.storage.url import local_path

__all__ = ["LocalLister"]


class LocalLister:
    """Lists a folder and the folders in it; links to files count as files.

    Parameters
    ----------
    path : str
        A path or ``file://`` URL: a folder, one file, or a beginning of names with ``*``.
    """

    def __init__(self, path: str) -> None:
        self.url = local_path(path)

    def page(self, after: str | None, *, timeout: float) -> Page:  # noqa: ARG002
        """List all at once; see `Lister.page`."""
        asked = time.time()
        if os.path.isfile(self.url):
            folder, name = os.path.split(self.url)
            return Page(list(_listed(folder, [name], asked)))
        prefix = prefix_of(self.url)
        folder = prefix.folder
        failure: NearlineError
        try:
            names = sorted(_names(folder))
        except (FileNotFoundError, NotADirectoryError):
            failure = no_bucket(self.url)
        except PermissionError:
            failure = AccessDenied(f"No permission to list {self.url}.")
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            failure = Transient(f"{self.url} could not be listed ({reason}).")
        else:
            begun = [name for name in names if name.startswith(prefix.begins)]
            return Page(list(_listed(folder, begun, asked)))
        raise failure


def _names(folder: str) -> Iterator[str]:
    for where, folders, files in os.walk(folder, onerror=_raise):
        folders.sort()
        below = os.path.relpath(where, folder)
        for name in files:
            path = os.path.join(where, name)
            # Neither a broken link nor a pipe.
            if os.path.isfile(path):
                yield name if below == os.curdir else os.path.join(below, name)


def _raise(error: OSError) -> None:
    raise error


def _listed(folder: str, names: Iterable[str], asked: float) -> Iterator[Listed]:
    for name in names:
        path = os.path.join(folder, name)
        # Files may come and go meanwhile.
        with suppress(OSError):
            found = os.stat(path)
            modified = datetime.fromtimestamp(found.st_mtime, UTC)
            yield Listed(path, name, validator_of(found), partial(_open, path), modified, asked)


def _open(path: str) -> LocalSource:
    # Not as text: a name may look like a URL.
    return LocalSource(Path(path))
