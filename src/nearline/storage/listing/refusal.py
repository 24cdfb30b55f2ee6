"""What it means that a listing is refused, in a sentence (pure)."""

from __future__ import annotations

from nearline.errors import AccessDenied, NearlineError, NotFound
from nearline.storage.http.answer import Asked
from nearline.storage.http.refusal import Refusal, refused

__all__ = ["no_bucket", "not_allowed", "refused_listing"]


def no_bucket(url: str, said: str = "") -> NotFound:
    """Say that there is nothing of that name to be listed."""
    return NotFound(f"{url} cannot be listed: there is no such bucket or folder{said}.")


def not_allowed(url: str, said: str = "") -> AccessDenied:
    """Say that listing is not allowed, which reading may be."""
    return AccessDenied(
        f"No permission to list {url}{said}. Where objects may be read all the same, pass a list "
        "of their URLs; otherwise give credentials in storage_options."
    )


def refused_listing(url: str, refusal: Refusal) -> NearlineError:
    """Return the error that a store's refusal to list is."""
    said = f" (HTTP {refusal.status}{f', {refusal.code}' if refusal.code else ''})"
    if refusal.status in (404, 410):
        return no_bucket(url, said)
    found = refused(Asked(url, 0, None), refusal)
    return not_allowed(url, said) if isinstance(found, AccessDenied) else found
