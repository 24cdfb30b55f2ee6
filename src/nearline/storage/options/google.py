"""Google Cloud Storage: credentials and endpoint from all the usual places."""

from __future__ import annotations

import importlib
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from nearline.errors import InvalidOption
from nearline.storage.options.credentials import Credentials, read_text
from nearline.storage.options.metadata import google_machine
from nearline.storage.options.spellings import GcsOptions

__all__ = ["endpoint", "find"]

_TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
_SCOPE = "https://www.googleapis.com/auth/devstorage.read_only"


@dataclass(frozen=True, slots=True)
class _Bearer:
    """A token that someone else obtained."""

    token: str = field(repr=False)

    def __call__(self) -> dict[str, Any]:
        return {"token": self.token, "expires_at": None}


class _GoogleAuth:
    """A credentials object of google-auth, refreshed by google-auth."""

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials
        self._lock = threading.Lock()

    def __call__(self) -> dict[str, Any]:
        from google.auth.transport.requests import Request

        with self._lock:
            try:
                if not self._credentials.valid:
                    self._credentials.refresh(Request())
            except Exception as problem:  # noqa: BLE001 - any failure means no token
                raise PermissionError(
                    f"google-auth gave no token ({type(problem).__name__})"
                ) from None
            expires = self._credentials.expiry
            if expires is not None and expires.tzinfo is None:
                expires = expires.replace(tzinfo=UTC)
            return {"token": self._credentials.token, "expires_at": expires}


@dataclass(frozen=True, slots=True)
class _Refresh:
    """The log-in that 'gcloud auth application-default login' left behind."""

    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    token_uri: str

    def __call__(self) -> dict[str, Any]:
        import urllib3

        form = {
            "grant_type": "refresh_token",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "refresh_token": self.refresh_token,
        }
        try:
            answer = urllib3.request(
                "POST",
                self.token_uri,
                body=urlencode(form),
                headers={"Content-Type": "application/x-www-form-urlencoded"},
                timeout=30.0,
            )
            found = json.loads(answer.data)
            lifetime = timedelta(seconds=float(found.get("expires_in", 3600)))
            return {"token": found["access_token"], "expires_at": datetime.now(UTC) + lifetime}
        except (urllib3.exceptions.HTTPError, ValueError, KeyError, TypeError):
            raise PermissionError(
                "Google refused to renew the log-in: run 'gcloud auth application-default login'"
            ) from None


def endpoint(options: GcsOptions, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the endpoint that options or STORAGE_EMULATOR_HOST name; None: Google's own."""
    named = options.endpoint_url or environ.get("STORAGE_EMULATOR_HOST")
    if not named or named == "default":
        return None
    return (named if "://" in named else f"http://{named}").rstrip("/")


def find(options: GcsOptions, environ: Mapping[str, str] = os.environ) -> Credentials | None:
    """Look for credentials: the token option, then Application Default Credentials.

    Raises
    ------
    InvalidOption
        The token option names or holds nothing usable.
    """
    token = options.token
    if token is None or token == "google_default":  # noqa: S105 - a mode, no password
        found = _default(environ)
        if found is None and token is not None:
            raise InvalidOption(
                "token='google_default' found no Application Default Credentials: run "
                "'gcloud auth application-default login' or set GOOGLE_APPLICATION_CREDENTIALS."
            )
        return found
    if token == "cloud":  # noqa: S105
        machine = google_machine(environ, insisted=True)
        return Credentials("Google's metadata service", provider=machine, insisted=True)
    if isinstance(token, Mapping):
        return _from_info(dict(token), "storage_options", insisted=True)
    if isinstance(token, (str, os.PathLike)):
        return _from_token(os.fspath(token))
    if hasattr(token, "refresh") and hasattr(token, "valid"):
        if getattr(token, "requires_scopes", False):
            token = token.with_scopes([_SCOPE])
        return Credentials("storage_options", provider=_GoogleAuth(token), insisted=True)
    raise InvalidOption(
        "token of gs:// URLs must be the path or the contents of a key file, google-auth "
        "credentials, 'google_default', 'cloud' or 'anon'."
    )


def _from_token(token: str) -> Credentials:
    path = Path(token).expanduser()
    text = read_text(path) if len(token) < 4096 else None
    if text is not None:
        return _from_text(text, f"the key file {path}", insisted=True)
    if token.startswith("ya29."):
        return Credentials("storage_options", provider=_Bearer(token), insisted=True)
    raise InvalidOption("token of gs:// URLs names a key file that cannot be read.")


def _default(environ: Mapping[str, str]) -> Credentials | None:
    named = environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if named:
        where = "GOOGLE_APPLICATION_CREDENTIALS"
        text = read_text(Path(named).expanduser())
        if text is None:
            return Credentials(where, trouble=f"{where} names a file that cannot be read: {named}.")
        return _from_text(text, where, insisted=False)
    folder = environ.get("CLOUDSDK_CONFIG")
    home = Path(environ.get("HOME") or "~").expanduser()
    base = Path(folder) if folder else home / ".config" / "gcloud"
    text = read_text(base / "application_default_credentials.json")
    if text is not None:
        return _from_text(text, "Application Default Credentials", insisted=False)
    machine = google_machine(environ)
    if machine is not None:
        return Credentials("Google's metadata service", provider=machine)
    return None


def _from_text(text: str, where: str, *, insisted: bool) -> Credentials:
    try:
        info = json.loads(text)
        if not isinstance(info, dict):
            raise ValueError
    except ValueError:
        trouble = f"{where} is no key file: it is not JSON."
        return Credentials(where, trouble=trouble, insisted=insisted)
    return _from_info(info, where, insisted=insisted)


def _from_info(info: dict[str, Any], where: str, *, insisted: bool) -> Credentials:
    kind = info.get("type")
    if kind == "service_account":
        config = (("service_account_key", json.dumps(info, sort_keys=True)),)
        return Credentials(where, config, insisted=insisted)
    if "access_token" in info:
        return Credentials(where, provider=_Bearer(str(info["access_token"])), insisted=insisted)
    if "refresh_token" in info:
        try:
            refresh = _Refresh(
                info["client_id"],
                info["client_secret"],
                info["refresh_token"],
                info.get("token_uri") or _TOKEN_URI,
            )
        except KeyError as lacking:
            return Credentials(where, trouble=f"{where} lacks {lacking}.", insisted=insisted)
        return Credentials(where, provider=refresh, insisted=insisted)
    try:
        library = importlib.import_module("google.auth")
        credentials, _ = library.load_credentials_from_dict(info, scopes=[_SCOPE])
    except ImportError:
        trouble = f"{where} are of type {kind!r}, which takes google-auth: pip install google-auth."
        return Credentials(where, trouble=trouble, insisted=insisted)
    except Exception as problem:  # noqa: BLE001 - google-auth raises of many trees
        trouble = f"{where} cannot be used ({type(problem).__name__})."
        return Credentials(where, trouble=trouble, insisted=insisted)
    return Credentials(where, provider=_GoogleAuth(credentials), insisted=insisted)
