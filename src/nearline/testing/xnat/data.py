"""Which part of a simulated XNAT's data a path names."""

from __future__ import annotations

import re
from urllib.parse import unquote

from nearline.testing.exchange import Reply
from nearline.testing.xnat import experiments as tables_of
from nearline.testing.xnat.call import Call
from nearline.testing.xnat.records import Experiment, Project, Subject
from nearline.testing.xnat.resources import Catalogs, answer_files, catalog_xml, list_resources
from nearline.testing.xnat.scans import ScanCatalogs, describe_scan, list_scans
from nearline.testing.xnat.tables import status_page, text

__all__ = ["answer_data"]

_OF_RESOURCES = re.compile(r"(?:/(?:out|in))?/resources(?:/(?P<which>[^/]+)(?P<rest>/.*)?)?/?$")
_SCANS = re.compile(r"/scans(?:/(?P<ids>[^/]+)(?P<rest>/.*)?)?/?$")
_ASSESSORS = re.compile(r"/assessors(?:/(?P<ids>[^/]+)(?P<rest>/.*)?)?$")


def answer_data(call: Call, path: str) -> tuple[str, Reply]:
    """Answer a request for data: its kind and the answer.

    Parameters
    ----------
    call : Call
        The request.
    path : str
        Below ``/data``, still percent-encoded: files are looked up by it.
    """
    project: Project | None = None
    if found := re.match(r"/projects(?:/([^/]+))?(/.*)?$", path):
        if found[1] is None:
            return "projects", tables_of.list_projects(call)
        project = call.archive.projects.get(unquote(found[1]))
        path = (found[2] or "").rstrip("/") if found[2] == "/" else found[2] or ""
        if project is None:
            message = f"Unable to identify project {unquote(found[1])}"
            return "projects", status_page(404, message)
        if not path:
            if not call.readable(project):
                return "projects", status_page(403, "You cannot read this project.")
            return "projects", tables_of.describe_project(call, project)
    return _below(call, path, project)


def _below(call: Call, path: str, project: Project | None) -> tuple[str, Reply]:
    subject: Subject | None = None
    if found := re.match(r"/subjects(?:/([^/]+))?(/.*)?$", path):
        if found[1] is None:
            return "subjects", tables_of.list_subjects(call, project)
        subject = _subject(call, unquote(found[1]), project)
        if subject is None:
            return "subjects", status_page(404, "Unable to identify subject")
        path = found[2] or ""
        if not path:
            return "subjects", tables_of.describe_subject(call, subject)
    found = re.match(r"/experiments(?:/([^/]+))?(/.*)?$", path)
    if found is None:
        return "unknown", status_page(404, "Not Found")
    if found[1] is None:
        if project is None:
            return "experiments", tables_of.list_experiments(call)
        return "experiments", tables_of.list_project_experiments(call, project, subject)
    return _of_experiments(call, unquote(found[1]), found[2] or "", project)


def _subject(call: Call, name: str, project: Project | None) -> Subject | None:
    for subject in call.archive.subjects.values():
        named = subject.label == name and project is not None and subject.project == project.id
        if (named or subject.id == name) and call.readable(call.archive.projects[subject.project]):
            return subject
    return None


def _of_experiments(
    call: Call, names: str, rest: str, project: Project | None
) -> tuple[str, Reply]:
    if rest in ("", "/"):
        held = _experiment(call, names, project)
        if held is None:
            return "experiment", status_page(
                404, f"Unable to find the specified experiment: {names}"
            )
        if not call.readable(held):
            return "experiment", status_page(403, "Unable to read this experiment.")
        return "experiment", tables_of.describe_experiment(call, held)
    if project is not None and not call.readable(project):
        # XNATTemplate.java:80-86: no right to read is answered as no such project.
        return "resources", status_page(404, "Unable to identify project")
    if refusal := _refuse_list(call, names):
        return _kind(rest, call), refusal
    found = _experiments(call, names, project)
    if not found and call.behaviour.missing_experiment is not None:
        status = call.behaviour.missing_experiment
        return _kind(rest, call), status_page(status, "Unable to identify experiment")
    if below := _ASSESSORS.match(rest):
        return _of_assessors(call, found, below, project)
    if below := _SCANS.match(rest):
        return _of_scans(call, found, below)
    return _of_resources(call, Catalogs(found), rest)


