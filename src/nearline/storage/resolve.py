"""From what a user passed to the source of its bytes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nearline.errors import InvalidOption, UnsupportedUrl
from nearline.settings import IDC_BUCKETS, Settings
from nearline.storage.address import Address, StoreKind, parse, scheme_of, store_kind
from nearline.storage.http import HttpSource, unsigned_azure, unsigned_gcs, unsigned_s3
from nearline.storage.local import LocalSource
from nearline.storage.memory import MemorySource
from nearline.storage.openers import SOURCES, imported
from nearline.storage.options import aws, azure, google
from nearline.storage.options.credentials import Credentials
from nearline.storage.options.spellings import AzureOptions, GcsOptions, HttpOptions, S3Options
from nearline.storage.readers.filelike import from_filelike, is_filelike
from nearline.storage.signed.fallback import SignedFirst
from nearline.storage.signed.stores import StoreOptions
from nearline.storage.source import Source

__all__ = [
    "credentials_for",
    "reopen_store",
    "resolve",
    "signed_first",
    "store_options",
    "unsigned",
]


def resolve(
    target: Any,
    *,
    storage_options: Mapping[str, Any] | None = None,
    settings: Settings | None = None,
) -> Source:
    """Return the source that a target means; nothing is read yet.

    Parameters
    ----------
    target : str, path-like, bytes-like, file-like or Source
        A URL, a path, the content itself, or an open binary file.
    storage_options : mapping, optional
        As for fsspec and pandas. Without any, credentials are looked for in
        the usual places of the store; where there are none, objects are read
        unsigned.
    settings : Settings, optional

    Raises
    ------
    InvalidOption
        An unknown option, or options for something that takes none.
    UnsupportedUrl
        Nothing reads such a URL or object.
    MissingExtra
        It takes a package that is not installed.
    """
    options = dict(storage_options or {})
    if isinstance(target, os.PathLike):
        target = os.fspath(target)
        if isinstance(target, bytes):
            target = os.fsdecode(target)
        _no_options(options, "local files")
        return LocalSource(target)
    if isinstance(target, str):
        return _from_url(target, options, settings)
    if isinstance(target, Source):
        _no_options(options, "sources")
        return target
    _no_options(options, "open files and bytes")
    if isinstance(target, (bytes, bytearray, memoryview)):
        return MemorySource(target)
    source = getattr(getattr(target, "reader", None), "source", None)
    if isinstance(source, Source):
        # A file of our own: its reader knows better than any wrapper.
        return source
    if is_filelike(target):
        return from_filelike(target)
    raise UnsupportedUrl(
        f"A {type(target).__name__} is neither a URL, a path, bytes nor an object with read and "
        "seek."
    )


def _no_options(options: Mapping[str, Any], subject: str) -> None:
    if options:
        raise InvalidOption(f"storage_options have no meaning for {subject}.")


def _from_url(url: str, options: dict[str, Any], settings: Settings | None) -> Source:
    if "::" in url and scheme_of(url.rpartition("::")[2]) is not None:
        return _from_fsspec(url, options)
    scheme = scheme_of(url)
    if scheme is None or scheme == "file":
        _no_options(options, "local files")
        return LocalSource(url)
    if scheme in SOURCES:
        source: Source = imported(SOURCES[scheme])(url, storage_options=options, settings=settings)
        return source
    kind = store_kind(scheme)
    if kind is not None:
        return reopen_store(parse(url), store_options(kind, options))
    if scheme in ("http", "https"):
        return _from_http(url, HttpOptions.parse(options))
    return _from_fsspec(url, options)


def store_options(kind: StoreKind, options: Mapping[str, Any]) -> StoreOptions:
    """Read `storage_options` as those of one kind of store."""
    if kind == "s3":
        return S3Options.parse(options)
    return GcsOptions.parse(options) if kind == "gs" else AzureOptions.parse(options)


def _from_fsspec(url: str, options: Mapping[str, Any]) -> Source:
    from nearline.storage.readers.fsspec import open_fsspec

    return open_fsspec(url, options)


def _from_http(url: str, options: HttpOptions) -> Source:
    return HttpSource(
        url,
        headers=dict(options.headers),
        user=options.user,
        password=options.password,
        verify=options.verify,
    )


def reopen_store(address: Address, options: StoreOptions) -> Source:
    """Return the source of a store's object, with the credentials found in this process."""
    if isinstance(options, AzureOptions):
        # Containers are unique within an account only.
        address = replace(address, account=azure.place(address, options).account)
    credentials = credentials_for(address, options)
    if credentials is None:
        return unsigned(address, options)
    return signed_first(address, options, credentials)


def credentials_for(address: Address, options: StoreOptions) -> Credentials | None:
    """Return what a bucket is read with; None: unsigned."""
    if options.anon:
        return None
    credentials = _find(options)
    if credentials is not None and not credentials.insisted and _surely_public(address):
        # Signing would put what everyone may read among what only some may.
        return None
    return credentials


def _find(options: StoreOptions) -> Credentials | None:
    if isinstance(options, S3Options):
        return aws.find(options)
    if isinstance(options, GcsOptions):
        return google.find(options)
    return azure.find(options)


def _surely_public(address: Address) -> bool:
    return address.kind in ("s3", "gs") and address.bucket in IDC_BUCKETS


def signed_first(address: Address, options: StoreOptions, credentials: Credentials) -> Source:
    """Return the source of an object read with credentials, and unsigned where they are refused."""
    from nearline.storage.signed.source import SignedSource
    from nearline.storage.signed.unusable import Unusable

    if credentials.trouble:
        if credentials.insisted:
            raise InvalidOption(credentials.trouble)
        signed: Source = Unusable(address, options, credentials, reopen_store)
    else:
        signed = SignedSource(address, options, credentials, reopen_store)
    return SignedFirst(signed, lambda: unsigned(address, options))


def unsigned(address: Address, options: StoreOptions) -> Source:
    """Return the source of an object read without credentials."""
    if isinstance(options, S3Options):
        place = aws.place(options)
        return unsigned_s3(
            address.bucket,
            address.key,
            version_id=address.version or options.version_id,
            endpoint=place.endpoint,
            region=place.region,
            addressing_style=options.addressing_style,
            use_ssl=options.use_ssl,
            requester_pays=options.requester_pays,
            verify=options.verify,
        )
    if isinstance(options, GcsOptions):
        return unsigned_gcs(
            address.bucket,
            address.key,
            generation=address.version or options.generation,
            endpoint=google.endpoint(options),
            verify=options.verify,
        )
    where = azure.place(address, options)
    return unsigned_azure(
        address.bucket,
        address.key,
        account=where.account,
        endpoint=where.endpoint,
        verify=options.verify,
    )
