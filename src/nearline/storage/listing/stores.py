"""Listers of S3, Google Cloud Storage and Azure, unsigned and signed."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote, urlencode

from nearline.errors import AccessDenied, InvalidOption
from nearline.storage.address import Address
from nearline.storage.http.source import Addressing
from nearline.storage.http.unsigned import (
    AZURE_HEADERS,
    GOOGLE,
    Fixed,
    azure_addressing,
    s3_addressing,
)
from nearline.storage.listing.answers import read_azure, read_google, read_s3
from nearline.storage.listing.listed import Lister, Page
from nearline.storage.listing.over_http import HttpLister
from nearline.storage.listing.prefix import Prefix, prefix_of
from nearline.storage.options import aws, azure, google
from nearline.storage.options.credentials import Credentials
from nearline.storage.options.spellings import AzureOptions, GcsOptions, S3Options
from nearline.storage.resolve import credentials_for, signed_first, unsigned
from nearline.storage.signed.stores import StoreOptions
from nearline.storage.source import Source

__all__ = ["store_lister"]


def store_lister(address: Address, options: StoreOptions) -> Lister:
    """Return the lister of a prefix, with the credentials found in this process.

    Parameters
    ----------
    address : Address
        Its key is the prefix.
    options : StoreOptions
        Of the same store.
    """
    if isinstance(options, AzureOptions):
        address = replace(address, account=azure.place(address, options).account)
    prefix = prefix_of(address.key)
    bucket = replace(address, key="")
    plain = _unsigned(bucket, prefix, options)
    credentials = credentials_for(address, options)
    if credentials is None:
        return plain
    if credentials.trouble and credentials.insisted:
        raise InvalidOption(credentials.trouble)
    return _SignedFirst(_signed(bucket, prefix, options, credentials), plain)


def _unsigned(bucket: Address, prefix: Prefix, options: StoreOptions) -> Lister:
    def open_key(key: str) -> Source:
        return unsigned(replace(bucket, key=key), options)

    if isinstance(options, S3Options):
        place = aws.place(options)

        def s3(after: str | None) -> Addressing:
            return s3_addressing(
                bucket.bucket,
                f"?{urlencode(_s3_query(prefix, after), quote_via=quote)}",
                endpoint=place.endpoint,
                region=place.region,
                addressing_style=options.addressing_style,
                use_ssl=options.use_ssl,
            )[0]

        return HttpLister(
            bucket.url, prefix, address=s3, read=read_s3, open_key=open_key, verify=options.verify
        )
    if isinstance(options, GcsOptions):
        base = google.endpoint(options) or GOOGLE
        base = base if "://" in base else f"https://{base}"

        def gcs(after: str | None) -> Addressing:
            query = {"prefix": prefix.whole, "maxResults": f"{_PER_PAGE}", "fields": _GOOGLE_FIELDS}
            if after is not None:
                query["pageToken"] = after
            name = quote(bucket.bucket, safe="")
            listing = urlencode(query, quote_via=quote)
            return Fixed(f"{base.rstrip('/')}/storage/v1/b/{name}/o?{listing}")

        return HttpLister(
            bucket.url,
            prefix,
            address=gcs,
            read=read_google,
            open_key=open_key,
            verify=options.verify,
        )
    where = azure.place(bucket, options)

    def az(after: str | None) -> Addressing:
        query = {"restype": "container", "comp": "list", "prefix": prefix.whole}
        query["maxresults"] = f"{_PER_PAGE}"
        if after is not None:
            query["marker"] = after
        target = f"?{urlencode(query, quote_via=quote)}"
        return azure_addressing(bucket.bucket, target, where.account, where.endpoint)

    return HttpLister(
        bucket.url,
        prefix,
        address=az,
        read=read_azure,
        open_key=open_key,
        headers=AZURE_HEADERS,
        verify=options.verify,
    )


_PER_PAGE = 1000
"""Objects; more than this no store gives at once."""

_GOOGLE_FIELDS = "kind,nextPageToken,items(name,size,generation,updated)"


def _s3_query(prefix: Prefix, after: str | None) -> dict[str, str]:
    # Keys may hold signs that XML cannot.
    query = {
        "list-type": "2",
        "encoding-type": "url",
        "max-keys": f"{_PER_PAGE}",
        "prefix": prefix.whole,
    }
    if after is not None:
        query["continuation-token"] = after
    return query


def _signed(
    bucket: Address, prefix: Prefix, options: StoreOptions, credentials: Credentials
) -> Lister:
    from nearline.storage.listing.signed import SignedLister
    from nearline.storage.signed.presign import Presigner
    from nearline.storage.signed.stores import describe

    def open_key(key: str) -> Source:
        return signed_first(replace(bucket, key=key), options, credentials)

    if credentials.trouble:
        return _Unusable(f"{bucket.url}{prefix.whole}", credentials.trouble)
    spec = describe(bucket, options, credentials)
    if bucket.kind != "s3" or credentials.provider is None:
        return SignedLister(bucket.url, prefix, spec, open_key)

    def presigned(after: str | None) -> Addressing:
        # Not through obstore, which fails over one key with '//' anywhere beneath the prefix.
        return Presigner(spec, "", None, _s3_query(prefix, after))

    return HttpLister(
        bucket.url,
        prefix,
        address=presigned,
        read=read_s3,
        open_key=open_key,
        verify=spec.verify,
    )


class _Unusable:
    """Stands where credentials were found that cannot be used here."""

    def __init__(self, url: str, trouble: str) -> None:
        self.url = url
        self._trouble = trouble

    def page(self, after: str | None, *, timeout: float) -> Page:  # noqa: ARG002
        raise AccessDenied(f"{self.url} cannot be listed: {self._trouble}")


class _SignedFirst:
    """Lists signed; where that is refused at first, once more unsigned, as objects are read."""

    def __init__(self, signed: Lister, plain: Lister) -> None:
        self.url = signed.url
        self._plain = plain
        self._chosen = signed

    def page(self, after: str | None, *, timeout: float) -> Page:
        if after is not None or self._chosen is self._plain:
            return self._chosen.page(after, timeout=timeout)
        refusal: AccessDenied
        try:
            return self._chosen.page(None, timeout=timeout)
        except AccessDenied as error:
            refusal = error
        try:
            page = self._plain.page(None, timeout=timeout)
        except AccessDenied:
            pass
        else:
            self._chosen = self._plain
            return page
        raise refusal
