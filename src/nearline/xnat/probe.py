"""Finding out what a server can do, with a few requests that change nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from nearline.errors import NearlineError

from . import inventory
from .capabilities import Capabilities
from .client import Client, FileAnswer
from .rows import Experiment, File, Resource

__all__ = ["probe"]

_SMALL = 2 << 20
"""Bytes of files that are fetched to try something out."""

_PROJECTS = 5
"""Projects in which to look for something to try on."""


def probe(client: Client, project: str | None = None) -> Capabilities:
    """Find out what a server can do; about ten requests.

    Parameters
    ----------
    client : Client
        Whom to ask.
    project : str, optional
        Where to look for sessions with files; by default in the first few that the user sees.

    Raises
    ------
    NotFound, AccessDenied, Unavailable
        The project named is not there, not to be seen, or the server keeps failing.
    """
    version = _version(client)
    for name in [project] if project is not None else _projects(client):
        sessions = inventory.experiments(client, name)[: inventory.RESOURCES_AT_ONCE]
        if sessions:
            return _in_project(client, sessions, version)
    return Capabilities(version=version)


def _in_project(
    client: Client, sessions: Sequence[Experiment], version: str | None
) -> Capabilities:
    rows, _ = inventory.resources(client, [one.id for one in sessions])
    chosen = _most_common(rows.values())
    projects = {one.id: one.project for one in sessions}
    listings, _ = inventory.files(client, chosen, projects=projects)
    files = [file for listing in listings.values() for file in listing]
    small = [file for file in files if file.size and file.size <= _SMALL]
    small.sort(key=lambda file: file.size or 0)
    told = len([held for held in rows.values() if held])
    return Capabilities(
        version=version,
        resource_lists=client.learned["resources"].known if told > 1 else None,
        file_lists=client.learned["files"].known if len(chosen) > 1 else None,
        most_resources=client.learned["resources"].most,
        most_files=client.learned["files"].most,
        digests=any(file.digest for file in files) if files else None,
        not_modified=_not_modified(client, small[0]) if small else None,
        folder_zip=_folder_zip(client, files),
    )


def _version(client: Client) -> str | None:
    """Return the version that the server tells; who is no administrator may not learn it."""
    try:
        told = json.loads(client.text("/xapi/siteConfig/buildInfo", about="its version"))
        return str(told["version"])
    except (NearlineError, ValueError, KeyError, TypeError):
        return None


def _projects(client: Client) -> list[str]:
    table = client.table("/data/projects", about="the projects")
    return [row["ID"] for row in table if row.get("ID")][:_PROJECTS]


def _most_common(held: Iterable[Sequence[Resource]]) -> dict[str, Resource]:
    """Return one resource for some sessions, all of the label that most of them have."""
    by_label: dict[str, dict[str, Resource]] = {}
    for rows in held:
        for row in rows:
            if row.file_count != 0:
                by_label.setdefault(row.label, {}).setdefault(row.experiment_id, row)
    counts = Counter({label: len(rows) for label, rows in by_label.items()})
    if not counts:
        return {}
    rows_of = by_label[counts.most_common(1)[0][0]]
    return dict(list(rows_of.items())[: inventory.FILES_AT_ONCE])


def _not_modified(client: Client, file: File) -> bool | None:
    """Return whether a file is answered with 304 the second time."""
    try:
        first = client.file(file.uri, about=file.path)
        if first.last_modified is None:
            return False
        second = client.file(file.uri, about=file.path, if_modified_since=first.last_modified)
        return second.data is None and not _is_credulous(client, file)
    except NearlineError:
        return None


def _is_credulous(client: Client, file: File) -> bool:
    """Whether the server takes a file for unmodified since before there were files."""
    early = "Thu, 01 Jan 1970 00:00:01 GMT"
    answer: FileAnswer = client.file(file.uri, about=file.path, if_modified_since=early)
    return answer.data is None


def _folder_zip(client: Client, files: Sequence[File]) -> bool | None:
    """Return whether a small folder with files comes as a zip."""
    sizes: Counter[tuple[str, str]] = Counter()
    for file in files:
        # A folder's zip holds the folders below it.
        parts = file.path.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            size = _SMALL if file.size is None else file.size
            sizes[file.resource_id, "/".join(parts[:depth])] += size
    inside = [file for file in files if "/" in file.path]
    if not inside:
        return None
    file = min(inside, key=lambda one: sizes[one.resource_id, one.path.rpartition("/")[0]])
    if sizes[file.resource_id, file.path.rpartition("/")[0]] > _SMALL:
        return None
    uri = file.uri[: file.uri.rindex("/") + 1]
    try:
        answer = client.file(uri, about=f"the folder of {file.path}", params={"format": "zip"})
    except NearlineError:
        return False
    return answer.data is not None and answer.data[:2] == b"PK"
