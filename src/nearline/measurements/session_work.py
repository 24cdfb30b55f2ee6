"""A session while a run works on it, and what a run came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nearline.errors import AccessDenied, NearlineError

from .choose import Choice
from .held import HeldFile, Listed
from .records import Result, SessionRecord
from .rows import Rows

if TYPE_CHECKING:
    from nearline.xnat.inventory import Experiment, Resource

__all__ = ["Failure", "Gathered", "Unlisted", "Work"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a session could not be read in this run; nothing is cached about it.

    Attributes
    ----------
    status : {"failed", "forbidden", "file missing"}
        The last one where a listed file is gone from the server's disk.
    why : str
        A sentence.
    """

    status: str
    why: str

    @classmethod
    def of(cls, error: NearlineError) -> Failure:
        """Sort an error; it is never taken for absence."""
        return cls("forbidden" if isinstance(error, AccessDenied) else "failed", str(error))


@dataclass
class Gathered:
    """What a project's part of a run came to.

    Attributes
    ----------
    results : dict of str to dict of str to Result
        By measurement and experiment id.
    rows : dict of (str, str) to Rows
        Rows that were parsed in this run, by measurement and experiment id.
    failures : dict of (str, str) to Failure
        By measurement and experiment id.
    vouched : dict of str to Counter
        By measurement: how many files each means vouched for.
    vanished : tuple of str
        Experiment ids that the server no longer lists.
    labels : Counter
        Labels of all resources that were looked up.
    """

    results: dict[str, dict[str, Result]]
    rows: dict[tuple[str, str], Rows] = field(default_factory=dict)
    failures: dict[tuple[str, str], Failure] = field(default_factory=dict)
    vouched: dict[str, Counter[str]] = field(default_factory=dict)
    vanished: tuple[str, ...] = ()
    labels: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Unlisted:
    """A session whose files the server did not list, and its error if there was one."""

    experiment: str
    errors: Mapping[str, NearlineError]


@dataclass
class Work:
    """A session that is being worked on.

    Attributes
    ----------
    experiment : Experiment
        As it is listed.
    record : SessionRecord
        What will be committed.
    resource : Resource or None
        The one that was chosen in this run; None if the session was found unchanged.
    renewed : bool
        Whether it was listed in this run.
    stamp : str
        The inventory of this run.
    listing : dict of str to Listed
        Its files, by path.
    choices : dict of str to Choice
        Files to read, by measurement.
    files : dict of str to HeldFile
        What is held, by path.
    vouchers : dict of str to str
        What vouches for each wanted file, by path.
    waiting : set of str
        Paths that have been asked for.
    failures : dict of str to Failure
        By path.
    """

    experiment: Experiment
    record: SessionRecord
    resource: Resource | None
    renewed: bool
    stamp: str
    listing: dict[str, Listed]
    choices: dict[str, Choice]
    files: dict[str, HeldFile]
    vouchers: dict[str, str] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    failures: dict[str, Failure] = field(default_factory=dict)
