"""Descriptions of signed stores, and the obstore stores built from them, shared by a process."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nearline.errors import InvalidOption, MissingExtra
from nearline.storage.address import Address, StoreKind
from nearline.storage.options import aws, azure, google
from nearline.storage.options.credentials import Credentials
from nearline.storage.options.spellings import AzureOptions, GcsOptions, S3Options
from nearline.storage.signed.fork import mark_used

__all__ = ["StoreOptions", "StoreSpec", "describe", "open_store"]

StoreOptions = S3Options | GcsOptions | AzureOptions


@dataclass(frozen=True, slots=True)
class StoreSpec:
    """One bucket, as read with one set of credentials.

    Attributes
    ----------
    endpoint : str or None
        None: the provider's own.
    region : str or None
        S3 only; None: not known yet.
    verify : bool or str
    config : tuple of (str, str)
        Further settings of obstore's store, without secrets.
    headers : tuple of (str, str)
    """

    kind: StoreKind
    bucket: str
    endpoint: str | None
    region: str | None
    verify: bool | str
    credentials: Credentials = field(repr=False)
    config: tuple[tuple[str, Any], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()

    def in_region(self, region: str) -> StoreSpec:
        """Return the same bucket in another region."""
        endpoint = self.endpoint
        if endpoint and self.region and _is_amazon(endpoint):
            endpoint = endpoint.replace(self.region, region)
        return replace(self, region=region, endpoint=endpoint)


def _is_amazon(endpoint: str) -> bool:
    return ".amazonaws.com" in endpoint


def describe(
    address: Address,
    options: StoreOptions,
    credentials: Credentials,
    environ: Mapping[str, str] = os.environ,
) -> StoreSpec:
    """Say which store an address means, from options and environment."""
    if isinstance(options, S3Options):
        place = aws.place(options, environ)
        region = place.region
        endpoint = place.endpoint
        if endpoint is None and not options.use_ssl:
            region = region or "us-east-1"
            endpoint = f"http://s3.{region}.amazonaws.com"
        elif endpoint is not None and "://" not in endpoint:
            endpoint = f"{'https' if options.use_ssl else 'http'}://{endpoint}"
        config: tuple[tuple[str, Any], ...] = ()
        if options.requester_pays:
            config += (("request_payer", True),)
        if options.addressing_style == "virtual":
            config += (("virtual_hosted_style_request", True),)
            if endpoint is not None:
                scheme, _, host = endpoint.partition("://")
                if not host.startswith(f"{address.bucket}."):
                    endpoint = f"{scheme}://{address.bucket}.{host}"
        return StoreSpec(
            "s3", address.bucket, endpoint, region, options.verify, credentials, config
        )
    if isinstance(options, GcsOptions):
        headers: tuple[tuple[str, str], ...] = ()
        if options.requester_pays and options.project:
            headers = (("x-goog-user-project", options.project),)
        return StoreSpec(
            "gs",
            address.bucket,
            google.endpoint(options, environ),
            None,
            options.verify,
            credentials,
            headers=headers,
        )
    where = azure.place(address, options, environ)
    return StoreSpec(
        "az",
        address.bucket,
        where.endpoint,
        None,
        options.verify,
        credentials,
        config=(("account_name", where.account),),
    )


def _build(spec: StoreSpec, timeout: float) -> Any:
    try:
        from obstore.store import AzureStore, GCSStore, S3Store
    except ImportError:
        raise MissingExtra(
            f"{spec.kind}://{spec.bucket} is read with credentials, which takes obstore: "
            'pip install "nearline[cloud]".'
        ) from None
    mark_used()
    client: dict[str, Any] = {
        "allow_http": bool(spec.endpoint and spec.endpoint.startswith("http://")),
        "connect_timeout": f"{max(1, round(timeout))}s",
        "read_timeout": f"{max(1, round(timeout))}s",
        # The whole of a long answer may take longer than any one wait within it.
        "timeout": "24h",
        "user_agent": "nearline",
    }
    if spec.verify is False:
        client["allow_invalid_certificates"] = True
    bundle = spec.verify if isinstance(spec.verify, str) else _bundle(spec.kind)
    if bundle:
        client["root_certificate"] = _read_bundle(bundle)
    if spec.headers:
        client["default_headers"] = dict(spec.headers)
    # The fetch engine is the one that repeats.
    common: dict[str, Any] = {"client_options": client, "retry_config": {"max_retries": 0}}
    settings: Any = {**dict(spec.config), **dict(spec.credentials.config)}
    settings["skip_signature"] = False
    if spec.credentials.provider is not None:
        common["credential_provider"] = spec.credentials.provider
    if spec.kind == "s3":
        settings["region"] = spec.region or "us-east-1"
        settings.setdefault("virtual_hosted_style_request", False)
        if spec.endpoint:
            settings["endpoint"] = spec.endpoint
        return S3Store(spec.bucket, config=settings, **common)
    if spec.kind == "gs":
        if spec.endpoint:
            settings["base_url"] = spec.endpoint
        return GCSStore(spec.bucket, config=settings, **common)
    if spec.endpoint:
        settings["endpoint"] = spec.endpoint
    return AzureStore(spec.bucket, config=settings, **common)


def _bundle(kind: StoreKind) -> str | None:
    names = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"]
    if kind == "s3":
        names.insert(0, "AWS_CA_BUNDLE")
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def _read_bundle(path: str) -> bytes:
    try:
        return Path(path).expanduser().read_bytes()
    except OSError:
        raise InvalidOption(f"The CA bundle {path} cannot be read.") from None


_MOST_STORES = 64
_stores: OrderedDict[tuple[StoreSpec, float], Any] = OrderedDict()
_lock = threading.Lock()


def open_store(spec: StoreSpec, timeout: float) -> Any:
    """Return the process's store for `spec`; its connections are shared by all objects in it.

    Raises
    ------
    MissingExtra
        obstore is not installed.
    InvalidOption
        The store refuses its configuration.
    """
    key = (spec, timeout)
    with _lock:
        store = _stores.get(key)
        if store is not None:
            _stores.move_to_end(key)
            return store
    try:
        store = _build(spec, timeout)
    except (MissingExtra, InvalidOption):
        raise
    except Exception as problem:  # noqa: BLE001 - its messages may quote secrets
        raise InvalidOption(
            f"{spec.kind}://{spec.bucket} cannot be opened with the credentials from "
            f"{spec.credentials.where} ({type(problem).__name__}): check endpoint, account and key."
        ) from None
    with _lock:
        store = _stores.setdefault(key, store)
        while len(_stores) > _MOST_STORES:
            _stores.popitem(last=False)
    return store


def _in_child() -> None:
    global _lock
    _lock = threading.Lock()
    _stores.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
