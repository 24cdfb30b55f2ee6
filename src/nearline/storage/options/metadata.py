"""Credentials that a machine, a container or a function has of its cloud, asked for over HTTP."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from nearline.errors import InvalidOption
from nearline.storage.options.credentials import machine, read_text

__all__ = [
    "AwsContainer",
    "AwsMachine",
    "AzureIdentity",
    "GoogleMachine",
    "aws_container",
    "aws_machine",
    "azure_identity",
    "google_machine",
]

_TIMEOUT_S = 5.0
_ATTEMPTS = 3

_LINK_LOCAL = "http://169.254.169.254"
_LINK_LOCAL_6 = "http://[fd00:ec2::254]"
_CONTAINERS = "http://169.254.170.2"
_CONTAINER_HOSTS = frozenset(["localhost", "169.254.170.2", "169.254.170.23", "fd00:ec2::23"])
"""Where the token of a container may be sent without TLS, besides loopback addresses."""


def _ask(
    url: str, what: str, *, method: str = "GET", headers: Mapping[str, str] | None = None
) -> str:
    """Ask a service that is at most one hop away; its answers are not for proxies to see."""
    import urllib3

    said = ""
    for _ in range(_ATTEMPTS):
        try:
            answer = urllib3.request(
                method, url, headers=dict(headers or {}), timeout=_TIMEOUT_S,
                retries=False, redirect=False,
            )  # fmt: skip
        except urllib3.exceptions.HTTPError as problem:
            said = type(problem).__name__
            continue
        if answer.status == 200:
            return answer.data.decode("utf-8", "replace")
        said = f"HTTP {answer.status}"
        if answer.status < 500 and answer.status != 429:
            break
    raise PermissionError(f"{what} gave no credentials ({said})")


def _parsed(text: str, what: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
        if not isinstance(found, dict):
            raise ValueError
    except ValueError:
        raise PermissionError(f"{what} gave no credentials (no JSON)") from None
    return found


# --- Amazon --------------------------------------------------------------------------------


def _aws_keys(text: str, what: str) -> dict[str, Any]:
    found = _parsed(text, what)
    try:
        return {
            "access_key_id": found["AccessKeyId"],
            "secret_access_key": found["SecretAccessKey"],
            "token": found.get("Token"),
            "expires_at": datetime.fromisoformat(found["Expiration"]),
        }
    except (KeyError, TypeError, ValueError):
        said = found.get("Message") or found.get("Code") or "an answer without keys"
        raise PermissionError(f"{what} gave no credentials ({said})") from None


@dataclass(frozen=True, slots=True)
class AwsMachine:
    """The role of an EC2 machine, from its instance metadata service, version 2."""

    endpoint: str

    def __call__(self) -> dict[str, Any]:
        """Return keys that last a while."""
        what = "the metadata service of this machine"
        token = _ask(
            f"{self.endpoint}/latest/api/token",
            what,
            method="PUT",
            headers={"X-aws-ec2-metadata-token-ttl-seconds": "300"},
        )
        headers = {"X-aws-ec2-metadata-token": token}
        roles = f"{self.endpoint}/latest/meta-data/iam/security-credentials/"
        role = _ask(roles, what, headers=headers).split("\n")[0].strip()
        return _aws_keys(_ask(roles + role, what, headers=headers), what)


@dataclass(frozen=True, slots=True)
class AwsContainer:
    """The role of an ECS task or an EKS pod."""

    url: str
    token: str = field(default="", repr=False)
    token_file: str = ""

    def __call__(self) -> dict[str, Any]:
        """Return keys that last a while; the file with the token is read each time."""
        what = "the metadata service of this container"
        token = self.token
        if self.token_file:
            token = (read_text(Path(self.token_file)) or "").strip()
        headers = {"Accept": "application/json"}
        if token:
            headers["Authorization"] = token
        return _aws_keys(_ask(self.url, what, headers=headers), what)


def aws_container(environ: Mapping[str, str]) -> AwsContainer | None:
    """Return what the environment of a container names.

    Raises
    ------
    InvalidOption
        A token would be sent to another host in the clear.
    """
    relative = environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
    url = environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    if relative:
        url = f"{_CONTAINERS}{relative}"
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme != "https" and not _is_near(parts.hostname or ""):
        raise InvalidOption(
            f"AWS_CONTAINER_CREDENTIALS_FULL_URI names {parts.hostname}, which is neither this "
            "machine nor reached by https."
        )
    return AwsContainer(
        url,
        environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", ""),
        environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", ""),
    )


def _is_near(host: str) -> bool:
    if host in _CONTAINER_HOSTS:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def aws_machine(environ: Mapping[str, str]) -> AwsMachine | None:
    """Return the metadata service of a machine of EC2; None on others."""
    if environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return None
    named = environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT")
    if named:
        return AwsMachine(named.rstrip("/"))
    if machine(environ) != "aws":
        return None
    six = environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "").lower() == "ipv6"
    return AwsMachine(_LINK_LOCAL_6 if six else _LINK_LOCAL)


# --- Google, Azure ----------------------------------------------------------------------------


def _bearer(text: str, what: str) -> dict[str, Any]:
    found = _parsed(text, what)
    try:
        now = datetime.now(UTC)
        if "expires_in" in found:
            expires = now + timedelta(seconds=float(found["expires_in"]))
        else:
            expires = datetime.fromtimestamp(float(found["expires_on"]), UTC)
        return {"token": found["access_token"], "expires_at": expires}
    except (KeyError, TypeError, ValueError):
        raise PermissionError(f"{what} gave no credentials (an answer without token)") from None


@dataclass(frozen=True, slots=True)
class GoogleMachine:
    """The service account of a machine of Google's cloud."""

    host: str

    def __call__(self) -> dict[str, Any]:
        """Return a token that lasts a while."""
        what = "Google's metadata service"
        path = "computeMetadata/v1/instance/service-accounts/default/token"
        headers = {"Metadata-Flavor": "Google"}
        return _bearer(_ask(f"http://{self.host}/{path}", what, headers=headers), what)


