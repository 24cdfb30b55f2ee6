"""From what a user passed to the lister of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from nearline.errors import InvalidOption, UnsupportedUrl
from nearline.settings import Settings
from nearline.storage.address import parse, scheme_of, store_kind
from nearline.storage.listing.fsspec import FsspecLister
from nearline.storage.listing.listed import Lister
from nearline.storage.listing.local import LocalLister
from nearline.storage.listing.stores import store_lister
from nearline.storage.openers import LISTERS, imported
from nearline.storage.resolve import store_options
from nearline.storage.url import printable

__all__ = ["find_lister"]


def find_lister(
    target: str | os.PathLike[str],
    *,
    storage_options: Mapping[str, Any] | None = None,
    settings: Settings | None = None,
) -> Lister:
    """Return the lister of a prefix; nothing is asked yet.

    Parameters
    ----------
    target : str or path-like
        A folder, or the URL of a prefix: ``s3://bucket/folder/``. With a closing
        ``*`` it is a beginning of names: ``s3://bucket/folder/1.2*``.
    storage_options : mapping, optional
        As for `resolve`.
    settings : Settings, optional

    Raises
    ------
    InvalidOption
        An unknown option, or options for something that takes none.
    UnsupportedUrl
        What cannot be listed.
    MissingExtra
        It takes a package that is not installed.
    """
    options = dict(storage_options or {})
    if not isinstance(target, str):
        return _local(os.path.abspath(os.fspath(target)), options)
    if "::" in target and scheme_of(target.rpartition("::")[2]) is not None:
        return FsspecLister(target, options)
    scheme = scheme_of(target)
    if scheme is None or scheme == "file":
        return _local(target, options)
    if scheme in LISTERS:
        opener = imported(LISTERS[scheme])
        lister: Lister = opener(target, storage_options=options, settings=settings)
        return lister
    kind = store_kind(scheme)
    if kind is not None:
        return store_lister(parse(target, prefix=True), store_options(kind, options))
    if scheme in ("http", "https"):
        raise UnsupportedUrl(
            f"{printable(target)} cannot be listed: HTTP has no listings. Pass a list of URLs."
        )
    return FsspecLister(target, options)


def _local(path: str, options: Mapping[str, Any]) -> Lister:
    if options:
        raise InvalidOption("storage_options have no meaning for local files.")
    return LocalLister(path)
