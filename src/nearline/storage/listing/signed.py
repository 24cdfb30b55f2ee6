"""Listings with credentials that obstore alone can use: Google's, Azure's, those of a machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from nearline.errors import AccessDenied, NearlineError, NotFound, Unavailable
from nearline.provenance import Validator
from nearline.storage.listing.listed import Listed, Page
from nearline.storage.listing.prefix import Prefix
from nearline.storage.listing.refusal import no_bucket, not_allowed
from nearline.storage.signed import event_loop, fork
from nearline.storage.signed.obstore_error import ElsewhereError, status_of, translated
from nearline.storage.signed.source import validator_of
from nearline.storage.signed.stores import StoreSpec, open_store
from nearline.storage.source import Source
from nearline.traffic import count

__all__ = ["SignedLister"]

_PER_PAGE = 1000


class SignedLister:
    """Lists a prefix over obstore.

    Parameters
    ----------
    url : str
        Of the bucket or container, ending in a slash.
    prefix : Prefix
    spec : StoreSpec
    open_key : callable
        From a key to the source of the object.
    """

    def __init__(
        self, url: str, prefix: Prefix, spec: StoreSpec, open_key: Callable[[str], Source]
    ) -> None:
        self.url = f"{url}{prefix.whole}"
        self._base = url
        self._prefix = prefix
        self._spec = spec
        self._open_key = open_key
        self._stream: Any = None
        self._at: str | None = None

    def page(self, after: str | None, *, timeout: float) -> Page:
        """Take the next thousand objects; see `Lister.page`."""
        fork.refuse_after_fork(self.url)
        asked = time.time()
        if self._stream is None or self._at != after:
            # After a fault, from the last key that arrived.
            count("requests")
            store = open_store(self._spec, timeout)
            folder = self._prefix.folder.rstrip("/") or None
            self._stream = store.list(folder, offset=after, chunk_size=_PER_PAGE)
        problem: Exception | None = None
        try:
            chunk = event_loop.run(_next(self._stream), timeout * 2)
        except Exception as error:  # noqa: BLE001 - translated below, outside of the handler
            problem = error
        if problem is not None:
            self._stream = None
            raise self._translated(problem)
        if not chunk:
            return Page([])
        self._at = chunk[-1]["path"]
        return Page([found for meta in chunk for found in self._listed(meta, asked)], self._at)

    def _listed(self, meta: Any, asked: float) -> list[Listed]:
        key = meta["path"]
        name = self._prefix.name_of(key)
        if name is None:
            return []
        validator = validator_of(self._spec.kind, meta)
        if validator.etag and not validator.etag.endswith('"'):
            # Azure quotes it in the header of an object, and not in a listing.
            validator = Validator(
                validator.size,
                f'"{validator.etag}"',
                validator.generation,
                validator.last_modified,
            )
        modified = meta.get("last_modified")
        return [
            Listed(
                f"{self._base}{key}", name, validator, lambda: self._open_key(key), modified, asked
            )
        ]

    def _translated(self, problem: Exception) -> Exception:
        if "empty path segment" in str(problem):
            return Unavailable(
                f"{self.url} cannot be listed with these credentials: a key in it holds '//', "
                "which obstore does not read. Pass a list of URLs."
            )
        found = translated(
            problem,
            url=self.url,
            where=self._spec.credentials.where,
            region=self._spec.region,
            pinned=False,
        )
        if isinstance(found, ElsewhereError):
            return Unavailable(
                f"{self.url} cannot be listed: its bucket is in another region; name it in "
                "storage_options={'client_kwargs': {'region_name': …}}."
            )
        status = status_of(problem)
        if isinstance(found, NotFound) or status == 404:
            return no_bucket(self.url)
        if isinstance(found, AccessDenied) and status == 403:
            where = self._spec.credentials.where
            return not_allowed(self.url, f" with the credentials from {where}")
        return found if isinstance(found, NearlineError) else problem


async def _next(stream: Any) -> Any:
    try:
        return await stream.__anext__()
    except StopAsyncIteration:
        return []
