"""Amazon S3 and its like: credentials, region and endpoint from all the usual places."""

from __future__ import annotations

import configparser
import importlib
import importlib.util
import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from nearline.errors import InvalidOption
from nearline.storage.options import metadata
from nearline.storage.options.credentials import Credentials
from nearline.storage.options.spellings import S3Options

__all__ = ["S3Place", "find", "place"]


@dataclass(frozen=True, slots=True)
class _Fixed:
    """A key pair that does not change."""

    key: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)

    def __call__(self) -> dict[str, Any]:
        return {
            "access_key_id": self.key,
            "secret_access_key": self.secret,
            "token": self.token,
            "expires_at": None,
        }


@dataclass(frozen=True, slots=True)
class _Process:
    """The `credential_process` of a profile: a program that prints credentials as JSON."""

    command: str = field(repr=False)
    profile: str

    def __call__(self) -> dict[str, Any]:
        import subprocess

        try:
            done = subprocess.run(  # noqa: S603 - the user's own configuration names the program
                shlex.split(self.command), capture_output=True, check=True, timeout=60
            )
            found = json.loads(done.stdout)
            expires = found.get("Expiration")
            return {
                "access_key_id": found["AccessKeyId"],
                "secret_access_key": found["SecretAccessKey"],
                "token": found.get("SessionToken"),
                "expires_at": datetime.fromisoformat(expires) if expires else None,
            }
        except (OSError, subprocess.SubprocessError, ValueError, KeyError, AttributeError):
            raise PermissionError(
                f"the credential_process of AWS profile {self.profile!r} gave no credentials"
            ) from None


class _Botocore:
    """Profiles that take a log-in service (assumed roles, SSO), left to botocore."""

    def __init__(self, profile: str) -> None:
        self.profile = profile
        self._credentials: Any = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Botocore) and other.profile == self.profile

    def __hash__(self) -> int:
        return hash((_Botocore, self.profile))

    def __call__(self) -> dict[str, Any]:
        botocore_session = importlib.import_module("botocore.session")
        try:
            if self._credentials is None:
                session = botocore_session.Session(profile=self.profile)
                self._credentials = session.get_credentials()
            frozen = self._credentials.get_frozen_credentials()
        except Exception as problem:  # noqa: BLE001 - botocore's tree has no useful root
            raise PermissionError(
                f"AWS profile {self.profile!r} gave no credentials "
                f"({type(problem).__name__}): log in again with 'aws sso login --profile "
                f"{self.profile}' or check its role_arn"
            ) from None
        expires = getattr(self._credentials, "_expiry_time", None)
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            "expires_at": expires.astimezone(UTC) if expires else None,
        }


@dataclass(frozen=True, slots=True)
class S3Place:
    """Where the buckets are.

    Attributes
    ----------
    endpoint : str or None
        None: Amazon's own.
    region : str or None
        None: not told.
    """

    endpoint: str | None
    region: str | None


def find(options: S3Options, environ: Mapping[str, str] = os.environ) -> Credentials | None:
    """Look for credentials in the order that boto3 documents; None if there are none.

    The options, the environment, the profile files, a web identity, a
    container's and lastly a machine's metadata service, each only where its
    traces are found locally: no network is touched.

    Raises
    ------
    InvalidOption
        `options.profile` names a profile that is in no file.
    """
    if options.key and options.secret:
        fixed = _Fixed(options.key, options.secret, options.token)
        return Credentials("storage_options", provider=fixed, insisted=True)
    key, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if not options.profile and key and secret:
        fixed = _Fixed(key, secret, environ.get("AWS_SESSION_TOKEN"))
        return Credentials("the environment (AWS_ACCESS_KEY_ID)", provider=fixed)
    found = _from_web_identity(environ) if not options.profile else None
    found = found or _from_profile(options, environ)
    if found is None and options.profile:
        raise InvalidOption(
            f"Profile {options.profile!r} holds no credentials; the files searched are "
            f"{_credentials_file(environ)} and {_config_file(environ)}."
        )
    return found or _from_metadata(environ)


