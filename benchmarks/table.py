"""Headlines as values: what was measured, on both sides, and what was asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.stage import Measured

__all__ = ["Row", "Side", "asked_for", "markdown", "pairs", "shown_time"]


@dataclass(frozen=True)
class Side:
    """The medians of one side's measurements, and the seconds of each of them."""

    seconds: float
    requests: int
    bytes: int
    trips: int
    facts: dict[str, Any]
    each_s: list[float]

    @classmethod
    def of(cls, measured: Sequence[Measured]) -> Side:
        """Take the median of each figure; other facts from the first measurement.

        Raises
        ------
        RuntimeError
            Some measurements asked the server and others did not, or some got several times the
            bytes of others: they did not measure the same work.
        """
        amounts = [m.bytes for m in measured]
        if len({m.requests > 0 for m in measured}) > 1 or max(amounts) > 2 * min(amounts):
            raise RuntimeError(f"Cold and warm measurements are mixed: {measured}")
        facts: dict[str, Any] = {}
        for name, value in measured[0].facts.items():
            numeric = isinstance(value, int | float)
            facts[name] = median(m.facts[name] for m in measured) if numeric else value
        return cls(
            seconds=median(m.seconds for m in measured),
            requests=round(median(m.requests for m in measured)),
            bytes=round(median(m.bytes for m in measured)),
            trips=round(median(m.trips for m in measured)),
            facts=facts,
            each_s=[m.seconds for m in measured],
        )


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    work : str
        What was done.
    ours, theirs : Side
        Medians.
    floor : float or None
        How many times faster it must be.
    limits : dict
        Further promises, each with whether it holds.
    unit : {"s", "MB"}
        Of the figures compared: time, or the facts "held" and "peak".
    """

    work: str
    ours: Side
    theirs: Side
    floor: float | None
    limits: dict[str, bool]
    unit: str = "s"

    @property
    def ratio(self) -> float:
        """How many times faster ours is."""
        return self.theirs.seconds / self.ours.seconds

    @property
    def holds(self) -> bool:
        """Whether everything asked for was reached."""
        return (self.floor is None or self.ratio >= self.floor) and all(self.limits.values())


def pairs(
    repeat: int, ours: Callable[[], Measured], theirs: Callable[[], Measured]
) -> tuple[Side, Side, list[Measured], list[Measured]]:
    """Measure both sides in turn, so that a noisy minute hits both."""
    one: list[Measured] = []
    two: list[Measured] = []
    for _ in range(repeat):
        one.append(ours())
        two.append(theirs())
    return Side.of(one), Side.of(two), one, two


def asked_for(floor: float | None, limits: Mapping[str, bool]) -> str:
    """Write what was asked for, and whether each further promise holds."""
    asked = [] if floor is None else [f"{floor:g}"]
    asked += [f"{limit}: {'yes' if kept else 'NO'}" for limit, kept in limits.items()]
    return "; ".join(asked) or "-"


def shown_time(seconds: float) -> str:
    """Write a time with a unit of its size."""
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.2f} s"


def _cost(side: Side) -> str:
    if not side.requests:
        return "0"
    amount = f"{side.bytes / 1e6:.2f} MB" if side.bytes >= 10_000 else f"{side.bytes} B"
    return f"{side.requests} / {side.trips} / {amount}"


def markdown(rows: Sequence[Row]) -> str:
    """Return the table; costs are requests / round trips / bytes."""
    lines = [
        "| work | nearline | highdicom + s3fs | times faster | asked for | "
        "nearline's requests / round trips / bytes | theirs |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.work} | {shown_time(row.ours.seconds)} | {shown_time(row.theirs.seconds)} "
        f"| {row.ratio:.1f} | {asked_for(row.floor, row.limits)} "
        f"| {_cost(row.ours)} | {_cost(row.theirs)} |"
        for row in rows
    ]
    return "\n".join(lines)
