"""The objects beneath a prefix: all pages of its listing, asked for again after passing faults."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

from nearline.errors import Offline, Unavailable
from nearline.fetch.retry import Retries
from nearline.settings import Settings, current
from nearline.storage.listing.listed import Listed, Lister, Page
from nearline.storage.listing.resolve import find_lister
from nearline.storage.source import Transient
from nearline.traffic import count

__all__ = ["iter_objects", "list_objects"]


def list_objects(
    target: str | os.PathLike[str],
    *,
    storage_options: Mapping[str, Any] | None = None,
    settings: Settings | None = None,
) -> list[Listed]:
    """Return all objects beneath a prefix or in a folder, and in the folders in it.

    Parameters
    ----------
    target : str or path-like
        ``s3://bucket/folder/``, ``gs://``, ``az://``, a local folder, whatever
        fsspec can list. A closing ``*`` makes it a beginning of names.
    storage_options : mapping, optional
        As in fsspec and pandas; those of the objects.
    settings : Settings, optional
        By default those in force.

    Returns
    -------
    list of Listed
        In the order of the storage, without folders.

    Raises
    ------
    NotFound
        There is no such bucket or folder.
    AccessDenied
        No right to list it.
    Unavailable
        The server failed, and did so again whenever it was asked again.
    UnsupportedUrl
        What has no listing, such as ``https://``.
    Offline
        ``freshness="offline"``, and the folder is no local one.
    """
    return list(iter_objects(target, storage_options=storage_options, settings=settings))


def iter_objects(
    target: str | os.PathLike[str],
    *,
    storage_options: Mapping[str, Any] | None = None,
    settings: Settings | None = None,
) -> Iterator[Listed]:
    """Yield them page by page; see `list_objects`."""
    chosen = settings or current()
    lister = find_lister(target, storage_options=storage_options, settings=chosen)
    if chosen.freshness == "offline" and "://" in lister.url:
        raise Offline(
            f'{lister.url} cannot be listed: freshness="offline" forbids asking. Pass a list '
            'of URLs, or open it with freshness="check".'
        )
    after: str | None = None
    while True:
        page = _page(lister, after, chosen)
        yield from page.objects
        if page.after is None:
            return
        if page.after == after:
            raise Unavailable(
                f"{lister.url} was not listed: the server sends the same page again and again."
            )
        after = page.after


def _page(lister: Lister, after: str | None, settings: Settings) -> Page:
    retries = Retries(settings.retries)
    while True:
        try:
            return lister.page(after, timeout=settings.timeout)
        except Transient as fault:
            delay_s = retries.delay_s(fault, 0)
            if delay_s is None:
                raise Unavailable(str(fault)) from None
        time.sleep(delay_s)
        count("retries")
