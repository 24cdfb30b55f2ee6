"""One request to a simulated XNAT, taken apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from nearline.testing.xnat.accounts import Accounts, Visit
from nearline.testing.xnat.archive import Archive
from nearline.testing.xnat.behaviour import Behaviour
from nearline.testing.xnat.records import Experiment, Project

__all__ = ["Call"]


@dataclass(slots=True)
class Call:
    """What a route needs to answer.

    Attributes
    ----------
    archive, accounts, behaviour : Archive, Accounts, Behaviour
        The server's.
    visit : Visit
        Who asks.
    method : str
        Of the request.
    headers : mapping of str to str
        Names in lower case.
    query : mapping of str to list of str
        Decoded.
    body : bytes
        What the client sent along.
    """

    archive: Archive
    accounts: Accounts
    behaviour: Behaviour
    visit: Visit
    method: str
    headers: Mapping[str, str]
    query: Mapping[str, list[str]] = field(default_factory=dict)
    body: bytes = b""

    @staticmethod
    def parse_query(target: str) -> dict[str, list[str]]:
        """Return the decoded query of a request target."""
        return parse_qs(target.partition("?")[2], keep_blank_values=True)

    def parameter(self, name: str) -> str | None:
        """Return the first value of a query parameter; None if it is not there."""
        values = self.query.get(name)
        return values[0] if values else None

    def true(self, name: str) -> bool:
        """Whether a query parameter says yes."""
        return (self.parameter(name) or "").lower() in ("true", "1", "yes")

    @property
    def form(self) -> str:
        """Which representation is asked for; ``format`` wins over Accept, JSON is the default."""
        asked = self.parameter("format")
        if asked is not None:
            return asked.lower()
        accept = self.headers.get("accept", "*/*")
        for kind, form in (("json", "json"), ("csv", "csv"), ("text/html", "html"), ("xml", "xml")):
            if kind in accept:
                return form
        return "json"

    def readable(self, found: Project | Experiment) -> bool:
        """Whether the user may read it."""
        return self.archive.can_read(self.visit.user, found)
