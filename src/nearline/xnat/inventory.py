"""What a project holds, learned in few requests: experiments, resources, files.

Many experiments are asked about at once, by lists of ids in the path. What an answer to a list
skips is asked for by itself, so that nothing gets lost between "not there" and "not told".
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Literal

from nearline.errors import NearlineError, NotFound, Unavailable

from . import rows
from .batches import batches
from .client import Client
from .lists import Lists
from .rows import Assessor, Experiment, File, Resource

__all__ = [
    "FILES_AT_ONCE",
    "RESOURCES_AT_ONCE",
    "Assessor",
    "Experiment",
    "File",
    "Resource",
    "assessors",
    "experiments",
    "files",
    "files_as_told",
    "resources",
]

RESOURCES_AT_ONCE = 100
"""Experiments whose resources are asked for in one request."""

FILES_AT_ONCE = 25
"""Experiments whose files are: the server reads a catalogue from disk for each."""

Place = Literal["session", "assessor", "any"]

_COLUMNS = ("ID", "label", "subject_ID", "subject_label", "project", "xsiType", "date")
_MODIFIED = "last_modified"
_PLAIN = re.compile(r"[\w.~-]+", re.ASCII)
"""Labels and ids that may stand in a comma list, whatever the server decodes."""


# --- experiments -----------------------------------------------------------------------


def experiments(client: Client, project: str, *, shared: bool = False) -> tuple[Experiment, ...]:
    """List the sessions of a project, each once, in one request (two with shared ones).

    Parameters
    ----------
    client : Client
        Whom to ask.
    project : str
        Its id.
    shared : bool, optional
        Also those that other projects own and this one shares, under their labels here.

    Raises
    ------
    NotFound
        No such project.
    AccessDenied
        No right to see it.
    Unavailable
        The server keeps failing, or leaves out what is needed.
    """
    about = f"the experiments of project {project}"
    columns = (*_COLUMNS, _MODIFIED)
    # Of the project, so that no right to see it is an error; /data/experiments would leave out
    # what is not to be seen. The filter is by primary project.
    own = _experiment_rows(client, project, columns, about, owned=True)
    found = {one.id: one for row in own if (one := rows.experiment(row, shared=False)) is not None}
    if shared:
        for row in _experiment_rows(client, project, columns, about):
            other = rows.experiment(row, shared=True)
            if other is not None:
                found.setdefault(other.id, other)
    if not found:
        _check_name(client, project)
    return tuple(found.values())


def _experiment_rows(
    client: Client,
    project: str,
    columns: Sequence[str],
    about: str,
    *,
    owned: bool = False,
    xsi_type: str = "xnat:subjectAssessorData",
) -> list[dict[str, str]]:
    """Return rows of a project's experiments, with all columns that were asked for."""
    path = f"/data/projects/{rows.segment(project)}/experiments"
    params = {"columns": ",".join(columns), "xsiType": xsi_type}
    table = client.table(path, about=about, params=params | ({"project": project} if owned else {}))
    # A table without rows has no columns. The id is also in the URI; its column has many names.
    missing = [name for name in columns if name != "ID" and table and name not in table[0]]
    if missing:
        raise Unavailable(
            f"{client.server} left the columns {', '.join(missing)} out of {about}: it may be an "
            "XNAT older than 1.7, or something that stands before it."
        )
    return table


def _check_name(client: Client, project: str) -> None:
    """Refuse the alias of a project: its sessions name the project itself."""
    about = f"project {project}"
    text = client.text(
        f"/data/projects/{rows.segment(project)}", about=about, params={"format": "json"}
    )
    try:
        name = str(json.loads(text)["items"][0]["data_fields"]["ID"])
    except (ValueError, LookupError, TypeError):
        return
    if name != project:
        raise NotFound(f"{project} is another name of project {name} at {client.server}: use that.")


