"""What a simulated XNAT holds: who is in it, who may read it, and how more comes in."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal

from nearline.testing.xnat.records import Experiment, Project, Resource, Subject

__all__ = ["GUEST", "Contents"]

GUEST = "guest"
"""Whoever has not signed in."""


class Contents:
    """Projects, subjects, experiments, scans and empty resources.

    Parameters
    ----------
    site : str
        What ids begin with.
    """

    def __init__(self, *, site: str = "XNAT") -> None:
        self.site = site
        self.lock = threading.RLock()
        self.projects: dict[str, Project] = {}
        self.subjects: dict[str, Subject] = {}
        self.experiments: dict[str, Experiment] = {}
        self._resources: dict[int, tuple[Experiment, Resource]] = {}
        self._made = {"subjects": 0, "experiments": 0, "resources": 100}
        self._now = datetime(2024, 2, 2, 9, 30, 0, 123000)

    def tick(self, seconds: float = 1.007) -> datetime:
        """Let the archive's own clock go on, as every change does; return what it shows."""
        with self.lock:
            self._now += timedelta(seconds=seconds)
            return self._now

    # --- what there is ------------------------------------------------------------

    def experiment(self, found: Experiment | str) -> Experiment:
        """Return an experiment by id; KeyError if there is none."""
        return found if isinstance(found, Experiment) else self.experiments[found]

    def resource(self, experiment: Experiment | str, found: Resource | str | int) -> Resource:
        """Return a resource by id, or the first of a label; KeyError if there is none."""
        if isinstance(found, Resource):
            return found
        for resource in self.experiment(experiment).resources:
            if found in (resource.id, resource.label):
                return resource
        raise KeyError(found)

    def resource_by_id(self, number: int) -> tuple[Experiment, Resource] | None:
        """Return a resource and what it belongs to, None if there is none."""
        return self._resources.get(number)

    def sessions(self, project: str) -> Iterator[Experiment]:
        """Yield experiments that a project owns or shares, without assessors, oldest first."""
        for experiment in self.experiments.values():
            if experiment.session is None and (
                experiment.project == project or project in experiment.shared
            ):
                yield experiment

    def assessors(self, session: Experiment | str) -> list[Experiment]:
        """Return the assessors of a session, oldest first."""
        held = self.experiment(session)
        return [other for other in self.experiments.values() if other.session == held.id]

    def can_read(self, user: str, found: Project | Experiment | str) -> bool:
        """Whether a user may read a project, or an experiment in any project that has it."""
        if isinstance(found, str):
            found = self.projects[found]
        if isinstance(found, Experiment):
            return any(self.can_read(user, name) for name in (found.project, *found.shared))
        if found.access == "public":
            return True
        if user == GUEST or user in found.denied:
            return False
        return found.members is None or user in found.members

    # --- adding ---------------------------------------------------------------------

    def add_project(
        self,
        id: str,  # noqa: A002 (XNAT's name)
        *,
        name: str = "",
        access: Literal["private", "protected", "public"] = "private",
        members: set[str] | None = None,
    ) -> Project:
        """Add a project; `members` may read it, None: whoever signs in."""
        with self.lock:
            project = Project(id, name or id, access, members, insert_date=self.tick())
            self.projects[id] = project
            return project

    def add_subject(self, project: str, label: str) -> Subject:
        """Return a project's subject of that label; add it if there is none."""
        with self.lock:
            for subject in self.subjects.values():
                if subject.project == project and subject.label == label:
                    return subject
            subject = Subject(self._id("subjects", "S"), label, project, insert_date=self.tick())
            self.subjects[subject.id] = subject
            return subject

    def add_session(
        self,
        project: str,
        *,
        subject: str,
        label: str = "",
        xsi_type: str = "xnat:mrSessionData",
        date: str = "2021-03-04",
    ) -> Experiment:
        """Add an experiment of a subject, and the subject if it is new."""
        with self.lock:
            owner = self.add_subject(project, subject)
            return self._add_experiment(project, owner.id, label, xsi_type, date, None)

    def add_assessor(
        self, session: Experiment | str, *, label: str = "", xsi_type: str = "fs:fsData"
    ) -> Experiment:
        """Add an assessor of a session; its resources are the ones that XNAT calls ``out``."""
        with self.lock:
            held = self.experiment(session)
            return self._add_experiment(
                held.project, held.subject_id, label, xsi_type, held.date, held.id
            )

    def _add_experiment(
        self, project: str, subject: str, label: str, xsi_type: str, date: str, session: str | None
    ) -> Experiment:
        number = self._id("experiments", "E")
        now = self.tick()
        experiment = Experiment(
            number, label or number, subject, project, xsi_type, date, now, now, session
        )
        self.experiments[number] = experiment
        return experiment

    def add_resource(self, experiment: Experiment | str, label: str) -> Resource:
        """Add an empty resource, also beside one of the same label."""
        with self.lock:
            held = self.experiment(experiment)
            return self._place(held, held.resources, label)

    def _place(self, held: Experiment, among: list[Resource], label: str) -> Resource:
        """Add an empty resource to those of an experiment, or of one of its scans."""
        self._made["resources"] += 1
        resource = Resource(self._made["resources"], label)
        among.append(resource)
        self._resources[resource.id] = (held, resource)
        held.last_modified = self.tick()
        return resource

    def _id(self, what: str, letter: str) -> str:
        self._made[what] += 1
        return f"{self.site}_{letter}{self._made[what]:05d}"
