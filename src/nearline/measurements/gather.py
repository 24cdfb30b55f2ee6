"""One project's part of a run: take the inventory, fetch what is needed, commit each session.

Every file is kept as soon as it has come, and every session is committed as soon as its files are
here. Whatever stops a run, the next one goes on from there.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from nearline.errors import NearlineError

from . import sync
from .choose import Choice
from .families import Measurement, choose
from .fetching import Fetching
from .held import HeldFile, HeldSession, Listed, rows_stamp, stamp
from .reading import Reading, no_resource, parser_of, read, unread
from .records import Result, Scope, SessionRecord
from .session_work import Failure, Gathered, Unlisted, Work

if TYPE_CHECKING:
    from nearline.xnat.inventory import Experiment, Resource

    from .origin import Origin
    from .store import MeasurementStore

__all__ = ["Gathering", "Progress"]

Progress = Callable[[int, int], None]


class Gathering:
    """A project's part of a run.

    Parameters
    ----------
    origin : Origin
        The server.
    store : MeasurementStore
        Where everything is kept.
    scope : Scope
        What it is about.
    measurements : sequence of Measurement
        What is wanted of every session.
    level : str
        Level of verification.
    force : bool, optional
        Trust nothing that is held.
    progress : callable, optional
        Called with the number of sessions done, and of all.
    """

    def __init__(
        self,
        origin: Origin,
        store: MeasurementStore,
        scope: Scope,
        measurements: Sequence[Measurement],
        level: sync.Level,
        *,
        force: bool = False,
        progress: Progress | None = None,
    ) -> None:
        self.origin = origin
        self.store = store
        self.scope = scope
        self.measurements = tuple(measurements)
        self.level = level
        self.force = force
        self.progress = progress
        self.number = store.scope(scope)
        self.began = time.time()
        self.wrote = False
        self.done = Gathered({one.name: {} for one in self.measurements})
        self.done.vouched = {one.name: Counter() for one in self.measurements}
        self._fresh: dict[str, list[Result]] = {one.name: [] for one in self.measurements}
        self._known: dict[str, dict[str, Result]] = {}
        self._finished: set[str] = set()
        self._total = 0

    def run(
        self, experiments: Sequence[Experiment], listed: Iterable[str], *, shared: bool
    ) -> Gathered:
        """Bring the sessions of a project up to date.

        Parameters
        ----------
        experiments : sequence of Experiment
            Those wanted.
        listed : iterable of str
            Experiment ids of all that the server lists: what is held beyond these has vanished.
        shared : bool
            Whether sessions shared into the project are among these.
        """
        self._total = len(experiments)
        held = self.store.sessions(self.number)
        files = self.store.files(self.number)
        comparable = (one for one, record in held.items() if shared or not record.shared)
        self.done.vanished = sync.vanished(listed, comparable)
        if self.done.vanished:
            self.store.drop_sessions(self.number, self.done.vanished)
            self.wrote = True
        self._known = {
            one.name: self.store.results(self.number, one.name, parser_of(one))
            for one in self.measurements
        }
        sessions = self._inventory(experiments, held, files)
        fetching = Fetching(
            self.origin, self.store, self.scope, self.number, self.level, force=self.force,
            complete=self._complete, give_up=self._fail_all,
        )  # fmt: skip
        try:
            if sessions:
                fetching.run(sessions)
        finally:
            for name, results in self._fresh.items():
                if results:
                    self.store.put_results(self.number, name, results)
        if not self.origin.offline:
            self.store.checked(self.number, self.level, self.began)
        return self.done

    # --- the inventory ---------------------------------------------------------------

    def _inventory(
        self,
        experiments: Sequence[Experiment],
        held: Mapping[str, SessionRecord],
        files: Mapping[str, dict[str, HeldFile]],
    ) -> Iterable[Work | Unlisted]:
        """Find out which sessions need work; settle those that need none."""
        by_id = {one.id: one for one in experiments}
        known = {one: record.held for one, record in held.items()}
        modified = {one.id: one.last_modified for one in experiments}
        if self.origin.offline:
            asked = tuple(one for one in modified if one not in known)
        else:
            asked = sync.to_look_up(self.level, modified, known, force=self.force)
        empty = [one for one in asked if one in known and _still_empty(known[one], modified[one])]
        found, errors = self.origin.resources(asked, self.scope.place, empty)
        self._fail_all(asked, found, errors)
        picked: dict[str, tuple[Resource, str, str]] = {}
        rows: dict[str, str] = {}
        for one, resources in found.items():
            self.done.labels.update({resource.label for resource in resources})
            chosen, candidates, note = sync.pick_resource(
                resources, self.scope.resource, self.scope.place
            )
            rows[one] = rows_stamp(candidates)
            if chosen is None:
                self._lacks(by_id[one], has_others=bool(resources))
            else:
                picked[one] = (chosen, rows[one], note)
        wanted = sync.to_list(self.level, modified, rows, known, force=self.force)
        settled = by_id.keys() - self._finished - set(wanted)
        sessions = self._unchanged([by_id[one] for one in by_id if one in settled], held, files)

        def listed() -> Iterator[Work | Unlisted]:
            """Yield the others while they are listed; runs in workers, and settles nothing."""
            silent = dict.fromkeys(wanted)
            for listings, errors in self.origin.files({one: picked[one][0] for one in wanted}):
                for one, listing in listings.items():
                    silent.pop(one, None)
                    chosen, row, note = picked[one]
                    record = self._record(by_id[one], HeldSession(modified[one], row, True), note)
                    mine = {f.path: Listed.of(f) for f in listing if f.resource_id == chosen.id}
                    yield self._session(by_id[one], record, mine, files, chosen)
                for one in errors:
                    silent.pop(one, None)
                    yield Unlisted(one, errors)
            for one in silent:
                yield Unlisted(one, {})

        return chain(sessions, listed()) if wanted else sessions

    def _unchanged(
        self,
        experiments: Sequence[Experiment],
        held: Mapping[str, SessionRecord],
        files: Mapping[str, dict[str, HeldFile]],
    ) -> list[Work]:
        """Settle sessions that are what they were, from their results; return the others."""
        records = {
            one.id: self._record(one, held[one.id].held, held[one.id].note) for one in experiments
        }
        renamed = [one for one in records.values() if _names(one) != _names(held[one.experiment])]
        if renamed and not self.origin.offline:
            self.store.rename_sessions(self.number, renamed)
        voucher = "last_modified" if self.level == "fast" else "resources"
        unread = []
        for experiment in experiments:
            one = experiment.id
            if not records[one].held.has_resource:
                self._lacks(experiment)
            elif not self.force and all(one in known for known in self._known.values()):
                for name, known in self._known.items():
                    self.done.results[name][one] = known[one]
                    self.done.vouched[name][voucher] += len(known[one].files)
                self._finish(one)
            else:
                listed = self.store.listing(self.number, one)
                listing = {file.path: file for file in listed}
                unread.append(self._session(experiment, records[one], listing, files, None))
        return unread

    def _record(self, experiment: Experiment, held: HeldSession, note: str) -> SessionRecord:
        return SessionRecord(
            experiment.id, experiment.label, experiment.subject_label, experiment.project,
            experiment.date, experiment.shared, held, note, self.level, self.began,
        )  # fmt: skip

    def _session(
        self,
        experiment: Experiment,
        record: SessionRecord,
        listing: dict[str, Listed],
        files: Mapping[str, dict[str, HeldFile]],
        resource: Resource | None,
    ) -> Work:
        """Begin work on a session; `resource` is what was listed in this run, if it was."""
        held = dict(files.get(experiment.id, {}))
        for path, file in held.items():
            if file.stale and path in listing and listing[path].digest != file.stale:
                held[path] = replace(file, stale="")
        return Work(
            experiment,
            record,
            resource,
            resource is not None,
            stamp(record.held.last_modified, record.held.rows),
            listing,
            {one.name: choose(listing, one) for one in self.measurements},
            held,
        )

    def _lacks(self, experiment: Experiment, *, has_others: bool | None = None) -> None:
        """Settle a session that lacks the resource; commit it if that was found in this run."""
        if has_others is not None:
            held = HeldSession(experiment.last_modified, "" if has_others else _EMPTY, False)
            self.store.commit_session(self.number, self._record(experiment, held, ""), (), ())
        for one in self.measurements:
            result = no_resource(experiment.id, one, self.scope.resource)
            self.done.results[one.name][experiment.id] = result
        self._finish(experiment.id)

    def _fail(self, experiment: str, failure: Failure) -> None:
        """Settle a session of which nothing can be said."""
        for one in self.measurements:
            self.done.failures[one.name, experiment] = failure
        self._finish(experiment)

    def _fail_all(
        self,
        asked: Iterable[str],
        found: Mapping[str, object],
        errors: Mapping[str, NearlineError],
    ) -> None:
        """Settle the sessions that the server did not answer for."""
        for one in asked:
            if one in errors:
                self._fail(one, Failure.of(errors[one]))
            elif one not in found:
                why = f"{self.scope.server} left session {one} out of its answer"
                self._fail(one, Failure("failed", why))

    def _finish(self, experiment: str) -> None:
        self._finished.add(experiment)
        if self.progress is not None:
            self.progress(len(self._finished), self._total)

    # --- sessions --------------------------------------------------------------------

    def _complete(self, session: Work) -> None:
        """Read a session whose files are here, and commit it if none is missing."""
        one = session.experiment.id
        readings: dict[str, Reading] = {}
        for measurement in self.measurements:
            choice = session.choices[measurement.name]
            failed = [session.failures[path] for path in choice.paths if path in session.failures]
            if failed:
                self.done.failures[measurement.name, one] = failed[0]
                continue
            reading = self._read(session, measurement, choice)
            if reading is None:
                why = f"its files in the cache {self.store.folder} were damaged: collect it again"
                self.done.failures[measurement.name, one] = Failure("failed", why)
                session.failures |= dict.fromkeys(choice.paths, Failure("failed", why))
                self.store.drop_files(self.number, [(one, path) for path in choice.paths])
                continue
            readings[measurement.name] = reading
        self._forget_unverified(session, readings)
        if session.renewed and not session.failures:
            files = [self._vouched(session, file) for file in session.files.values()]
            good = [file for file in files if file is not None]
            self.store.commit_session(self.number, session.record, session.listing.values(), good)
            self.wrote = True
        for name, reading in readings.items():
            self.done.results[name][one] = reading.result
            if reading.rows is not None:
                self.done.rows[name, one] = reading.rows
            # Without the session there is nothing that a result would be vouched for by.
            if not session.failures:
                self._fresh[name].append(reading.result)
            self.done.vouched[name].update(
                session.vouchers[path] for path in session.choices[name].paths
            )
        self._finish(one)

    def _read(self, session: Work, measurement: Measurement, choice: Choice) -> Reading | None:
        experiment = session.experiment
        if not choice:
            return Reading(unread(experiment.id, measurement, choice, self.scope.resource), None)
        where = (
            f"{self.scope.server}, project {self.scope.project}, session {experiment.label} "
            f"({experiment.id})"
        )
        return read(
            experiment.id,
            measurement,
            choice,
            session.files,
            self.store.bytes_of,
            where=where,
            note=session.record.note,
            known=self._known[measurement.name].get(experiment.id),
        )

    def _forget_unverified(self, session: Work, readings: Mapping[str, Reading]) -> None:
        """Forget unreadable files that no digest vouches for: they may be garbled in transit."""
        bad = {
            path
            for name, reading in readings.items()
            if reading.result.status == "unreadable"
            for path in session.choices[name].paths
            if session.files[path].md5 != session.listing[path].digest
        }
        if bad:
            one = session.experiment.id
            self.store.drop_files(self.number, [(one, path) for path in bad])
            for path in bad:
                session.files.pop(path)
                session.failures[path] = Failure("unreadable", "")

    @staticmethod
    def _vouched(session: Work, file: HeldFile) -> HeldFile | None:
        """Return a file as it is kept under the new inventory; None if it is not."""
        listed = session.listing.get(file.path)
        if listed is None:
            return None
        if file.path in session.vouchers:
            stale = file.stale if file.stale == listed.digest else ""
            return replace(
                file,
                resource_id=listed.resource_id,
                uri=listed.uri,
                stale=stale,
                stamp=session.stamp,
            )
        return file if sync.still_good(listed, file, session.stamp) else None


_EMPTY = "no resources"
"""In place of the stamp of rows: the session had no resource at all."""


def _names(record: SessionRecord) -> tuple[object, ...]:
    return record.label, record.subject, record.project, record.date, record.shared


def _still_empty(held: HeldSession, last_modified: str) -> bool:
    return held.rows == _EMPTY and held.last_modified == last_modified
