"""The two shapes of a table: all that the files hold, and what bx's users know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .bx_views import BX_COLUMNS, bx_view
from .families import Measurement
from .rows import COLUMNS, Rows

__all__ = ["Shape", "bx_shape", "long_shape"]

_NUMBERS = frozenset({"value", "volume", "n_slices", "eTIV"})


@dataclass(frozen=True)
class Shape:
    """How rows become columns.

    Attributes
    ----------
    suffix : str
        Tells tables of one measurement apart.
    names : mapping of str to str
        Columns and their kinds, see `derive.write_table`.
    columns : callable
        Turns the rows of one session into columns.
    """

    suffix: str
    names: Mapping[str, str]
    columns: Callable[[Rows], Mapping[str, Any]]


def long_shape(measurement: Measurement) -> Shape:
    """Return the shape of `Collection.frame`: columns of the measurement, then ``eTIV``."""
    names = {name: _kind(name) for name in COLUMNS + measurement.extra} | {"eTIV": "number"}

    def columns(rows: Rows) -> Mapping[str, Any]:
        return rows.columns | {"eTIV": [rows.etiv] * len(rows)}

    return Shape("", names, columns)


def bx_shape(measurement: Measurement, label: str) -> Shape:
    """Return the shape of pyxnat's frame for a resource of that label.

    A column ``subject`` of its own, which the table of ASHS has, is called ``file_subject``.
    """
    renamed = {"subject": "file_subject"}
    names = {renamed.get(name, name): _kind(name) for name in BX_COLUMNS[measurement.name]}

    def columns(rows: Rows) -> Mapping[str, Any]:
        view = bx_view(rows, measurement.name, label)
        return {renamed.get(name, name): values for name, values in view.items()}

    return Shape(".bx", names, columns)


def _kind(name: str) -> str:
    return "number" if name in _NUMBERS else "text"
