"""What a run found out: what changed, what failed, what vouches for what, and what it cost."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["Report"]


@dataclass(frozen=True, slots=True)
class Report:
    """What one run of `nearline.collect` came to, for one measurement.

    Attributes
    ----------
    server, user : str
        URL without credentials, and who asked.
    projects : tuple of str
        Projects asked for.
    resource, measurement, parser : str
        Label of the resource, name of the measurement, version of its parser.
    level : {"fast", "normal", "strict", "full", "offline"}
        Level of verification.
    began : float
        Seconds since the epoch.
    seconds : float
        What the run took.
    added, changed, removed, unchanged : tuple of str
        Experiment ids, against the table that the last run left. Removed are those whose
        measurements are gone: with the session, or with the resource in it.
    vanished : tuple of str
        Experiment ids that the server no longer lists; those that had measurements are among
        `removed`.
    failed : mapping of str to str
        A sentence for each experiment id that could not be read in this run; nothing is cached
        about these, and the next run asks again.
    unread : mapping of str to str
        A sentence for each experiment id that has the resource, whose files are unreadable or of
        which some are missing: that is how they are, and they are asked for again when they
        change.
    statuses : mapping of str to int
        How many sessions are ``ok``, ``no resource``, ``file missing``, ``unreadable``,
        ``forbidden`` and ``failed``.
    vouched : mapping of str to int
        How many files each means vouched for: ``last_modified`` of the session, ``resources``
        (their rows), ``digest``, ``not modified`` (the server was asked), ``fetched``.
    notes : tuple of str
        Ambiguities, stale digests, and what else should be known.
    requests, bytes : int
        Sent to the server, and received from it, by the whole run: several measurements that
        were collected together share them.
    """

    server: str
    user: str
    projects: tuple[str, ...]
    resource: str
    measurement: str
    parser: str
    level: str
    began: float
    seconds: float
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    statuses: Mapping[str, int] = field(default_factory=dict)
    vouched: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    requests: int = 0
    bytes: int = 0

    @property
    def complete(self) -> bool:
        """Whether no session failed."""
        return not self.failed

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values; `began` as text in UTC."""
        values: dict[str, Any] = {}
        for one in dataclasses.fields(self):
            value = getattr(self, one.name)
            if isinstance(value, tuple):
                value = list(value)
            elif isinstance(value, Mapping):
                value = dict(value)
            values[one.name] = value
        values["began"] = datetime.fromtimestamp(self.began, UTC).isoformat(timespec="seconds")
        return values

    def to_json(self, path: Path | str | None = None) -> str:
        """Return the report as JSON, and write it to `path` if one is given."""
        text = json.dumps(self.as_dict(), indent=1)
        if path is not None:
            Path(path).write_text(text + "\n", encoding="utf-8")
        return text

    def __str__(self) -> str:
        """Return a few lines for people."""
        counts = ", ".join(f"{number} {status}" for status, number in self.statuses.items())
        vouched = ", ".join(f"{number} by {how}" for how, number in self.vouched.items())
        lines = [
            f"{self.measurement} of {', '.join(self.projects)} ({self.resource}) at {self.server}: "
            f"{counts or 'no sessions'}",
            f"  {len(self.added)} added, {len(self.changed)} changed, {len(self.removed)} removed, "
            f"{len(self.unchanged)} unchanged, {len(self.failed)} failed",
            f"  checked: {self.level}; files vouched for: {vouched or 'none'}",
            f"  {self.requests} requests, {self.bytes / 1e6:.2f} MB, {self.seconds:.2f} s",
        ]
        lines += _some([f"  failed: {one}: {why}" for one, why in self.failed.items()])
        lines += _some([f"  not read: {one}: {why}" for one, why in self.unread.items()])
        lines += _some([f"  note: {note}" for note in self.notes])
        return "\n".join(lines)


def _some(lines: list[str]) -> list[str]:
    """Return no more lines than somebody reads; all of them are in the JSON."""
    more = len(lines) - _SHOWN
    return lines if more <= 1 else [*lines[:_SHOWN], f"  ... and {more} more"]


_SHOWN = 20
