"""Addresses of objects in the three cloud stores, as people write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from nearline.errors import UnsupportedUrl

__all__ = ["Address", "StoreKind", "parse", "scheme_of", "store_kind"]

StoreKind = Literal["s3", "gs", "az"]

_KINDS: dict[str, StoreKind] = {
    "s3": "s3",
    "s3a": "s3",
    "s3n": "s3",
    "gs": "gs",
    "gcs": "gs",
    "az": "az",
    "azure": "az",
    "abfs": "az",
    "abfss": "az",
    "wasb": "az",
    "wasbs": "az",
}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_ACCOUNT = re.compile(r"([^.@]+)(\.(?:dfs|blob)\.[A-Za-z0-9.-]+)?\Z")


@dataclass(frozen=True, slots=True)
class Address:
    """One object of one store; the key is taken literally, never percent-decoded.

    Attributes
    ----------
    kind : {"s3", "gs", "az"}
    bucket : str
        Bucket or container.
    key : str
    version : str or None
        S3 version id (``?versionId=``) or GCS generation (``#123``) that the
        URL names; None for the newest.
    account : str or None
        Azure storage account named in the URL (``container@account.dfs...``).
    """

    kind: StoreKind
    bucket: str
    key: str
    version: str | None = None
    account: str | None = None

    @property
    def url(self) -> str:
        """The address in its one normal spelling."""
        host = f"{self.bucket}@{self.account}" if self.account else self.bucket
        url = f"{self.kind}://{host}/{self.key}"
        if self.version is None:
            return url
        return f"{url}{'#' if self.kind == 'gs' else '?versionId='}{self.version}"


def scheme_of(url: str) -> str | None:
    """Return the scheme in lower case, or None for what is a path."""
    match = _SCHEME.match(url)
    return match[1].lower() if match else None


def store_kind(scheme: str) -> StoreKind | None:
    """Return which store a scheme belongs to, or None."""
    return _KINDS.get(scheme)


def parse(url: str, *, prefix: bool = False) -> Address:
    """Split a store's URL.

    Parameters
    ----------
    url : str
    prefix : bool
        It names what keys begin with, perhaps nothing, and no version.

    Raises
    ------
    UnsupportedUrl
        The bucket or the key is missing.
    """
    scheme, _, rest = url.partition("://")
    kind = _KINDS[scheme.lower()]
    bucket, _, key = rest.partition("/")
    account = version = None
    if kind == "s3" and not prefix:
        named = re.search(r"\?versionId=([^&?/]+)\Z", key)
        if named:
            key, version = key[: named.start()], named[1]
    elif kind == "gs" and not prefix:
        named = re.search(r"#(\d+)\Z", key)
        if named:
            key, version = key[: named.start()], named[1]
    elif kind == "az" and "@" in bucket:
        bucket, _, host = bucket.partition("@")
        found = _ACCOUNT.match(host)
        if not found:
            raise UnsupportedUrl(f"{scheme}://{bucket}@{host}/… does not name a storage account.")
        account = found[1]
    if not bucket or not (key or prefix):
        raise UnsupportedUrl(
            f"{scheme}://{rest} does not name an object: write {kind}://bucket/key."
        )
    return Address(kind, bucket, key, version, account)
