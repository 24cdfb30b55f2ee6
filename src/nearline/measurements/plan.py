"""What was asked for, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from nearline.errors import InvalidOption

from . import sync
from .families import Measurement, find

__all__ = ["Asked", "Plan", "planned"]


@dataclass(frozen=True)
class Asked:
    """A measurement, and the label of the resource that holds its files."""

    measurement: Measurement
    label: str


@dataclass(frozen=True)
class Plan:
    """What was asked for, checked; the attributes are the parameters of `collect`."""

    projects: tuple[str, ...]
    asked: tuple[Asked, ...]
    level: sync.Level
    place: sync.Place
    shared: bool
    on_error: Literal["report", "raise"]
    force: bool
    offline: bool
    max_rows: int | None


def planned(
    projects: str | Sequence[str],
    names: Sequence[str],
    *,
    resource: str | None = None,
    family: str | None = None,
    verify: str = "normal",
    shared: bool = False,
    where: str = "session",
    on_error: str = "report",
    force: bool = False,
    offline: bool = False,
    max_rows: int | None = None,
) -> Plan:
    """Check what was asked for."""
    if isinstance(projects, str):
        projects = [projects]
    projects = tuple(dict.fromkeys(projects))
    if not projects or not all(isinstance(one, str) and one for one in projects):
        raise InvalidOption("No project was named: give the id of one, or several.")
    if not names:
        raise InvalidOption("No measurement was named: give one such as 'aseg', or several.")
    if on_error not in ("report", "raise"):
        raise InvalidOption(f"on_error={on_error!r} is not known: use 'report' or 'raise'.")
    if force and offline:
        raise InvalidOption("force and offline contradict each other: leave one out.")
    if max_rows is not None and max_rows < 0:
        raise InvalidOption(f"max_rows={max_rows} must not be negative.")
    asked = []
    for name in dict.fromkeys(names):
        found, measurement = find(name, resource=resource, family=family)
        asked.append(Asked(measurement, resource or found.labels[0]))
    return Plan(
        projects, tuple(asked), sync.check_level(verify), sync.check_place(where), shared,
        "raise" if on_error == "raise" else "report", force, offline, max_rows,
    )  # fmt: skip