def google_machine(environ: Mapping[str, str], *, insisted: bool = False) -> GoogleMachine | None:
    """Return the metadata service; None on machines that are not Google's, unless insisted on."""
    named = environ.get("GCE_METADATA_HOST") or environ.get("GCE_METADATA_ROOT")
    if environ.get("NO_GCE_CHECK", "").lower() == "true" and not insisted:
        return None
    if named or insisted or machine(environ) == "gce":
        return GoogleMachine(named or "metadata.google.internal")
    return None


@dataclass(frozen=True, slots=True)
class AzureIdentity:
    """The managed identity of a machine, or of an app or function."""

    endpoint: str
    client_id: str = ""
    secret: str = field(default="", repr=False)

    def __call__(self) -> dict[str, Any]:
        """Return a token that lasts a while."""
        what = "Azure's managed identity"
        query = {"api-version": "2019-08-01" if self.secret else "2018-02-01"}
        query["resource"] = "https://storage.azure.com/"
        if self.client_id:
            query["client_id"] = self.client_id
        headers = {"X-IDENTITY-HEADER": self.secret} if self.secret else {"Metadata": "true"}
        return _bearer(_ask(f"{self.endpoint}?{urlencode(query)}", what, headers=headers), what)


def azure_identity(environ: Mapping[str, str]) -> AzureIdentity | None:
    """Return the managed identity; None on machines that are not Azure's."""
    client_id = environ.get("AZURE_CLIENT_ID", "")
    endpoint, secret = environ.get("IDENTITY_ENDPOINT"), environ.get("IDENTITY_HEADER", "")
    if endpoint:
        return AzureIdentity(endpoint, client_id, secret)
    named = environ.get("AZURE_POD_IDENTITY_AUTHORITY_HOST")
    if named or machine(environ) == "azure":
        host = (named or _LINK_LOCAL).rstrip("/")
        return AzureIdentity(f"{host}/metadata/identity/oauth2/token", client_id)
    return None
