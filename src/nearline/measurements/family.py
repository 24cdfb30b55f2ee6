"""What a family of measurements is: a pipeline, its resources, and the tables that they hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Protocol

from nearline.measurements.choose import Pattern
from nearline.measurements.rows import COLUMNS, Rows

__all__ = ["Family", "Measurement", "Parser", "family"]


class Parser(Protocol):
    """Reads the files of one measurement of one session."""

    def __call__(self, files: Mapping[str, bytes], *, where: str) -> Rows:
        """Return the rows of `files` (path inside the resource to bytes)."""
        ...


@dataclass(frozen=True, slots=True)
class Measurement:
    """One table that a family offers.

    Parameters
    ----------
    name : str
        As users and bx call it, such as ``aseg``.
    title : str
        What it is, for people.
    patterns : tuple of Pattern
        Files that it reads.
    parser : str
        ``module:function`` in this package, imported on use.
    parser_version : int
        Raised whenever the same bytes give other rows.
    extra : tuple of str
        Columns beside `COLUMNS`.
    """

    name: str
    title: str
    patterns: tuple[Pattern, ...]
    parser: str
    parser_version: int = 1
    extra: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of its rows, in order."""
        return COLUMNS + self.extra

    def parse(self, files: Mapping[str, bytes], *, where: str) -> Rows:
        """Read its files.

        Parameters
        ----------
        files : mapping of str to bytes
            Path inside the resource to the whole file, in the order of `choose`.
        where : str
            Names server, project and session in errors.

        Returns
        -------
        Rows
            All that the files hold.

        Raises
        ------
        UnreadableMeasurements
            A file is empty, cut, of another kind or contradicts itself.
        """
        module, _, function = self.parser.partition(":")
        parse: Parser = getattr(import_module(f"nearline.measurements.{module}"), function)
        return parse(files, where=where)


@dataclass(frozen=True, slots=True)
class Family:
    """A pipeline and its measurements.

    Parameters
    ----------
    name : str
        As bx calls it, such as ``freesurfer6``.
    title : str
        What it is, for people.
    labels : tuple of str
        Labels of its resources; the first is the one meant unless another is named.
    measurements : mapping of str to Measurement
        By name.
    """

    name: str
    title: str
    labels: tuple[str, ...]
    measurements: Mapping[str, Measurement]


def family(
    name: str, title: str, labels: Iterable[str], measurements: Iterable[Measurement]
) -> Family:
    """Return a family of these measurements.

    Parameters
    ----------
    name, title, labels
        As `Family` has them.
    measurements : iterable of Measurement
        In the order in which they are shown.

    Returns
    -------
    Family
        Its table cannot be changed.
    """
    table = MappingProxyType({one.name: one for one in measurements})
    return Family(name, title, tuple(labels), table)
