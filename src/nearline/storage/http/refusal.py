"""What a refusal of an HTTP server means, in a sentence (pure: nothing is fetched here)."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nearline.errors import AccessDenied, NearlineError, NotFound, ObjectChanged, Unavailable
from nearline.provenance import Validator
from nearline.storage.http.answer import Asked, retry_after, validator
from nearline.storage.source import Transient

__all__ = ["Refusal", "refused"]

_PASSING = frozenset([408, 425, 429, 500, 502, 503, 504, 507, 509, 520, 521, 522, 523, 524])

_LONGEST_SENTENCE = 300

_SHORTEST_SECRET = 4
"""Shorter ones are part of too many words."""

_NO_CONTAINER = frozenset(["NoSuchBucket", "ContainerNotFound", "NoSuchUpload"])

_CREDENTIAL_CODES = frozenset(
    [
        "AuthorizationHeaderMalformed",
        "AuthorizationQueryParametersError",
        "AuthenticationFailed",
        "ExpiredToken",
        "InvalidToken",
        "TokenRefreshRequired",
        "PublicAccessNotPermitted",
        "UnsupportedAlgorithm",
    ]
)
"""Codes of a 400 or 409 that are about permission."""

_OVERLOAD_CODES = frozenset(["RequestTimeout", "SlowDown", "InternalError"])
"""Codes of a 400 that a repetition may cure."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that brings no bytes of the object.

    Attributes
    ----------
    status : int
        HTTP status.
    headers : mapping of str to str
        Names in any case.
    body : bytes
        Its beginning.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def code(self) -> str:
        """The store's own name for the error (S3, Google, Azure), or an empty string."""
        return self.headers.get("x-ms-error-code", "") or _element(self.body, "Code")

    @property
    def sentence(self) -> str:
        """The store's own words, or an empty string."""
        said = _element(self.body, "Message")
        return said if len(said) <= _LONGEST_SENTENCE else said[:_LONGEST_SENTENCE] + "…"

    @property
    def region(self) -> str | None:
        """The region that S3 says the bucket is in."""
        told = self.headers.get("x-amz-bucket-region") or _element(self.body, "Region")
        return told if re.fullmatch(r"[a-z0-9\-]{3,40}", told or "") else None


_REMEDIES = {
    "s3": "give other credentials: key and secret or profile in storage_options, "
    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment, or ~/.aws/credentials",
    "gs": "give other credentials: token in storage_options, GOOGLE_APPLICATION_CREDENTIALS in "
    "the environment, or 'gcloud auth application-default login'",
    "az": "give other credentials: account_key, sas_token or connection_string in "
    "storage_options, or AZURE_STORAGE_CONNECTION_STRING in the environment",
    "https": "give others in storage_options: username and password, or headers",
}
"""Where credentials are given, by scheme."""


def refused(
    asked: Asked, refusal: Refusal, *, secrets: Iterable[str] = (), expired: bool = False
) -> NearlineError:
    """Return the error that a refusal is.

    Parameters
    ----------
    asked : Asked
        The read.
    refusal : Refusal
        The answer.
    secrets : iterable of str
        What a server may repeat and a message must not.
    expired : bool
        Whether the URL is signed and its time is over.
    """
    status, code = refusal.status, refusal.code
    said = _said(refusal, secrets)
    if status == 412 and asked.pin is not None:
        told = validator(refusal.headers, None)
        return ObjectChanged(
            f"{asked.url} changed while it was open. Open it again to read the new version.",
            current=None if told == Validator() else told,
        )
    if status in (404, 410):
        return _absent(asked, refusal, said)
    if status in (401, 403) or code in _CREDENTIAL_CODES:
        return AccessDenied(_denied(asked, refusal, said, expired=expired))
    if status == 407:
        return Unavailable(f"{asked.url} was not read: the proxy wants credentials.")
    if status in _PASSING or code in _OVERLOAD_CODES:
        wait = retry_after(refusal.headers)
        return Transient(f"{asked.url}: the server answers {status}{said}.", retry_after=wait)
    return Unavailable(f"{asked.url} was not read: the server answers {status}{said}.")


def _absent(asked: Asked, refusal: Refusal, said: str) -> NearlineError:
    if asked.pin is not None:
        return ObjectChanged(f"{asked.url} was removed while it was open{said}.")
    if refusal.code in _NO_CONTAINER:
        return NotFound(f"{asked.url}: there is no such bucket{said}.")
    if refusal.headers.get("x-amz-delete-marker") == "true":
        return NotFound(f"{asked.url} was deleted: its newest version is a delete marker.")
    hint = ""
    if asked.url.startswith("az://") and refusal.code == "ResourceNotFound":
        hint = " Azure says the same of containers that are not public."
    return NotFound(f"There is no object {asked.url}{said}.{hint}")


def _denied(asked: Asked, refusal: Refusal, said: str, *, expired: bool) -> str:
    words = f"{refusal.code} {refusal.sentence}".lower()
    if expired or "request has expired" in words or "not valid in the specified time" in words:
        return f"{asked.url}: the signed URL has expired{said}. Ask its issuer for a new one."
    if "expired" in words:
        return f"{asked.url}: the credentials have expired{said}. Renew them."
    scheme = asked.url.partition("://")[0]
    remedy = _REMEDIES.get(scheme, _REMEDIES["https"])
    if refusal.status == 401:
        return f"{asked.url} wants credentials, or other ones than were given{said}: {remedy}."
    hint = ""
    if refusal.code == "AccessDenied" and asked.url.startswith("s3://"):
        hint = " (S3 says the same of objects that do not exist)"
    return f"No permission to read {asked.url}{said}{hint}. Ask for it, or {remedy}."


def _said(refusal: Refusal, secrets: Iterable[str]) -> str:
    parts = [part.rstrip(". ") for part in (refusal.code, refusal.sentence) if part]
    if not parts:
        return "" if refusal.status in (401, 403, 404, 410) else " without a reason"
    told = ": ".join(parts)
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            told = told.replace(secret, "…")
    return f" ({told})"


def _element(body: bytes, name: str) -> str:
    """Return the text of the first XML element of a name; the stores use no attributes."""
    match = re.search(rb"<%b>([^<]*)</%b>" % (name.encode(), name.encode()), body)
    text = html.unescape(match[1].decode("utf-8", "replace")) if match else ""
    return "".join(sign if sign.isprintable() else " " for sign in text).strip()
