"""Tables of projects, subjects and experiments of a simulated XNAT."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from xml.sax.saxutils import quoteattr

from nearline.testing.exchange import Reply
from nearline.testing.xnat.archive import Archive
from nearline.testing.xnat.call import Call
from nearline.testing.xnat.records import Experiment, Project, Subject
from nearline.testing.xnat.schema import ancestors
from nearline.testing.xnat.tables import stamp, status_page, table, text

__all__ = [
    "describe_experiment",
    "describe_project",
    "describe_subject",
    "list_assessors",
    "list_experiments",
    "list_project_experiments",
    "list_projects",
    "list_subjects",
]

_Row = dict[str, str | int | None]


def _subject(archive: Archive, experiment: Experiment) -> Subject:
    return archive.subjects[experiment.subject_id]


def _session_label(archive: Archive, experiment: Experiment) -> str:
    held = archive.experiments.get(experiment.session or "")
    return held.label if held else ""


# XMLPathShortcuts.java:78-138: short names of columns, and the paths that they stand for.
_ALIASES: dict[str, tuple[str, Callable[[Archive, Experiment], str]]] = {
    "ID": ("xnat:experimentdata/id", lambda _, e: e.id),
    "label": ("xnat:experimentdata/label", lambda _, e: e.label),
    "project": ("xnat:experimentdata/project", lambda _, e: e.project),
    "date": ("xnat:experimentdata/date", lambda _, e: e.date),
    "time": ("xnat:experimentdata/time", lambda _, _e: ""),
    "note": ("xnat:experimentdata/note", lambda _, _e: ""),
    "subject_ID": ("xnat:subjectassessordata/subject_id", lambda _, e: e.subject_id),
    "subject_label": ("xnat:subjectdata/label", lambda a, e: _subject(a, e).label),
    "subject_project": ("xnat:subjectdata/project", lambda a, e: _subject(a, e).project),
    "session_ID": ("xnat:imagesessiondata/id", lambda _, e: e.session or e.id),
    "session_label": (
        "xnat:imagesessiondata/label",
        lambda a, e: _session_label(a, e) or e.label,
    ),
    "insert_date": (
        "xnat:experimentdata/meta/insert_date",
        lambda _, e: stamp(e.insert_date),
    ),
    "insert_user": ("xnat:experimentdata/meta/insert_user/login", lambda _, _e: "admin"),
    "last_modified": (
        "xnat:experimentdata/meta/last_modified",
        lambda _, e: stamp(e.last_modified),
    ),
    "xsiType": ("xnat:experimentdata/extension_item/element_name", lambda _, e: e.xsi_type),
}
_PATHS = {path: alias for alias, (path, _) in _ALIASES.items()}
_OWNED_BY_TYPE = {"ID", "label", "project", "date"}


def _alias(column: str) -> str | None:
    """Return the short name of a column given as such or as a path; None if it is unknown."""
    if "/" not in column:
        # QueryOrganizerResource.java:174-183: an unknown alias is logged and dropped.
        return column if column in _ALIASES else None
    path = column.lower()
    if path in _PATHS:
        return _PATHS[path]
    # Every type of experiment has what it inherits: xnat:mrSessionData/label.
    root, _, rest = path.partition("/")
    return _PATHS.get(f"xnat:experimentdata/{rest}") if root.endswith("data") else None


def _root(call: Call, default: str) -> str:
    """Return the data type of a table (QueryOrganizerResource.getRootElementName)."""
    asked = call.parameter("xsiType")
    if asked and "," not in asked:
        return asked
    named = [*call.query, *(call.parameter("columns") or "").split(",")]
    root = default
    for alias in (_alias(name) for name in named if name):
        if alias == "subject_ID" and root == "xnat:experimentData":
            root = "xnat:subjectAssessorData"
        if alias in ("session_ID", "session_label"):
            root = "xnat:imageSessionData"
    return root


def _columns(call: Call, root: str) -> list[str]:
    asked = call.parameter("columns")
    if asked and asked != "DEFAULT":
        return asked.split(",")
    chain = ancestors(root)
    columns = ["ID", "project", "date", "xsiType", "label", "insert_date"]
    if "xnat:subjectAssessorData" in chain:
        columns += ["subject_ID", "subject_label"]
    if "xnat:imageAssessorData" in chain:
        columns += ["session_ID", "session_label"]
    return columns


def _accepts(call: Call, experiment: Experiment) -> bool:
    """Whether the filters of the query let an experiment through."""
    for name, values in call.query.items():
        alias = _alias(name)
        if alias is None or name in ("xsiType", "columns", "format"):
            continue
        value = _ALIASES[alias][1](call.archive, experiment)
        if not any(_matches(value, wanted) for wanted in values[0].split(",")):
            return False
    wanted = call.parameter("xsiType")
    return not wanted or any(kind in ancestors(experiment.xsi_type) for kind in wanted.split(","))


def _matches(value: str, wanted: str) -> bool:
    if "%" not in wanted:
        return value == wanted
    pattern = ".*".join(re.escape(part) for part in wanted.split("%"))
    return re.fullmatch(pattern, value, re.IGNORECASE) is not None


def _answer(
    call: Call, root: str, found: Iterable[Experiment], *, project: Project | None, title: str
) -> Reply:
    """Make the table: the columns asked for, those that come unasked, the page asked for."""
    kept = [e for e in found if root in ancestors(e.xsi_type) and _accepts(call, e)]
    kept, total = _page(call, kept)
    if not kept:
        # ExperimentListResource.java:271: headers are only made for tables with rows.
        return table((), (), form=call.form, title=title, total=total)
    asked = _columns(call, root)
    named = {column: alias for column in asked if (alias := _alias(column)) is not None}
    own_id = f"{root.lower()}/id"
    extra = []
    if root != "xnat:experimentData" and call.behaviour.id_key != "ID":
        extra.append(own_id)
    if root in ("xnat:experimentData", "xnat:subjectAssessorData", "xnat:imageSessionData"):
        # Types that are not secured themselves: what security needs is added.
        named.setdefault("xsiType", "xsiType")
        named.setdefault("project", "project")
    if extra and call.behaviour.id_key == "xpath":
        named.pop("ID", None)
    headers = {column: alias if "/" in column else column for column, alias in named.items()}
    rows = []
    for experiment in kept:
        row: _Row = {
            headers[column]: _ALIASES[alias][1](call.archive, experiment)
            for column, alias in named.items()
        }
        row.update(dict.fromkeys(extra, experiment.id))
        if project is not None and project.id in experiment.shared:
            _rename(row, experiment, project)
        row["URI"] = f"/data/experiments/{experiment.id}"
        rows.append(row)
    columns = list(dict.fromkeys([*extra, *headers.values(), "URI"]))
    return table(columns, rows, form=call.form, title=title, total=total)


def _rename(row: _Row, experiment: Experiment, project: Project) -> None:
    """Show an experiment as the project that shares it does (ProjSubExptList.java:380-417)."""
    if "label" in row and experiment.shared[project.id]:
        row["label"] = experiment.shared[project.id]
    if "project" in row:
        row["project"] = project.id


def _page(call: Call, rows: list[Experiment]) -> tuple[list[Experiment], bool]:
    """Return the page asked for, and whether the total is told (SecureResource.java:2013-2043)."""
    limit, offset = call.parameter("limit"), call.parameter("offset")
    if (limit is None and offset is None) or "*" in (limit, offset):
        return rows, True
    first, most = int(offset or 0), int(limit or 100)
    if first <= 0 and most <= 0:
        return rows, True
    return rows[first : first + most], False


# --- what the routes call ------------------------------------------------------------


def list_experiments(call: Call) -> Reply:
    """``/data/experiments`` (ExperimentListResource.java); ``project=`` is the primary project.

    What the user may not read is left out, without a word.
    """
    root = _root(call, "xnat:experimentData")
    found = [e for e in call.archive.experiments.values() if call.readable(e)]
    return _answer(call, root, found, project=None, title="Matching experiments")


def list_project_experiments(call: Call, project: Project, subject: Subject | None) -> Reply:
    """``/data/projects/P/experiments`` (ProjSubExptList.java:314-417): its own and shared ones."""
    if not call.readable(project):
        message = f"Unable to read experiments for Project: {project.id}"
        return status_page(403, message)
    root = _root(call, "xnat:subjectAssessorData")
    found = [
        e
        for e in call.archive.experiments.values()
        if (e.project == project.id or project.id in e.shared)
        and (subject is None or e.subject_id == subject.id)
    ]
    return _answer(call, root, found, project=project, title="")


def list_assessors(call: Call, session: Experiment, project: Project | None) -> Reply:
    """``/data/experiments/E/assessors`` (ProjSubExptAsstList.java)."""
    found = [e for e in call.archive.assessors(session) if call.readable(e)]
    root = call.parameter("xsiType") or "xnat:imageAssessorData"
    return _answer(call, root, found, project=project, title="")


def list_projects(call: Call) -> Reply:
    """``/data/projects`` (ProjectListResource.java): those that the user may read."""
    columns = [
        "ID",
        "secondary_ID",
        "name",
        "description",
        "pi_firstname",
        "pi_lastname",
        "xsiType",
        "URI",
    ]
    rows: list[_Row] = [
        {
            "ID": project.id,
            "secondary_ID": project.id,
            "name": project.name,
            "xsiType": "xnat:projectData",
            "URI": f"/data/projects/{project.id}",
        }
        for project in call.archive.projects.values()
        if call.readable(project)
    ]
    return table(columns, rows, form=call.form, title="Projects")


def list_subjects(call: Call, project: Project | None) -> Reply:
    """``/data/projects/P/subjects`` and ``/data/subjects`` (ProjectSubjectList.java)."""
    if project is not None and not call.readable(project):
        return status_page(403, f"Unable to read subjects for Project: {project.id}")
    columns = ["ID", "project", "label", "xsiType", "insert_date", "insert_user", "URI"]
    rows: list[_Row] = [
        {
            "ID": subject.id,
            "project": subject.project,
            "label": subject.label,
            "xsiType": "xnat:subjectData",
            "insert_date": stamp(subject.insert_date),
            "insert_user": "admin",
            "URI": f"/data/subjects/{subject.id}",
        }
        for subject in call.archive.subjects.values()
        if call.readable(call.archive.projects[subject.project])
        and (project is None or subject.project == project.id)
    ]
    return table(columns if rows else (), rows, form=call.form, title="Subjects")


def describe_experiment(call: Call, experiment: Experiment) -> Reply:
    """``/data/experiments/E``: one item."""
    fields = {
        "ID": experiment.id,
        "project": experiment.project,
        "label": experiment.label,
        "date": experiment.date,
        "subject_ID": experiment.subject_id,
    }
    if experiment.session is not None:
        fields["imageSession_ID"] = experiment.session
    return _item(call, experiment.xsi_type, fields)


def describe_subject(call: Call, subject: Subject) -> Reply:
    """``/data/subjects/S``."""
    fields = {"ID": subject.id, "project": subject.project, "label": subject.label}
    return _item(call, "xnat:subjectData", fields)


def describe_project(call: Call, project: Project) -> Reply:
    """``/data/projects/P``."""
    return _item(call, "xnat:projectData", {"ID": project.id, "name": project.name})


def _item(call: Call, xsi_type: str, fields: dict[str, str]) -> Reply:
    if call.form == "json":
        item = {
            "children": [],
            "meta": {"create_event_id": 1, "xsi:type": xsi_type, "isHistory": False},
            "data_fields": fields,
        }
        return text(json.dumps({"items": [item]}), kind="application/json")
    prefix, _, name = xsi_type.partition(":")
    top = name[0].upper() + name.removesuffix("Data")[1:]
    known = "".join(f" {key}={quoteattr(value)}" for key, value in fields.items())
    space = f'xmlns:{prefix}="http://nrg.wustl.edu/{prefix}"'
    return text(f"<{prefix}:{top} {space}{known}/>", kind="text/xml")
