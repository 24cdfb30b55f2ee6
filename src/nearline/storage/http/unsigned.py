"""Public objects of S3, Google Cloud Storage and Azure, read by plain HTTP GETs."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlsplit

from nearline.errors import InvalidOption, UnsupportedUrl
from nearline.storage.address import Address
from nearline.storage.http.connections import Verify
from nearline.storage.http.refusal import Refusal
from nearline.storage.http.source import Addressing, HttpSource
from nearline.storage.url import identity

__all__ = [
    "AZURE_HEADERS",
    "GOOGLE",
    "AddressingStyle",
    "azure_addressing",
    "s3_addressing",
    "unsigned_azure",
    "unsigned_gcs",
    "unsigned_s3",
]

AddressingStyle = Literal["auto", "path", "virtual"]

_PLAIN_BUCKET = re.compile(r"[a-z0-9][a-z0-9\-]{1,61}[a-z0-9]")
"""Bucket names that can be part of a host under Amazon's certificate: no dots, no capitals."""

_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d")

_AMAZON = re.compile(
    r"(?:s3|s3\.dualstack)(?:[.\-]([a-z]{2}(?:-[a-z]+)+-\d))?\.amazonaws\.com(?:\.cn)?"
)

GOOGLE = "https://storage.googleapis.com"

AZURE_HEADERS = {"x-ms-version": "2021-08-06"}
"""Without it an anonymous request is answered as in 2009: unquoted ETags, no open ranges."""


def unsigned_s3(
    bucket: str,
    key: str,
    *,
    version_id: str | None = None,
    endpoint: str | None = None,
    region: str | None = None,
    addressing_style: AddressingStyle = "auto",
    use_ssl: bool = True,
    requester_pays: bool = False,
    verify: Verify = True,
) -> HttpSource:
    """Return a source for a public object of Amazon S3 or of a server like it.

    Parameters
    ----------
    bucket, key : str
        As they are; nothing in the key is taken for an escape.
    version_id : str, optional
        A version other than the newest.
    endpoint : str, optional
        Another server, with or without ``https://``; addressed by path.
    region : str, optional
        Of the bucket, if known; otherwise the first answer tells it.
    addressing_style : {"auto", "path", "virtual"}
        Whether the bucket stands in the path or in the host.
    use_ssl : bool
        Where `endpoint` does not say.
    requester_pays : bool
        Impossible here: someone must be named who pays.
    verify : bool or str
        See `HttpSource`.

    Raises
    ------
    InvalidOption
        `requester_pays` without credentials.
    """
    if requester_pays:
        raise InvalidOption(
            f"s3://{bucket} with requester_pays=True takes credentials: S3 has to know who pays."
        )
    target = quote(key, safe="/~")
    if version_id is not None:
        target += f"?versionId={quote(version_id, safe='')}"
    addressing, endpoint = s3_addressing(
        bucket,
        target,
        endpoint=endpoint,
        region=region,
        addressing_style=addressing_style,
        use_ssl=use_ssl,
    )
    address = Address("s3", bucket, key, version_id)
    return _source(address, addressing, endpoint=endpoint, verify=verify)


def s3_addressing(
    bucket: str,
    target: str,
    *,
    endpoint: str | None,
    region: str | None,
    addressing_style: AddressingStyle,
    use_ssl: bool,
) -> tuple[Addressing, str | None]:
    """Return how a target within a bucket is addressed, and the endpoint if it is not Amazon's.

    Parameters
    ----------
    target : str
        What follows the bucket, percent-encoded: a key, a query.
    endpoint, region, addressing_style, use_ssl
        As in `unsigned_s3`.
    """
    scheme = "https" if use_ssl else "http"
    if endpoint is not None and "://" not in endpoint:
        endpoint = f"{scheme}://{endpoint}"
    if endpoint is not None:
        parts = urlsplit(endpoint)
        amazon = _AMAZON.fullmatch((parts.hostname or "").lower())
        if amazon and parts.path in ("", "/"):
            scheme, region, endpoint = parts.scheme, region or amazon[1], None
    if endpoint is not None:
        virtual = addressing_style == "virtual"
        return Fixed(_at_endpoint(endpoint, bucket, target, virtual=virtual)), endpoint
    if region is not None and _REGION.fullmatch(region):
        _regions.suppose(bucket, region)
    return _AmazonS3(bucket, target, scheme, addressing_style), None


