"""Azure Blob Storage: account, endpoint and credentials from all the usual places."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from nearline.errors import InvalidOption
from nearline.storage.address import Address
from nearline.storage.options.credentials import Credentials
from nearline.storage.options.metadata import azure_identity
from nearline.storage.options.spellings import AzureOptions

__all__ = ["AzurePlace", "find", "place"]

_EMULATOR_ACCOUNT = "devstoreaccount1"
# The key of every Azure storage emulator, published in its documentation.
_EMULATOR_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)


@dataclass(frozen=True, slots=True)
class AzurePlace:
    """Where the containers are.

    Attributes
    ----------
    account : str
    endpoint : str or None
        None: ``https://<account>.blob.core.windows.net``.
    """

    account: str
    endpoint: str | None


@dataclass(frozen=True, slots=True)
class _Identity:
    """A credential of azure-identity."""

    credential: Any = field(repr=False)

    def __call__(self) -> dict[str, Any]:
        try:
            token = self.credential.get_token("https://storage.azure.com/.default")
        except Exception as problem:  # noqa: BLE001 - any failure means no token
            raise PermissionError(
                f"azure-identity gave no token ({type(problem).__name__})"
            ) from None
        return {"token": token.token, "expires_at": datetime.fromtimestamp(token.expires_on, UTC)}


def _with_environment(options: AzureOptions, environ: Mapping[str, str]) -> AzureOptions:
    """Add what the environment and a connection string say, options first."""

    def variable(*names: str) -> str | None:
        return next((environ[name] for name in names if environ.get(name)), None)

    text = options.connection_string or (
        None if _has_key(options) else variable("AZURE_STORAGE_CONNECTION_STRING")
    )
    parts = _parts(text) if text else {}
    if parts.get("UseDevelopmentStorage", "").lower() == "true":
        parts.setdefault("AccountName", _EMULATOR_ACCOUNT)
        parts.setdefault("AccountKey", _EMULATOR_KEY)
        parts.setdefault("BlobEndpoint", f"http://127.0.0.1:10000/{_EMULATOR_ACCOUNT}")
    elif parts.get("EndpointSuffix") and parts.get("AccountName"):
        scheme = parts.get("DefaultEndpointsProtocol", "https")
        service = f"{parts['AccountName']}.blob.{parts['EndpointSuffix']}"
        parts.setdefault("BlobEndpoint", f"{scheme}://{service}")
    host = options.account_host
    named = f"https://{host}" if host and "://" not in host else host
    with_account = replace(
        options,
        account_name=options.account_name
        or parts.get("AccountName")
        or _account_of(parts.get("BlobEndpoint"))
        or variable("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT"),
        account_host=named or parts.get("BlobEndpoint") or None,
    )
    if _has_key(options):
        return with_account
    if parts:
        return replace(
            with_account,
            account_key=parts.get("AccountKey") or None,
            sas_token=parts.get("SharedAccessSignature") or None,
        )
    return replace(
        with_account,
        account_key=variable("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_KEY"),
        sas_token=variable("AZURE_STORAGE_SAS_TOKEN"),
        tenant_id=variable("AZURE_STORAGE_TENANT_ID", "AZURE_TENANT_ID"),
        client_id=variable("AZURE_STORAGE_CLIENT_ID", "AZURE_CLIENT_ID"),
        client_secret=variable("AZURE_STORAGE_CLIENT_SECRET", "AZURE_CLIENT_SECRET"),
    )


def _has_key(options: AzureOptions) -> bool:
    return bool(
        options.account_key or options.sas_token or options.client_secret or options.credential
    )


def _parts(text: str) -> dict[str, str]:
    pairs = [piece.partition("=") for piece in text.strip().split(";") if piece.strip()]
    if any(not separator for _, separator, _ in pairs):
        raise InvalidOption("The Azure connection string is not of the form Name=value;Name=value.")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _account_of(endpoint: str | None) -> str | None:
    if not endpoint:
        return None
    host, _, path = endpoint.partition("://")[2].partition("/")
    return path.strip("/") or host.split(".")[0] or None


def place(
    address: Address, options: AzureOptions, environ: Mapping[str, str] = os.environ
) -> AzurePlace:
    """Say which account and endpoint to use, by URL, options and environment.

    Raises
    ------
    InvalidOption
        Nothing names a storage account.
    """
    known = _with_environment(options, environ)
    account = address.account or known.account_name
    if not account:
        raise InvalidOption(
            f"{address.url} names no storage account: pass storage_options={{'account_name': …}} "
            "or set AZURE_STORAGE_ACCOUNT_NAME."
        )
    endpoint = known.account_host
    return AzurePlace(account, endpoint.rstrip("/") if endpoint else None)


def find(options: AzureOptions, environ: Mapping[str, str] = os.environ) -> Credentials | None:
    """Look for credentials in options, connection string, environment and metadata service."""
    passed = _has_key(options) or bool(options.connection_string)
    where = "storage_options" if passed else "the environment (AZURE_…)"
    known = _with_environment(options, environ)
    if known.credential is not None:
        return Credentials(where, provider=_Identity(known.credential), insisted=True)
    if known.account_key:
        return Credentials(where, (("account_key", known.account_key),), insisted=passed)
    if known.sas_token:
        token = known.sas_token.lstrip("?")
        until = parse_qs(token).get("se")
        lasting = f" (a SAS token valid until {until[0]})" if until else ""
        return Credentials(f"{where}{lasting}", (("sas_key", token),), insisted=passed)
    login = (
        ("tenant_id", known.tenant_id),
        ("client_id", known.client_id),
        ("client_secret", known.client_secret),
    )
    config = tuple((name, value) for name, value in login if value)
    if len(config) == len(login):
        return Credentials(where, config, insisted=passed)
    federated = environ.get("AZURE_FEDERATED_TOKEN_FILE")
    if federated and known.tenant_id and known.client_id:
        return Credentials(
            "the workload identity of this pod", (*config, ("federated_token_file", federated))
        )
    managed = azure_identity(environ)
    if managed is not None:
        return Credentials("Azure's managed identity", provider=managed)
    return None
