"""What commands print: a table for people, one JSON object for machines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

__all__ = ["JsonOption", "bytes_text", "print_json", "print_rows", "print_table"]

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]


def bytes_text(number: int) -> str:
    """Write a number of bytes in decimal units: ``1.5 MB``."""
    size, units = float(number), ["B", "kB", "MB", "GB", "TB"]
    while size >= 1000 and len(units) > 1:
        size /= 1000
        units.pop(0)
    return f"{size:.0f} B" if units[0] == "B" else f"{size:.1f} {units[0]}"


def print_json(values: Mapping[str, Any]) -> None:
    """Print one JSON object; paths become text."""
    typer.echo(json.dumps(values, indent=2, default=_plain))


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form.")


def print_table(values: Mapping[str, object]) -> None:
    """Print names and values in two columns; values without markup."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in values.items():
        table.add_row(name, "" if value is None else Console().render_str(str(value), markup=False))
    Console().print(table)


def print_rows(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print columns under their titles, numbers to the right; values without markup."""
    table = Table(box=None, pad_edge=False)
    for place, title in enumerate(titles):
        numbers = all(isinstance(row[place], int) for row in rows)
        table.add_column(title, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Console().render_str(_text(value), markup=False) for value in row))
    Console().print(table)


def _text(value: object) -> str:
    return "" if value is None else str(value)
