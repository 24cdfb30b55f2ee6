"""Rows of the catalogue: what a table is about, a session, a result."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from .held import HeldSession
from .sync import Place

__all__ = ["Result", "Scope", "SessionRecord"]


@dataclass(frozen=True, slots=True)
class Scope:
    """What one table is about: everything else of the same name is another table.

    Attributes
    ----------
    server : str
        URL without credentials.
    login : str
        Name on that server: permissions differ between users.
    project, resource : str
        Project id and resource label as they were asked for.
    place : {"session", "assessor", "any"}
        Where results may lie.
    """

    server: str
    login: str
    project: str
    resource: str
    place: Place

    @property
    def folder_name(self) -> str:
        """A name that is different for every scope and says nothing about it."""
        fields = (self.server, self.login, self.project, self.resource, self.place)
        return sha256(json.dumps(fields).encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session as it is committed: who it is, and the inventory that was taken of it.

    Attributes
    ----------
    experiment, label, subject, project, date : str
        Experiment id, session label, subject label, project and date as listed.
    shared : bool
        Whether it belongs to another project primarily.
    held : HeldSession
        What it is compared by in the next run.
    note : str
        What was ambiguous about its resource.
    level : str
        Level of verification of the last check.
    checked : float
        Seconds since the epoch of that check.
    """

    experiment: str
    label: str
    subject: str
    project: str
    date: str
    shared: bool
    held: HeldSession
    note: str
    level: str
    checked: float


@dataclass(frozen=True, slots=True)
class Result:
    """What one measurement of one session came to.

    Attributes
    ----------
    experiment : str
        Experiment id.
    parser : str
        Version of the parser that read it.
    key : str
        Stands for the bytes and the parser: equal keys give equal rows. Empty if there are none.
    status : {"ok", "no resource", "file missing", "unreadable"}
        How it ended.
    why, note : str
        A sentence if it is not ok; what should be known if it is.
    version : str
        Of the program that wrote the files.
    facts : dict
        Of the files together: ``versions`` and ``etivs`` (mm^3) that they state, ``sides`` and
        ``analyses`` of the rows.
    files : tuple of (str, str, str)
        URI, SHA-256 and MD5 of each file that was read.
    read : float
        Seconds since the epoch when its bytes were received.
    """

    experiment: str
    parser: str
    key: str
    status: str
    why: str
    note: str
    version: str
    facts: dict[str, Any]
    files: tuple[tuple[str, str, str], ...]
    read: float
