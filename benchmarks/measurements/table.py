"""Headlines as values: what was measured on both sides, and what was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.measurements.site import Measured
from benchmarks.table import asked_for, shown_time

__all__ = ["Row", "markdown", "median"]


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    work : str
        What was done.
    ours, theirs : Measured or None
        Medians by time; `theirs` is None where bx has nothing to compare with.
    floor : float or None
        How many times faster it must be.
    limits : dict
        Further promises, each with whether it holds.
    """

    work: str
    ours: Measured
    theirs: Measured | None
    floor: float | None
    limits: dict[str, bool] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """How many times faster ours is."""
        return None if self.theirs is None else self.theirs.seconds / self.ours.seconds

    @property
    def holds(self) -> bool:
        """Whether everything asked for was reached."""
        fast = self.floor is None or (self.ratio is not None and self.ratio >= self.floor)
        return fast and all(self.limits.values())


def median(measured: Sequence[Measured]) -> Measured:
    """Return the one in the middle, by time."""
    return sorted(measured, key=lambda one: one.seconds)[len(measured) // 2]


def _cost(one: Measured | None) -> str:
    if one is None:
        return "-"
    return f"{one.about_project} / {one.bytes / 1e6:.2f} MB"


def markdown(rows: Sequence[Row]) -> str:
    """Return the table; costs are requests besides logging in and out, and bytes."""
    lines = [
        "| work | nearline | bx 0.9.2 | times faster | asked for | nearline's requests / bytes "
        "| bx's |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        theirs = "-" if row.theirs is None else shown_time(row.theirs.seconds)
        ratio = "-" if row.ratio is None else f"{row.ratio:.1f}"
        lines.append(
            f"| {row.work} | {shown_time(row.ours.seconds)} | {theirs} | {ratio} "
            f"| {asked_for(row.floor, row.limits)} | {_cost(row.ours)} | {_cost(row.theirs)} |"
        )
    return "\n".join(lines)
