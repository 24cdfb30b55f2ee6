"""What obstore's errors mean: it has types for some, and a status within the text of others."""

from __future__ import annotations

import re

from nearline.errors import AccessDenied, NearlineError, NotFound, ObjectChanged, Unavailable
from nearline.storage.readers.status import changed
from nearline.storage.source import Transient

__all__ = ["ElsewhereError", "is_unchanged", "status_of", "translated", "without_ranges"]


class ElsewhereError(Exception):
    """The bucket is in another region, which S3 told only in part of the cases."""

    def __init__(self, region: str | None) -> None:
        super().__init__(region)
        self.region = region


_STATUS = re.compile(r"status code: (\d{3})|\bstatus: (\d{3})\b")
_CODE = re.compile(r"<Code>([A-Za-z0-9]+)</Code>")
_REGION = re.compile(r"<Region>([a-z0-9-]+)</Region>")


def status_of(problem: BaseException) -> int | None:
    """Return the HTTP status that an error tells, if it does."""
    found = _STATUS.search(str(problem))
    return int(found[1] or found[2]) if found else None


def without_ranges(problem: BaseException) -> bool:
    """Whether the server sent all of the object for a part."""
    return _named(problem, "NotSupportedError") or "NotPartial" in str(problem)


def _named(problem: BaseException, name: str) -> bool:
    return type(problem).__name__ == name


def _provider_said(text: str, where: str) -> str:
    sentence = re.search(r"PermissionError: ([^\n]+)", text)
    return sentence[1] if sentence else f"the credentials from {where} could not be obtained"


def is_unchanged(problem: BaseException) -> bool:
    """Whether the object is still the version that was held."""
    return status_of(problem) == 304 or _named(problem, "NotModifiedError")


def translated(
    problem: Exception, *, url: str, where: str, region: str | None, pinned: bool
) -> NearlineError | ElsewhereError:
    """Return ours for one of obstore's, whose text quotes signed URLs.

    Parameters
    ----------
    url : str
        For people.
    where : str
        Where the credentials come from.
    region : str or None
        That was asked, for S3.
    pinned : bool
        The read was held to a version.
    """
    if isinstance(problem, NearlineError):
        return problem
    if isinstance(problem, TimeoutError):
        return Transient(f"{url} gave no answer in time.")
    text = str(problem)
    if "credential provider" in text:
        return AccessDenied(f"{url} cannot be read: {_provider_said(text, where)}.")
    status = status_of(problem)
    found = _CODE.search(text)
    code = found[1] if found else ""
    said = f" (HTTP {status}{f', {code}' if code else ''})" if status else ""
    if (
        code in ("AuthorizationHeaderMalformed", "PermanentRedirect")
        or status in (301, 307)
        or "LOCATION" in text
    ):
        told = _REGION.search(text)
        if not told or told[1] != region:
            return ElsewhereError(told[1] if told else None)
    if isinstance(problem, FileNotFoundError):
        if pinned and code != "NoSuchBucket":
            return ObjectChanged(f"{url} was removed while it was being read.")
        kind = "no such bucket" if code in ("NoSuchBucket", "ContainerNotFound") else "no object"
        return NotFound(f"There is {kind} at {url}{said}.")
    if _named(problem, "PreconditionError"):
        return changed(url)
    if (
        _named(problem, "PermissionDeniedError")
        or _named(problem, "UnauthenticatedError")
        or status in (401, 403)
        or code in ("ExpiredToken", "InvalidToken", "InvalidAccessKeyId", "TokenRefreshRequired")
    ):
        remedy = (
            "they have expired: renew them"
            if "Expired" in code or code == "TokenRefreshRequired"
            else "check the key, or ask for permission to read the object"
        )
        return AccessDenied(f"{url} refuses the credentials from {where}{said}: {remedy}.")
    if status is not None:
        if status == 429 or status >= 500:
            return Transient(f"{url} is not available just now{said}.")
        return Unavailable(f"{url} cannot be read{said}.")
    if "failed to lookup address" in text and "Temporary failure" not in text:
        return Unavailable(f"{url} cannot be reached: there is no such host.")
    if "ertificate" in text or "InvalidMessage" in text:
        return Unavailable(
            f"{url} cannot be reached: its TLS certificate is not trusted. Name the right CA "
            "bundle in verify or SSL_CERT_FILE."
        )
    if "169.254.169.254" in text or "metadata" in text.lower():
        return AccessDenied(f"{url} cannot be read: {where} gave no credentials.")
    return Transient(f"{url} cannot be reached just now.")
