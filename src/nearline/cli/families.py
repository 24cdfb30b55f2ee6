"""``nearline families``: what can be collected."""

from __future__ import annotations

from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from nearline.cli.output import JsonOption, print_json

__all__ = ["families"]


def families(json: JsonOption = False) -> None:
    """List the families of measurements, the labels of their resources, and their measurements."""
    from nearline.measurements.families import FAMILIES

    listed: list[dict[str, Any]] = [
        {
            "family": family.name,
            "title": family.title,
            "resources": list(family.labels),
            "measurements": {one.name: one.title for one in family.measurements.values()},
        }
        for family in FAMILIES.values()
    ]
    if json:
        print_json({"families": listed})
        return
    for one in listed:
        typer.echo(f"{one['family']}: {one['title']} (resource {', '.join(one['resources'])})")
        table = Table(show_header=False, box=None, pad_edge=False)
        for name, title in one["measurements"].items():
            table.add_row(f"  {name}", title)
        Console().print(table)