def _of_assessors(
    call: Call, sessions: list[Experiment], below: re.Match[str], project: Project | None
) -> tuple[str, Reply]:
    if not sessions:
        return "assessors", status_page(404, "Unable to identify image session")
    if below["ids"] is None:
        return "assessors", tables_of.list_assessors(call, sessions[0], project)
    session, rest = sessions[0], below["rest"] or ""
    wanted = unquote(below["ids"]).split(",")
    held = [
        assessor
        for assessor in call.archive.assessors(session)
        if call.readable(assessor)
        and (
            wanted in (["*"], ["ALL"])
            or assessor.id in wanted
            or assessor.label in wanted
            or assessor.xsi_type in wanted
        )
    ]
    if not rest:
        if not held:
            return "experiment", status_page(404, "Unable to find the specified experiment")
        return "experiment", tables_of.describe_experiment(call, held[0])
    return _of_resources(call, Catalogs(held, session), rest)


def _of_scans(call: Call, sessions: list[Experiment], below: re.Match[str]) -> tuple[str, Reply]:
    if not sessions:
        return "scans", status_page(404, "Unable to identify image session")
    if below["ids"] is None:
        return "scans", list_scans(call, sessions[0])
    scans = ScanCatalogs.of(sessions[0], unquote(below["ids"]))
    if not (below["rest"] or "").strip("/"):
        return "scan", describe_scan(call, scans)
    if not scans.scans:
        # XNATTemplate.java: no scan of that id is a refusal, not an empty table.
        return _kind(below["rest"], call), status_page(404, "Unable to identify scan")
    return _of_resources(call, scans, below["rest"])


def _of_resources(call: Call, catalogs: Catalogs, rest: str) -> tuple[str, Reply]:
    if re.match(r"(?:/out)?/files(/.*)?$", rest):
        path = rest.partition("/files")[2].removeprefix("/")
        return _kind(rest, call), answer_files(call, catalogs, None, path)
    found = _OF_RESOURCES.match(rest)
    if found is None:
        return "unknown", status_page(404, "Not Found")
    if found["which"] is None:
        return "resources", list_resources(call, catalogs)
    which, below = unquote(found["which"]), found["rest"] or ""
    if below in ("", "/"):
        return "catalog", catalog_xml(call, catalogs, which)
    if below != "/files" and not below.startswith("/files/"):
        return "unknown", status_page(404, "Not Found")
    path = below.removeprefix("/files").removeprefix("/")
    return _kind(rest, call), answer_files(call, catalogs, which, path)


def _kind(rest: str, call: Call) -> str:
    path = rest.partition("/files/")[2]
    if call.form == "zip":
        return "zip"
    if path and not path.endswith("/"):
        return "file"
    return "files" if "/files" in rest else "resources"


def _refuse_list(call: Call, names: str) -> Reply | None:
    behaviour, count = call.behaviour, names.count(",") + 1
    if behaviour.longest_list is not None and count > behaviour.longest_list:
        return status_page(behaviour.list_refusal, "The request was refused.")
    if count > 1 and not behaviour.comma_lists:
        if behaviour.unknown_list == 200:
            return text("", kind="application/json")
        return status_page(behaviour.unknown_list, "Unable to identify experiment")
    return None


def _experiments(call: Call, names: str, project: Project | None) -> list[Experiment]:
    """Return those that there are and that the user may read; the rest is not mentioned."""
    held = [_experiment(call, name.strip(), project) for name in names.split(",")]
    # The database is asked with IN (...): an id that is named twice comes once.
    readable = [found for found in held if found is not None and call.readable(found)]
    return list(dict.fromkeys(readable))


def _experiment(call: Call, name: str, project: Project | None) -> Experiment | None:
    found = call.archive.experiments.get(name)
    if found is not None or project is None:
        return found
    for experiment in call.archive.experiments.values():
        label = experiment.label if experiment.project == project.id else None
        if project.id in experiment.shared:
            label = experiment.shared[project.id] or experiment.label
        if label == name:
            return experiment
    return None
