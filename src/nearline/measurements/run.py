"""A run: every project, and every resource that the measurements lie in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from nearline.errors import NearlineError, NotFound, Offline
from nearline.xnat.inventory import Experiment

from .gather import Gathering, Progress
from .records import Scope
from .session_work import Gathered

if TYPE_CHECKING:
    from nearline.xnat.client import FileAnswer
    from nearline.xnat.inventory import File, Resource

    from .origin import Origin
    from .plan import Plan
    from .store import MeasurementStore
    from .sync import Place

__all__ = ["HeldOrigin", "ProjectRun", "run"]

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class ProjectRun:
    """What one project and one resource came to.

    Attributes
    ----------
    scope : Scope
        What it is about.
    number : int
        The scope's in the store.
    experiments : tuple of Experiment
        Sessions that were wanted.
    gathered : Gathered
        What became of them.
    """

    scope: Scope
    number: int
    experiments: tuple[Experiment, ...]
    gathered: Gathered


def run(
    origin: Origin, store: MeasurementStore, plan: Plan, progress: Progress | None
) -> list[ProjectRun]:
    """Bring everything that a plan names up to date.

    Raises
    ------
    NotFound
        No session has a resource that was asked for.
    """
    listed = {
        one: origin.experiments(one, shared=plan.shared, place=plan.place) for one in plan.projects
    }
    wanted = _once_each(listed, plan.max_rows)
    labels = tuple(dict.fromkeys(asked.label for asked in plan.asked))
    runs = []
    for label in labels:
        measurements = [asked.measurement for asked in plan.asked if asked.label == label]
        mine = []
        for project in plan.projects:
            scope = Scope(origin.server, origin.user, project, label, plan.place)
            gathering = Gathering(
                origin, store, scope, measurements, plan.level, force=plan.force, progress=progress
            )
            gathered = gathering.run(
                wanted[project], [one.id for one in listed[project]], shared=plan.shared
            )
            # Bytes are only left over where sessions or their files have changed.
            if gathering.wrote:
                store.sweep()
            mine.append(ProjectRun(scope, gathering.number, tuple(wanted[project]), gathered))
        _refuse_what_nobody_has(mine, plan)
        runs += mine
    return runs


def _once_each(
    listed: Mapping[str, Sequence[Experiment]], limit: int | None
) -> dict[str, list[Experiment]]:
    """Give each session to one project: the one that owns it, else the first that lists it."""
    owner: dict[str, str] = {}
    for project, experiments in listed.items():
        for one in experiments:
            if one.id not in owner or not one.shared:
                owner[one.id] = project
    room = sum(len(experiments) for experiments in listed.values()) if limit is None else limit
    wanted: dict[str, list[Experiment]] = {}
    for project, experiments in listed.items():
        mine = list({one.id: one for one in experiments if owner[one.id] == project}.values())
        wanted[project] = mine[:room]
        room -= len(wanted[project])
    return wanted


def _refuse_what_nobody_has(runs: Sequence[ProjectRun], plan: Plan) -> None:
    statuses = [
        result.status
        for run in runs
        for results in run.gathered.results.values()
        for result in results.values()
    ]
    failed = any(run.gathered.failures for run in runs)
    if failed or not statuses or any(status != "no resource" for status in statuses):
        return
    scope = runs[0].scope
    seen = sum((run.gathered.labels for run in runs[1:]), runs[0].gathered.labels)
    known = ", ".join(f"{label} ({count} sessions)" for label, count in seen.most_common(8))
    there = f"; there are {known}" if known else ""
    raise NotFound(
        f"None of the {sum(len(run.experiments) for run in runs)} sessions of "
        f"{', '.join(plan.projects)} at {scope.server} has a resource {scope.resource}{there}. "
        "Name another one by resource=, or use where='any' if results lie in assessors."
    )


class HeldOrigin:
    """In place of a server: what the last run saw, and nothing beyond.

    Parameters
    ----------
    store : MeasurementStore
        What is held.
    server, user : str
        Whose.
    """

    not_modified: bool | None = False
    offline = True

    def __init__(self, store: MeasurementStore, server: str, user: str) -> None:
        self._store = store
        self.server = server
        self.user = user

    def experiments(self, project: str, *, shared: bool, place: Place) -> Sequence[Experiment]:
        """List the sessions that are held of a project, whatever the resource."""
        del place
        found = {
            one.experiment: one
            for one in self._store.held_of_project(self.server, self.user, project)
            if shared or not one.shared
        }
        if not found:
            raise Offline(
                f"Nothing is held of project {project} at {self.server} for user "
                f"{self.user or 'guest'}: collect it once without offline."
            )
        return [
            Experiment(
                id=one.experiment, label=one.label, subject_id="", subject_label=one.subject,
                project=one.project, xsi_type="", last_modified=one.held.last_modified,
                date=one.date, shared=one.shared,
            )
            for one in found.values()
        ]  # fmt: skip

    def resources(
        self, experiments: Sequence[str], place: Place, known_empty: Iterable[str] = ()
    ) -> tuple[Mapping[str, tuple[Resource, ...]], Mapping[str, NearlineError]]:
        """Refuse: what was not held would have to be asked for."""
        del place, known_empty
        return {}, {one: self._refusal(f"session {one}") for one in experiments}

    def files(
        self, resources: Mapping[str, Resource]
    ) -> Iterator[tuple[Mapping[str, tuple[File, ...]], Mapping[str, NearlineError]]]:
        """Refuse."""
        yield {}, {one: self._refusal(f"session {one}") for one in resources}

    def file(self, uri: str, since: str | None, *, about: str, size: int | None) -> FileAnswer:
        """Refuse."""
        del uri, since, size
        raise self._refusal(about)

    def each(
        self, function: Callable[[Item], Outcome], items: Iterable[Item]
    ) -> Iterator[tuple[Item, Outcome | NearlineError]]:
        """Call a function for every item."""
        for item in items:
            try:
                outcome: Outcome | NearlineError = function(item)
            except NearlineError as error:
                outcome = error
            yield item, outcome

    def try_conditions(self, uri: str, *, about: str) -> None:
        """Refuse."""
        del uri
        raise self._refusal(about)

    def _refusal(self, what: str) -> Offline:
        return Offline(f"{what} of {self.server} is not held, and offline=True asks no server.")
