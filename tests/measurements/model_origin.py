"""A server in memory that answers a run directly: what it holds, how it lies, what it was asked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from email.utils import formatdate
from hashlib import md5
from typing import Any

from nearline.errors import NearlineError, NotFound, Unavailable

__all__ = ["ModelOrigin", "ModelSession"]


@dataclass(frozen=True)
class Experiment:
    id: str
    label: str
    subject_id: str
    subject_label: str
    project: str
    xsi_type: str
    last_modified: str
    date: str
    shared: bool


@dataclass(frozen=True)
class Resource:
    experiment_id: str
    assessor_id: str | None
    id: str
    label: str
    file_count: int | None
    file_size: int | None


@dataclass(frozen=True)
class File:
    experiment_id: str
    resource_id: str
    path: str
    uri: str
    size: int | None
    digest: str


@dataclass(frozen=True)
class Answer:
    data: bytes | None
    last_modified: str | None


@dataclass
class ModelSession:
    """One session; `digests` holds what the server lists where that is not the truth."""

    files: dict[str, bytes]
    last_modified: int = 1
    resource_id: int = 100
    label: str = "FREESURFER6"
    digests: dict[str, str] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)

    def listed(self, path: str) -> str:
        return self.digests.get(path, md5(self.files[path]).hexdigest())


class ModelOrigin:
    """See the module."""

    server = "https://xnat.example.org"
    user = "me"
    offline = False

    def __init__(self, sessions: dict[str, ModelSession], *, not_modified: bool = True) -> None:
        self.sessions = sessions
        self.not_modified = not_modified
        self.asked: Counter[str] = Counter()
        self.fetched: list[str] = []
        self.faults: dict[str, Exception] = {}
        self.stop_after: int | None = None
        self.before_file: Any = None
        self.clock = 0

    # --- changes -----------------------------------------------------------------

    def write(
        self, one: str, path: str, data: bytes, *, digest: str = "new", bump: bool = True
    ) -> None:
        """Overwrite a file; its digest becomes true, blank, or stays what was listed."""
        session = self.sessions[one]
        before = session.listed(path) if path in session.files else ""
        session.files[path] = data
        session.digests.pop(path, None)
        if digest == "blank":
            session.digests[path] = ""
        elif digest == "old":
            session.digests[path] = before
        self.clock += 1
        session.written[path] = self.clock
        if bump:
            session.last_modified += 1

    # --- answers -------------------------------------------------------------------

    def experiments(
        self, project: str = "P", *, shared: bool = False, place: str = "session"
    ) -> list[Experiment]:
        self.asked["experiments"] += 1
        return [
            Experiment(
                one, f"{one}_MR", "", f"sub-{one}", project, "", str(s.last_modified), "", False
            )
            for one, s in self.sessions.items()
        ]

    def resources(
        self, experiments: Any, place: str, empty: Any = ()
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        found, errors = {}, {}
        for one in experiments:
            self.asked["resources"] += 1
            if f"{one}/resources" in self.faults:
                errors[one] = self.faults[f"{one}/resources"]
                continue
            session = self.sessions[one]
            sizes = sum(len(data) for data in session.files.values())
            row = Resource(
                one, None, str(session.resource_id), session.label, len(session.files), sizes
            )
            found[one] = (row,) if session.files else ()
        return found, errors

    def files(self, resources: Any) -> Any:
        for one, resource in resources.items():
            self.asked["files"] += 1
            if f"{one}/files" in self.faults:
                yield {}, {one: self.faults[f"{one}/files"]}
                continue
            session = self.sessions[one]
            listed = tuple(
                File(one, resource.id, path, f"/data/{one}/{path}", len(data), session.listed(path))
                for path, data in session.files.items()
            )
            yield {one: listed}, {}

    def try_conditions(self, uri: str, *, about: str) -> None:
        raise AssertionError("it is known")

    def file(self, uri: str, since: str | None, **_: Any) -> Answer:
        _, _, one, path = uri.split("/", 3)
        if self.stop_after is not None and len(self.fetched) >= self.stop_after:
            raise KeyboardInterrupt
        if self.before_file is not None:
            self.before_file(one, path)
        fault = self.faults.get(f"{one}/{path}")
        if fault is not None:
            raise fault
        session = self.sessions[one]
        if path not in session.files:
            raise NotFound(f"{uri} is not there")
        modified = formatdate(1e9 + session.written.get(path, 0), usegmt=True)
        if since == modified:
            self.asked["not modified"] += 1
            return Answer(None, modified)
        self.fetched.append(f"{one}/{path}")
        return Answer(session.files[path], modified)

    def each(self, function: Any, items: Any) -> Any:
        for item in items:
            try:
                outcome = function(item)
            except NearlineError as error:
                outcome = error
            yield item, outcome


def unavailable() -> Unavailable:
    return Unavailable("503 after all retries")
