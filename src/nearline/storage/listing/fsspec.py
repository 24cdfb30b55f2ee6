"""Files beneath a folder of any filesystem that fsspec knows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from nearline.errors import NearlineError, NotFound
from nearline.storage.listing.listed import Listed, Page
from nearline.storage.listing.prefix import prefix_of
from nearline.storage.listing.refusal import no_bucket
from nearline.storage.readers.foreign import foreign
from nearline.storage.readers.fsspec import (
    filesystem_of,
    shown_url,
    source_in,
    validator_of,
)

__all__ = ["FsspecLister"]


class FsspecLister:
    """Lists a folder, and the folders in it, of an fsspec filesystem.

    Parameters
    ----------
    url : str
        One that `fsspec.core.url_to_fs` reads; chains (``zip://*::s3://…``) too.
    storage_options : mapping
        Those of the filesystem.
    """

    def __init__(self, url: str, storage_options: Mapping[str, Any]) -> None:
        # Here a star would be part of a name, and of a chain a pattern for fsspec.
        begins = url.endswith("*")
        self._filesystem, path = filesystem_of(url.removesuffix("*"), storage_options)
        self._path = f"{path}*" if begins else path
        self.url = shown_url(url)

    def page(self, after: str | None, *, timeout: float) -> Page:  # noqa: ARG002
        """List all at once; see `Lister.page`."""
        asked = time.time()
        prefix = prefix_of(self._path)
        try:
            found = self._filesystem.find(prefix.folder.rstrip("/") or "/", detail=True)
            if not found and not self._filesystem.exists(prefix.folder or "/"):
                raise no_bucket(self.url)
        except NearlineError:
            raise
        except Exception as problem:  # noqa: BLE001 - a foreign filesystem may raise anything
            error = foreign(problem, self.url)
            raise (no_bucket(self.url) if isinstance(error, NotFound) else error) from None
        listed = []
        for path in sorted(found):
            info = found[path]
            # Some filesystems give names without the slash that they take.
            key = path if path.startswith(prefix.folder) else f"/{path}"
            name = prefix.name_of(key) if key.startswith(prefix.folder) else key.lstrip("/")
            if info.get("type") == "file" and name is not None:
                listed.append(self._listed(path, name, info, asked))
        return Page(listed)

    def _listed(self, path: str, name: str, info: Mapping[str, Any], asked: float) -> Listed:
        modified = next((info[one] for one in _DATES if isinstance(info.get(one), datetime)), None)
        url = self._url(path)
        make = partial(source_in, self._filesystem, path, url)
        return Listed(url, name, validator_of(info), make, modified, asked)

    def _url(self, path: str) -> str:
        first, mark, rest = self.url.partition("::")
        if mark:
            scheme = first.partition("://")[0]
            return f"{scheme}://{path}::{rest}"
        # fsspec leaves out the host, which is part of the filesystem.
        plain, stem = self._path.rstrip("*/"), self.url.rstrip("*/")
        if plain and stem.endswith(plain):
            return f"{stem[: len(stem) - len(plain)]}{path}"
        return shown_url(self._filesystem.unstrip_protocol(path))


_DATES = ("LastModified", "last_modified", "mtime", "modified", "updated", "created")