def assessors(
    client: Client, project: str, *, xsi_type: str | None = "fs:fsData", shared: bool = False
) -> tuple[Assessor, ...]:
    """List the assessors in a project, each once, in one request.

    Parameters
    ----------
    client : Client
        Whom to ask.
    project : str
        Its id.
    xsi_type : str or None, optional
        Of the wanted ones; None: all.
    shared : bool, optional
        Also those that other projects own and this one shares.

    Raises
    ------
    NotFound, AccessDenied, Unavailable
        As `experiments`.
    """
    about = f"the assessors of project {project}"
    columns = ("ID", "label", "project", "xsiType", "date", "session_ID", _MODIFIED)
    # A type that a server does not have installed would be an error, this one all have.
    table = _experiment_rows(
        client, project, columns, about, owned=not shared, xsi_type="xnat:imageAssessorData"
    )
    found = {
        one.id: one
        for row in table
        if (one := rows.assessor(row)) is not None
        and (xsi_type is None or one.xsi_type.lower() == xsi_type.lower())
    }
    return tuple(found.values())


# --- resources ----------------------------------------------------------------------------


def resources(
    client: Client,
    experiment_ids: Iterable[str],
    *,
    place: Place = "session",
    of: Iterable[Assessor] = (),
    known_empty: Collection[str] = (),
    lists: bool | None = None,
) -> tuple[dict[str, tuple[Resource, ...]], dict[str, NearlineError]]:
    """List the resources of experiments.

    Parameters
    ----------
    client : Client
        Whom to ask.
    experiment_ids : iterable of str
        Sessions.
    place : {"session", "assessor", "any"}
        Whose resources: the sessions', their assessors', or both.
    of : iterable of Assessor, optional
        From `assessors`; those of other sessions are passed over.
    known_empty : collection of str, optional
        Sessions that had no resources when they were asked for by themselves, and have not been
        modified since: that a list skips them is what is expected.
    lists : bool or None, optional
        Whether the server knows lists of ids; None: find out.

    Returns
    -------
    found : dict of str to tuple of Resource
        By session; empty for one without any.
    errors : dict of str to NearlineError
        Sessions that are not there, not to be seen, or that the server failed to tell about.
    """
    wanted = tuple(dict.fromkeys(experiment_ids))
    owners: dict[str, tuple[str, str | None]] = {}
    if place in ("session", "any"):
        owners |= {one: (one, None) for one in wanted}
    found: dict[str, list[Resource]] = {one: [] for one in wanted}
    errors: dict[str, NearlineError] = {}
    asked = _resource_rows(client, owners, set(known_empty), lists, errors)
    if place in ("assessor", "any"):
        theirs = {one.id: (one.session_id, one.id) for one in of if one.session_id in found}
        # A list that begins with a session is answered for sessions only, so these go apart.
        asked |= _resource_rows(client, theirs, set(), lists, errors)
        owners |= theirs
    for owner, table in asked.items():
        session, assessor_id = owners[owner]
        for row in table:
            if (one := rows.resource(row, session, assessor_id)) is not None:
                found[session].append(one)
    good = {one: tuple(held) for one, held in found.items() if one not in errors}
    return good, errors


def _resource_rows(
    client: Client,
    owners: Mapping[str, tuple[str, str | None]],
    known_empty: Collection[str],
    lists: bool | None,
    errors: dict[str, NearlineError],
) -> dict[str, list[dict[str, str]]]:
    """Return rows by owner, and put the errors of sessions into `errors`."""

    def ask(batch: tuple[str, ...]) -> dict[str, list[dict[str, str]]]:
        ids = ",".join(rows.segment(one) for one in batch)
        about = _about("the resources", batch)
        table = client.table(
            f"/data/experiments/{ids}/resources", about=about, listed=len(batch) > 1
        )
        if len(batch) == 1:
            return {batch[0]: table}
        told: dict[str, list[dict[str, str]]] = {}
        for row in table:
            told.setdefault(row.get("cat_id", ""), []).append(row)
        return {one: told[one] for one in batch if one in told}

    around = len("/data/experiments//resources")
    groups = batches(_listable(owners), most=RESOURCES_AT_ONCE, around=around)
    groups += [(one,) for one in owners if not _PLAIN.fullmatch(one)]
    found, failed = Lists(client, "resources", ask, lists, known_empty).run(groups)
    for owner, error in failed.items():
        errors.setdefault(owners[owner][0], error)
    return found


# --- files -----------------------------------------------------------------------------------