def unsigned_gcs(
    bucket: str,
    key: str,
    *,
    generation: str | None = None,
    endpoint: str | None = None,
    verify: Verify = True,
) -> HttpSource:
    """Return a source for a public object of Google Cloud Storage, by its XML interface.

    Parameters
    ----------
    bucket, key : str
        As they are.
    generation : str, optional
        Read this generation, whichever is the newest.
    endpoint : str, optional
        Another server.
    verify : bool or str
        See `HttpSource`.
    """
    target = quote(key, safe="/~")
    if generation is not None:
        target += f"?generation={quote(generation, safe='')}"
    address = Address("gs", bucket, key, generation)
    base = endpoint or GOOGLE
    addressing = Fixed(_at_endpoint(base, bucket, target))
    return _source(address, addressing, endpoint=endpoint, verify=verify)


def unsigned_azure(
    container: str,
    blob: str,
    *,
    account: str,
    endpoint: str | None = None,
    verify: Verify = True,
) -> HttpSource:
    """Return a source for a public blob of Azure.

    Parameters
    ----------
    container, blob : str
        As they are.
    account : str
        Storage account.
    endpoint : str, optional
        Base URL of another server, the account in it if it wants one.
    verify : bool or str
        See `HttpSource`.
    """
    address = Address("az", container, blob, account=account)
    addressing = azure_addressing(container, quote(blob, safe="/~"), account, endpoint)
    return _source(
        address, addressing, endpoint=endpoint, verify=verify, headers=dict(AZURE_HEADERS)
    )


def azure_addressing(container: str, target: str, account: str, endpoint: str | None) -> Addressing:
    """Return how a target within a container (percent-encoded) is addressed."""
    base = endpoint or f"https://{account}.blob.core.windows.net"
    return Fixed(_at_endpoint(base, container, target))


def _at_endpoint(endpoint: str, bucket: str, target: str, *, virtual: bool = False) -> str:
    base = (endpoint if "://" in endpoint else f"https://{endpoint}").rstrip("/")
    if virtual:
        scheme, _, rest = base.partition("://")
        return f"{scheme}://{bucket}.{rest}/{target}"
    # The bucket itself, with a query: some servers take the slash for the start of a key.
    slash = "" if target.startswith("?") else "/"
    return f"{base}/{quote(bucket, safe='$')}{slash}{target}"


@dataclass(frozen=True, slots=True)
class Fixed:
    """An address that no answer changes; redirects are followed as they come."""

    address: str

    def url(self) -> str:
        """Return it."""
        return self.address

    def learn(self, _refusal: Refusal) -> None:
        """Learn nothing."""


@dataclass(frozen=True, slots=True)
class _AmazonS3:
    """An object of Amazon's own S3, in whichever region its bucket turns out to be."""

    bucket: str
    target: str
    scheme: str
    style: AddressingStyle

    def url(self) -> str:
        region = _regions.of(self.bucket)
        host = "s3.amazonaws.com" if region is None else f"s3.{region}.amazonaws.com"
        if region is not None and region.startswith("cn-"):
            host += ".cn"
        plain = _PLAIN_BUCKET.fullmatch(self.bucket) is not None
        if self.style == "virtual" or (self.style == "auto" and plain):
            return f"{self.scheme}://{self.bucket}.{host}/{self.target}"
        slash = "" if self.target.startswith("?") else "/"
        return f"{self.scheme}://{host}/{quote(self.bucket, safe='')}{slash}{self.target}"

    def learn(self, refusal: Refusal) -> None:
        # A 403 or 404 names the region too, and is none the better for being asked again.
        if refusal.region is not None and refusal.status in (301, 302, 307, 308, 400):
            _regions.learn(self.bucket, refusal.region)


class _Regions:
    """Where buckets are, as far as this process has been told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, str] = {}

    def of(self, bucket: str) -> str | None:
        return self._known.get(bucket)

    def suppose(self, bucket: str, region: str) -> None:
        """Take a caller's word until a server says otherwise."""
        with self._lock:
            self._known.setdefault(bucket, region)

    def learn(self, bucket: str, region: str) -> None:
        """Remember what a server said."""
        with self._lock:
            self._known[bucket] = region


_regions = _Regions()


def _source(
    address: Address,
    addressing: Addressing,
    *,
    verify: Verify,
    endpoint: str | None = None,
    headers: dict[str, str] | None = None,
) -> HttpSource:
    if not address.bucket or not address.key:
        raise UnsupportedUrl(f"{address.url} does not name an object.")
    return HttpSource(
        addressing.url(),
        verify=verify,
        shown=address.url,
        identity=identity(address.url, signed=False, endpoint=endpoint),
        addressing=addressing,
        public_headers=headers,
    )
