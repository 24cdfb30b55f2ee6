"""Projects, subjects, experiments, resources and files as a simulated XNAT keeps them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

__all__ = ["Experiment", "Project", "Resource", "Scan", "StoredFile", "Subject"]


@dataclass(slots=True)
class StoredFile:
    """A file and its entry in the catalogue, which may say something else.

    Attributes
    ----------
    data : bytes or None
        On disk; None: it is gone from there.
    size, digest : int, str
        As catalogued; the digest is MD5 in hexadecimal or empty.
    modified : datetime
        On disk.
    """

    data: bytes | None
    size: int
    digest: str
    modified: datetime


@dataclass(slots=True, eq=False)
class Resource:
    """A folder of files with a label.

    Attributes
    ----------
    id : int
        ``xnat_abstractresource_id``.
    label : str
        Need not be the only one of its experiment.
    files : dict of str to StoredFile
        By path, in the order of the catalogue.
    file_count, file_size : int or None
        As the database has them.
    """

    id: int
    label: str
    files: dict[str, StoredFile] = field(default_factory=dict)
    file_count: int | None = None
    file_size: int | None = None
    format: str = ""
    content: str = ""


@dataclass(slots=True, eq=False)
class Scan:
    """A scan of an image session, and its resources.

    Attributes
    ----------
    id : str
        In the session: mostly the series number.
    type, series_description, quality : str
        As people, the scanner and whoever looked at it call it.
    xsi_type : str
        Such as ``xnat:mrScanData``.
    """

    id: str
    type: str
    series_description: str
    quality: str
    xsi_type: str
    resources: list[Resource] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Experiment:
    """A session, or an assessor of one.

    Attributes
    ----------
    id, label : str
        ``XNAT_E00001`` and what people call it.
    subject_id, project : str
        Whose it is; the project that owns it.
    xsi_type : str
        Such as ``xnat:mrSessionData`` or ``fs:fsData``.
    date : str
        Of the scan.
    insert_date, last_modified : datetime
        The server's local time.
    session : str or None
        The session that it assesses.
    resources : list of Resource
        For an assessor those that XNAT calls ``out``.
    scans : dict of str to Scan
        By id, in the order in which they came.
    shared : dict of str to str
        Projects that have it too, and its label there (empty: the same).
    """

    id: str
    label: str
    subject_id: str
    project: str
    xsi_type: str
    date: str
    insert_date: datetime
    last_modified: datetime
    session: str | None = None
    resources: list[Resource] = field(default_factory=list)
    scans: dict[str, Scan] = field(default_factory=dict)
    shared: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Subject:
    """A person, in the project that owns it."""

    id: str
    label: str
    project: str
    insert_date: datetime


@dataclass(slots=True, eq=False)
class Project:
    """A project and who may read it.

    Attributes
    ----------
    access : str
        ``private``, ``protected`` or ``public``.
    members : set of str or None
        Users that may read it; None: all that sign in.
    denied : set of str
        Users that may not, whatever `members` says.
    """

    id: str
    name: str
    access: str
    members: set[str] | None
    insert_date: datetime
    denied: set[str] = field(default_factory=set)