def files(
    client: Client,
    chosen: Mapping[str, Resource],
    *,
    projects: Mapping[str, str],
    lists: bool | None = None,
) -> tuple[dict[str, tuple[File, ...]], dict[str, NearlineError]]:
    """List the files of resources, with sizes and digests.

    Parameters
    ----------
    client : Client
        Whom to ask.
    chosen : mapping of str to Resource
        One resource for each key, which is usually the session's id.
    projects : mapping of str to str
        Primary project by session id. The server answers for lists of one project only; a
        session that is missing here, such as a shared one, is asked for by itself.
    lists : bool or None, optional
        Whether the server knows lists of ids; None: find out.

    Returns
    -------
    found : dict of str to tuple of File
        By the keys of `chosen`.
    errors : dict of str to NearlineError
        By the keys of `chosen`.
    """
    found: dict[str, tuple[File, ...]] = {}
    errors: dict[str, NearlineError] = {}
    for told, failed in files_as_told(client, chosen, projects=projects, lists=lists):
        found |= told
        errors |= failed
    return found, errors


def files_as_told(
    client: Client,
    chosen: Mapping[str, Resource],
    *,
    projects: Mapping[str, str],
    lists: bool | None = None,
) -> Iterator[tuple[dict[str, tuple[File, ...]], dict[str, NearlineError]]]:
    """List as `files` does, and yield files and errors as they are answered.

    Each key comes once. It may be iterated in any thread, in one at a time.
    """
    keys: dict[str, str] = {one.id: key for key, one in chosen.items()}
    by_id = {one.id: one for one in chosen.values()}
    groups: dict[tuple[str, str, bool], list[Resource]] = {}
    alone: list[Resource] = []
    for one in by_id.values():
        project = projects.get(one.experiment_id, "")
        if project and _PLAIN.fullmatch(one.label) and _PLAIN.fullmatch(one.owner):
            kind = one.assessor_id is not None
            groups.setdefault((project, one.label, kind), []).append(one)
        else:
            alone.append(one)
    lots: list[tuple[str, ...]] = [(one.id,) for one in alone]
    for (_, label, _), members in groups.items():
        lots += _lots(label, members)

    def ask(batch: tuple[str, ...]) -> dict[str, list[File]]:
        members = [by_id[number] for number in batch]
        ids = ",".join(rows.segment(one.owner) for one in members)
        # By its id where it is alone: its label may be another one's too.
        name = members[0].id if len(members) == 1 else members[0].label
        path = f"/data/experiments/{ids}/resources/{rows.segment(name)}/files"
        about = _about(f"the files of {members[0].label}", [one.owner for one in members])
        table = client.table(path, about=about, listed=len(batch) > 1)
        if len(batch) == 1:
            mine = rows.files(table, by_id, only=members[0])
            if len(mine) != len(table):
                raise Unavailable(f"{client.server} lists {about} in a form that is not known.")
            return {batch[0]: mine}
        several: dict[str, list[File]] = {}
        for one in rows.files(table, by_id):
            several.setdefault(one.resource_id, []).append(one)
        return {number: several[number] for number in batch if number in several}

    asking = Lists(client, "files", ask, lists, owner=lambda number: by_id[number].owner)
    for told, failed in asking.each(lots):
        yield (
            {keys[number]: tuple(held) for number, held in told.items()},
            {keys[number]: error for number, error in failed.items()},
        )


def _lots(label: str, members: Sequence[Resource]) -> list[tuple[str, ...]]:
    """Divide resources of one label into lists; an experiment is named once in each."""
    first: dict[str, Resource] = {}
    again = [(one.id,) for one in members if first.setdefault(one.owner, one) is not one]
    around = len(f"/data/experiments//resources/{rows.segment(label)}/files")
    owners = batches(first, most=FILES_AT_ONCE, around=around)
    return [tuple(first[owner].id for owner in batch) for batch in owners] + again


def _listable(ids: Iterable[str]) -> list[str]:
    return [one for one in ids if _PLAIN.fullmatch(one)]


def _about(what: str, ids: Sequence[str]) -> str:
    shown = ", ".join(ids[:3]) + (f" and {len(ids) - 3} more" if len(ids) > 3 else "")
    return f"{what} of {'session' if len(ids) == 1 else 'sessions'} {shown}"
