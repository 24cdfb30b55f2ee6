"""``nearline collect``: measurements of whole projects, as a table."""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nearline.cli.output import JsonOption, print_json
from nearline.errors import InvalidOption

if TYPE_CHECKING:
    from nearline.measurements.table import Collection

__all__ = ["collect"]

SUFFIXES = (".parquet", ".csv", ".xlsx")


def collect(
    measurements: Annotated[
        list[str], typer.Argument(help="Such as aseg; `nearline families` lists them.")
    ],
    project: Annotated[
        list[str], typer.Option("--project", "-p", help="Project id; may be repeated.")
    ],
    server: Annotated[
        str | None,
        typer.Option(
            envvar=["XNAT_HOST", "XNATPY_HOST"],
            help="URL of the XNAT; by default the one that ~/.xnat.cfg names.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Table to write: .parquet, .csv or .xlsx. Of several measurements, each goes to "
            "a file of its own, named after it.",
        ),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="File for the report, as JSON: a list, one per measurement.")
    ] = None,
    resource: Annotated[str | None, typer.Option(help="Label of the resource.")] = None,
    family: Annotated[str | None, typer.Option(help="Family, if the label does not tell.")] = None,
    verify: Annotated[
        str, typer.Option(help="fast, normal, strict or full: how hard to look for changes.")
    ] = "normal",
    shared: Annotated[bool, typer.Option("--shared", help="Shared sessions as well.")] = False,
    where: Annotated[
        str, typer.Option(help="session, assessor or any: where results lie.")
    ] = "session",
    force: Annotated[bool, typer.Option("--force", help="Fetch everything again.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no server.")] = False,
    max_rows: Annotated[int | None, typer.Option(help="Take only so many sessions.")] = None,
    user: Annotated[
        str | None,
        typer.Option(
            help="User name. Passwords are read from XNAT_PASS, ~/.netrc or ~/.xnat.cfg only."
        ),
    ] = None,
    wide: Annotated[
        bool, typer.Option("--wide", help="One row per session, one column per number.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Collect measurements of every session of projects; only what is new or changed is fetched.

    Resumes where an interrupted run was. Exit code 1 if sessions could not be read: the others
    are in the table, and the next run completes it.
    """
    from nearline.measurements.collect import collect as collected

    usual = Path("~/.xnat.cfg").expanduser()
    if server is None and not usual.is_file():
        raise InvalidOption(
            f"No server was named: use --server URL, set XNAT_HOST, or write {usual}."
        )
    if output is not None and output.suffix.lower() not in SUFFIXES:
        raise InvalidOption(f"{output} ends in none of {', '.join(SUFFIXES)}.")
    login: dict[str, Any] = {} if user is None else {"user": user}
    with _progress() as progress:
        collections = collected(
            usual if server is None else server,
            project,
            measurements,
            resource=resource,
            family=family,
            verify=verify,
            shared=shared,
            where=where,
            force=force,
            offline=offline,
            max_rows=max_rows,
            progress=progress,
            **login,
        )
    if output is not None:
        for one in collections:
            _write(one, _named(output, one.measurement, len(collections)), wide=wide)
    reports = [one.report for one in collections]
    if report is not None:
        text = json_module.dumps([one.as_dict() for one in reports], indent=1)
        report.write_text(text + "\n", encoding="utf-8")
    if json:
        print_json({"reports": [one.as_dict() for one in reports]})
    else:
        for told in reports:
            typer.echo(str(told))
    if not all(told.complete for told in reports):
        raise typer.Exit(1)


def _named(output: Path, measurement: str, count: int) -> Path:
    return output if count == 1 else output.with_name(f"{output.stem}-{measurement}{output.suffix}")


def _write(collection: Collection, path: Path, *, wide: bool) -> None:
    """Write a table beside, and rename it."""
    from nearline.measurements.export import export

    export(collection, path, wide=wide)
    typer.echo(f"Wrote {path}", err=True)


@contextmanager
def _progress() -> Iterator[Any]:
    """Show a bar where somebody looks."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("sessions"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("sessions", total=None)

        def told(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield told
