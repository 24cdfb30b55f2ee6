"""What a listing says of an object, and what a lister is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from nearline.provenance import Validator
from nearline.storage.source import Source

__all__ = ["Listed", "Lister", "Page"]


@dataclass(frozen=True, slots=True)
class Listed:
    """One object of a listing.

    Attributes
    ----------
    url : str
        Without credentials or signature.
    name : str
        Its address below the prefix; the last part of it where the prefix is the object itself.
    validator : Validator
        As the object's own source would report it, as far as the listing tells.
    source : callable
        Makes the source of its bytes, with the credentials that listed it.
    last_modified : datetime or None
        With time zone.
    checked : float
        When the server said so, seconds since the epoch.
    """

    url: str
    name: str
    validator: Validator
    source: Callable[[], Source] = field(repr=False, compare=False)
    last_modified: datetime | None = None
    checked: float = 0.0

    @property
    def size(self) -> int | None:
        """Bytes; None where the listing does not tell."""
        return self.validator.size


@dataclass(frozen=True, slots=True)
class Page:
    """What one request for a listing brings.

    Attributes
    ----------
    objects : list of Listed
        In the order of the storage.
    after : str or None
        What to ask the next page with; None after the last one.
    """

    objects: list[Listed]
    after: str | None = None


class Lister(Protocol):
    """Lists what lies beneath one prefix, page by page.

    Attributes
    ----------
    url : str
        The prefix, for messages.
    """

    @property
    def url(self) -> str:
        """The prefix, without credentials or signature."""
        ...

    def page(self, after: str | None, *, timeout: float) -> Page:
        """Ask for one page.

        Parameters
        ----------
        after : str or None
            What the page before it ended with; None for the first.
        timeout : float
            Seconds without a byte after which the request counts as failed.

        Raises
        ------
        NotFound
            There is no such bucket or folder.
        AccessDenied
            No right to list it.
        Transient
            Worth repeating.
        Unavailable
            Not worth repeating, or an answer that is no listing.
        """
        ...
