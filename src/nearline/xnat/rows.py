"""Rows of XNAT's tables as values (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import unquote

from .address import encoded

__all__ = [
    "Assessor",
    "Experiment",
    "File",
    "Resource",
    "assessor",
    "experiment",
    "files",
    "resource",
    "segment",
]

Row = Mapping[str, str]

_FILE_URI = re.compile(r"/resources/([^/]+)/files/(.+)$")
_PLAIN_PATH = re.compile(r"[\w./-]+", re.ASCII).fullmatch
"""Tells paths that are the same percent-encoded."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """A session of a project.

    Attributes
    ----------
    id : str
        On the server, ``XNAT_E00001``.
    label : str
        In the project that was asked for.
    subject_id, subject_label : str
        Whose it is.
    project : str
        That owns it; of a shared one the server tells the project that was asked for.
    xsi_type : str
        ``xnat:mrSessionData``.
    last_modified : str
        Server's local time without a zone; to be compared for equality only.
    date : str
        Of acquisition, as the server writes it.
    shared : bool
        Whether another project owns it.
    """

    id: str
    label: str
    subject_id: str
    subject_label: str
    project: str
    xsi_type: str
    last_modified: str
    date: str
    shared: bool


@dataclass(frozen=True, slots=True)
class Assessor:
    """What was derived from a session, such as a run of FreeSurfer.

    Attributes
    ----------
    id, label, project, xsi_type, last_modified, date : str
        As of `Experiment`.
    session_id : str
        The session's experiment id.
    """

    id: str
    label: str
    session_id: str
    project: str
    xsi_type: str
    last_modified: str
    date: str


@dataclass(frozen=True, slots=True)
class Resource:
    """A folder of files, of a session or of one of its assessors.

    Attributes
    ----------
    experiment_id : str
        The session's.
    assessor_id : str or None
        The assessor's, if it is one's.
    id : str
        Its key: labels may occur twice.
    label : str
        ``FREESURFER6``, in whatever case.
    file_count, file_size : int or None
        Number of files and bytes; None where the server leaves them blank.
    """

    experiment_id: str
    assessor_id: str | None
    id: str
    label: str
    file_count: int | None
    file_size: int | None

    @property
    def owner(self) -> str:
        """Id of the experiment, or else assessor, below which it lies."""
        return self.assessor_id or self.experiment_id


class File(NamedTuple):
    """A file of a resource.

    Attributes
    ----------
    experiment_id, resource_id : str
        Where it lies.
    path : str
        Below the resource, decoded: ``0012/stats/aseg.stats``.
    uri : str
        Path on the server, percent-encoded, from ``/data`` on.
    size : int or None
        Bytes; None where the server leaves it blank.
    digest : str
        MD5 in lower case; empty where the server leaves it blank.
    """

    experiment_id: str
    resource_id: str
    path: str
    uri: str
    size: int | None
    digest: str


def experiment(row: Row, *, shared: bool) -> Experiment | None:
    """Read a row of experiments; None if it tells no id."""
    one = _id(row)
    if not one:
        return None
    return Experiment(
        id=one,
        label=row.get("label", ""),
        subject_id=row.get("subject_ID", ""),
        subject_label=row.get("subject_label", ""),
        project=row.get("project", ""),
        xsi_type=row.get("xsiType", ""),
        last_modified=row.get("last_modified", ""),
        date=row.get("date", ""),
        shared=shared,
    )


def assessor(row: Row) -> Assessor | None:
    """Read a row of assessors; None if it tells no id or no session."""
    one, session = _id(row), row.get("session_ID", "")
    if not one or not session:
        return None
    return Assessor(
        id=one,
        label=row.get("label", ""),
        session_id=session,
        project=row.get("project", ""),
        xsi_type=row.get("xsiType", ""),
        last_modified=row.get("last_modified", ""),
        date=row.get("date", ""),
    )


def resource(row: Row, session: str, assessor_id: str | None) -> Resource | None:
    """Read a row of resources; None if it tells no id."""
    number = row.get("xnat_abstractresource_id", "")
    if not number:
        return None
    count, size = _number(row.get("file_count", "")), _number(row.get("file_size", ""))
    return Resource(session, assessor_id, number, row.get("label", ""), count, size)


def files(
    table: Iterable[Row], known: Mapping[str, Resource], *, only: Resource | None = None
) -> list[File]:
    """Read rows of files; those that are about none of the resources are left out.

    Parameters
    ----------
    table : iterable of mapping of str to str
        Their URIs come with or without ``/data``; where one catalogue answers for a list, they
        name all ids of the list, so that only the id of the resource tells whose file it is.
    known : mapping of str to Resource
        Those that were asked for, by id.
    only : Resource, optional
        The only one that was asked for, whatever the rows call it.
    """
    read: list[File] = []
    # Of a whole project there are hundreds of thousands of rows.
    bases: dict[str, str] = {}
    for row in table:
        found = _FILE_URI.search(row.get("URI", ""))
        if found is None:
            continue
        number, path = found.groups()
        held = only or known.get(number) or known.get(row.get("cat_ID", ""))
        if held is None:
            continue
        if "%" in path:
            path = _decoded(path, row.get("Name", ""))
        base = bases.get(held.id)
        if base is None:
            base = f"/data/experiments/{segment(held.owner)}/resources/{held.id}/files/"
            bases[held.id] = base
        uri = base + (path if _PLAIN_PATH(path) else encoded(path))
        size, digest = _number(row.get("Size", "")), row.get("digest", "").strip().lower()
        read.append(File(held.experiment_id, held.id, path, uri, size, digest))
    return read


def segment(name: str) -> str:
    """Percent-encode one segment of a path."""
    return encoded(name).replace("/", "%2F")


def _decoded(path: str, name: str) -> str:
    """Return a path as it is on the server's disk: listings do not say if they encode it."""
    last = path.rpartition("/")[2]
    if "%" not in path or last == name:
        return path
    decoded = unquote(path)
    return decoded if not name or decoded.rpartition("/")[2] == name else path


def _id(row: Row) -> str:
    """Return the experiment's id: its column has several names, the URI has not."""
    return row.get("URI", "").rstrip("/").rpartition("/")[2] or row.get("ID", "")


def _number(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isdecimal() else None
