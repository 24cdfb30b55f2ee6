"""From what a run gathered to collections: tables brought up to date, sessions, reports."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from .derive import Part, Table, open_table, write_table
from .families import choose
from .reading import parser_of
from .report import Report
from .table import Collection, SessionRow

if TYPE_CHECKING:
    from .plan import Asked, Plan
    from .records import Result
    from .rows import Rows
    from .run import ProjectRun
    from .shapes import Shape
    from .store import MeasurementStore

__all__ = ["tabulate"]


def tabulate(
    store: MeasurementStore,
    plan: Plan,
    shapes: Sequence[Shape],
    runs: Sequence[ProjectRun],
    began: float,
) -> list[Collection]:
    """Bring the tables of all measurements up to date, and give a collection for each."""
    return [
        _Measured(store, plan, asked, shape, began).collection(
            [run for run in runs if run.scope.resource == asked.label]
        )
        for asked, shape in zip(plan.asked, shapes, strict=True)
    ]


class _Measured:
    """One measurement of a run."""

    def __init__(
        self, store: MeasurementStore, plan: Plan, asked: Asked, shape: Shape, began: float
    ) -> None:
        self.store = store
        self.plan = plan
        self.asked = asked
        self.measurement = asked.measurement
        self.name = asked.measurement.name
        self.shape = shape
        self.level = "offline" if plan.offline else plan.level
        self.began = began

    def collection(self, runs: Sequence[ProjectRun]) -> Collection:
        """Join the projects."""
        tables, rows = [], []
        keys_before: dict[str, str] = {}
        vouched: Counter[str] = Counter()
        for run in runs:
            before = open_table(self._path(run))
            if before is not None:
                keys_before |= {part.ID: part.key for part in before.parts}
            mine = self._sessions(run)
            wanted = frozenset(row.ID for row in mine if row.has_rows)
            tables.append(replace(self._table(run, before), wanted=wanted))
            rows += mine
            vouched.update(run.gathered.vouched[self.name])
        report = self._report(runs, rows, keys_before, vouched)
        return Collection(tables, rows, report, self._facts(runs, checked=True))

    def _path(self, run: ProjectRun) -> Any:
        return self.store.table_path(run.scope, self.name + self.shape.suffix)

    def _table(self, run: ProjectRun, before: Table | None) -> Table:
        """Bring one project's table up to date; it may hold more than this run was about."""
        results = self.store.results(run.number, self.name, parser_of(self.measurement))
        results |= run.gathered.results[self.name]
        names = {
            one: (record.project, record.subject, record.label)
            for one, record in self.store.sessions(run.number).items()
        }
        names |= {one.id: (one.project, one.subject_label, one.label) for one in run.experiments}
        parts = [
            Part(
                *names[one], one, result.key, -1, result.version, result.facts, result.read,
                result.files,
            )
            for one, result in results.items()
            if result.key and one in names
        ]  # fmt: skip
        parts.sort(key=lambda part: (part.project, part.subject, part.ID))
        return write_table(
            self._path(run),
            parts,
            self.shape.names,
            self._facts([run], checked=False),
            lambda part: self.shape.columns(self._rows(run, part)),
            before=before,
        )

    def _rows(self, run: ProjectRun, part: Part) -> Rows:
        """Return rows that were parsed in this run, or parse them again."""
        rows = run.gathered.rows.get((self.name, part.ID))
        if rows is not None:
            return rows
        listing = self.store.listing(run.number, part.ID)
        choice = choose([file.path for file in listing], self.measurement)
        held = self.store.files(run.number, part.ID)[part.ID]
        data = {path: self.store.bytes_of(held[path]) for path in choice.paths}
        where = f"{run.scope.server}, project {part.project}, session {part.session} ({part.ID})"
        return self.measurement.parse(
            {path: content or b"" for path, content in data.items()}, where=where
        )

    def _sessions(self, run: ProjectRun) -> list[SessionRow]:
        results, failures = run.gathered.results[self.name], run.gathered.failures
        rows = []
        for one in run.experiments:
            failure = failures.get((self.name, one.id))
            result = results.get(one.id)
            status, why, note, version = "failed", "", "", ""
            files: tuple[tuple[str, str, str], ...] = ()
            facts: Mapping[str, Any] = {}
            read = None
            if failure is not None:
                status, why = failure.status, failure.why
            elif result is not None:
                status, why, note, version = result.status, result.why, result.note, result.version
                files, facts, read = result.files, result.facts, result.read or None
            rows.append(
                SessionRow(
                    one.project, one.subject_label, one.label, one.id, one.date, one.shared,
                    status, why, note, version, files, facts, read,
                    failure is None and result is not None and bool(result.key),
                )
            )  # fmt: skip
        return rows

    def _report(
        self,
        runs: Sequence[ProjectRun],
        rows: Sequence[SessionRow],
        before: Mapping[str, str],
        vouched: Counter[str],
    ) -> Report:
        keys: dict[str, str] = {}
        for run in runs:
            results: Mapping[str, Result] = run.gathered.results[self.name]
            keys |= {one: result.key for one, result in results.items() if result.key}
        shown = [row for row in rows if row.has_rows]
        failed = {row.ID: row.why for row in rows if row.status in ("failed", "forbidden")}
        gone = tuple(one for run in runs for one in run.gathered.vanished)
        failing = {one for run in runs for name, one in run.gathered.failures if name == self.name}
        there = {row.ID for row in shown}
        selected = {row.ID for row in rows} | set(gone)
        statuses = Counter(row.status for row in rows)
        notes = [f"{row.session} ({row.ID}): {row.note}" for row in rows if row.note]
        notes += [
            f"project {run.scope.project} lists no sessions for this user"
            for run in runs
            if not run.experiments
        ]
        scope = runs[0].scope
        return Report(
            server=scope.server,
            user=scope.login,
            projects=self.plan.projects,
            resource=self.asked.label,
            measurement=self.name,
            parser=parser_of(self.measurement),
            level=self.level,
            began=self.began,
            seconds=time.time() - self.began,
            added=tuple(row.ID for row in shown if row.ID not in before),
            changed=tuple(r.ID for r in shown if before.get(r.ID, keys[r.ID]) != keys[r.ID]),
            removed=tuple(one for one in before if one in selected and one not in there | failing),
            unchanged=tuple(row.ID for row in shown if before.get(row.ID) == keys[row.ID]),
            vanished=gone,
            failed=failed,
            unread={
                row.ID: row.why for row in rows if row.status in ("unreadable", "file missing")
            },
            statuses={status: statuses[status] for status in _STATUSES if statuses[status]},
            vouched=dict(vouched),
            notes=tuple(notes),
        )

    def _facts(self, runs: Sequence[ProjectRun], *, checked: bool) -> dict[str, Any]:
        """Return provenance; `checked` is false for a table, which later checks do not change."""
        scope = runs[0].scope
        return {
            "server": scope.server,
            "user": scope.login,
            "projects": [run.scope.project for run in runs],
            "resource": scope.resource,
            "where": scope.place,
            "measurement": self.name,
            "parser": parser_of(self.measurement),
            "level" if checked else "level_when_written": self.level,
            "checked" if checked else "written": datetime.fromtimestamp(self.began, UTC).isoformat(
                timespec="seconds"
            ),
        }


_UNREAD = ("unreadable", "file missing")
_STATUSES = ("ok", "no resource", "file missing", "unreadable", "forbidden", "failed")