def place(options: S3Options, environ: Mapping[str, str] = os.environ) -> S3Place:
    """Say which endpoint and region to use, by options, environment and profile."""
    profile = _section(options.profile or _profile_name(environ), environ)
    endpoint = (
        options.endpoint_url
        or environ.get("AWS_ENDPOINT_URL_S3")
        or environ.get("AWS_ENDPOINT_URL")
        or profile.get("endpoint_url")
    )
    region = (
        options.region
        or environ.get("AWS_REGION")
        or environ.get("AWS_DEFAULT_REGION")
        or profile.get("region")
    )
    return S3Place(endpoint.rstrip("/") if endpoint else None, region)


def _profile_name(environ: Mapping[str, str]) -> str:
    return environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE") or "default"


def _home(environ: Mapping[str, str]) -> Path:
    home = environ.get("HOME")
    return Path(home) if home else Path("~").expanduser()


def _credentials_file(environ: Mapping[str, str]) -> Path:
    named = environ.get("AWS_SHARED_CREDENTIALS_FILE")
    return Path(named).expanduser() if named else _home(environ) / ".aws" / "credentials"


def _config_file(environ: Mapping[str, str]) -> Path:
    named = environ.get("AWS_CONFIG_FILE")
    return Path(named).expanduser() if named else _home(environ) / ".aws" / "config"


def _section(name: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what both files say of a profile; the credentials file wins."""
    merged: dict[str, str] = {}
    config_name = name if name == "default" else f"profile {name}"
    for path, section in ((_config_file(environ), config_name), (_credentials_file(environ), name)):
        try:
            info = path.stat()
        except OSError:
            continue
        # A series of a thousand objects asks a thousand times.
        parser = _parsed(path, (info.st_ino, info.st_mtime_ns, info.st_size))
        if parser.has_section(section):
            merged.update(parser.items(section))
    return merged


@lru_cache(maxsize=4)
def _parsed(path: Path, _state: tuple[int, int, int]) -> configparser.RawConfigParser:
    """Return the sections of a file in this state; none of one that cannot be read."""
    parser = configparser.RawConfigParser(strict=False, default_section="")
    try:
        parser.read(path, encoding="utf-8")
    except (OSError, configparser.Error, UnicodeDecodeError):
        return configparser.RawConfigParser()
    return parser


def _from_profile(options: S3Options, environ: Mapping[str, str]) -> Credentials | None:
    name = options.profile or _profile_name(environ)
    section = _section(name, environ)
    insisted = bool(options.profile)
    where = f"profile {name!r}"
    if "role_arn" in section or any(option.startswith("sso_") for option in section):
        if importlib.util.find_spec("botocore"):
            return Credentials(where, provider=_Botocore(name), insisted=insisted)
        kind = "assumes a role" if "role_arn" in section else "logs in by SSO"
        trouble = (
            f"AWS profile {name!r} {kind}, which takes botocore: run 'pip install boto3', or "
            f"put temporary keys into the environment with 'eval \"$(aws configure "
            f"export-credentials --profile {name} --format env)\"'."
        )
        return Credentials(where, trouble=trouble, insisted=insisted)
    key, secret = section.get("aws_access_key_id"), section.get("aws_secret_access_key")
    if key and secret:
        fixed = _Fixed(key, secret, section.get("aws_session_token"))
        return Credentials(where, provider=fixed, insisted=insisted)
    command = section.get("credential_process")
    if command:
        return Credentials(where, provider=_Process(command, name), insisted=insisted)
    return None


def _from_web_identity(environ: Mapping[str, str]) -> Credentials | None:
    token, role = environ.get("AWS_WEB_IDENTITY_TOKEN_FILE"), environ.get("AWS_ROLE_ARN")
    if not (token and role):
        return None
    config = {"web_identity_token_file": token, "role_arn": role}
    if name := environ.get("AWS_ROLE_SESSION_NAME"):
        config["role_session_name"] = name
    return Credentials("the web identity of this pod", tuple(config.items()))


def _from_metadata(environ: Mapping[str, str]) -> Credentials | None:
    where = "the container's metadata service"
    try:
        container = metadata.aws_container(environ)
    except InvalidOption as refusal:
        return Credentials(where, trouble=str(refusal))
    if container is not None:
        return Credentials(where, provider=container)
    machine = metadata.aws_machine(environ)
    if machine is not None:
        return Credentials("the machine's metadata service", provider=machine)
    return None
