"""``nearline cache``: what is kept here, is it whole, remove it, take a file out of it."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path
from typing import Annotated

import typer

from nearline.cache import maintenance
from nearline.cache.store import flush_stores
from nearline.cli.output import JsonOption, bytes_text, print_json, print_table
from nearline.errors import InvalidOption, UnsupportedUrl
from nearline.fetch.keeper import keeper
from nearline.measurements import upkeep
from nearline.settings import current
from nearline.storage.url import canonical

app = typer.Typer(help="The local cache: what it holds, checks, removal, export.")

FolderOption = Annotated[
    Path | None,
    typer.Option("--folder", help="Cache folder; default: the one the settings name."),
]


def _folder(given: Path | None) -> Path:
    # What this process read may still be on its way into the folder.
    keeper().drain()
    flush_stores()
    return given or current().cache_folder


def _when(seconds: float | None) -> str:
    if not seconds:
        return "never"
    return datetime.datetime.fromtimestamp(seconds).astimezone().isoformat(" ", "seconds")


def _canonical_prefix(url: str) -> str:
    """Spell a URL as the cache does; a bucket or part of a key stays as it was typed."""
    try:
        return canonical(url)
    except UnsupportedUrl:
        return url


@app.command()
def info(folder: FolderOption = None, json: JsonOption = False) -> None:
    """Say what the cache holds."""
    held = maintenance.info(_folder(folder))
    measured = upkeep.info(_folder(folder))
    if json:
        print_json(dataclasses.asdict(held) | {"measurements": dataclasses.asdict(measured)})
        return
    print_table(
        {
            "folder": str(held.folder),
            "size": f"{bytes_text(held.bytes)} of at most {bytes_text(current().cache_size)}",
            "objects": held.objects,
            "pieces": held.pieces,
            "artefacts": held.artefacts,
            "packs": held.packs,
            "oldest use": _when(held.oldest_use),
            "newest use": _when(held.newest_use),
            "measurements": f"{bytes_text(measured.bytes)}, in {measured.folder}",
        }
        | {
            f"  {one.project}, {one.resource}": f"{one.sessions} sessions and {one.files} files of "
            f"{one.server} for {one.login or 'guest'}, checked {_when(one.checked)}"
            for one in measured.holdings
        }
    )


@app.command()
def verify(folder: FolderOption = None, json: JsonOption = False) -> None:
    """Check every checksum and drop what is damaged; exit code 1 if anything was."""
    report = maintenance.verify(_folder(folder))
    measured = upkeep.verify(_folder(folder))
    if json:
        print_json(dataclasses.asdict(report) | {"measurements": dataclasses.asdict(measured)})
    else:
        typer.echo(f"Checked {report.checked} parts, {bytes_text(report.bytes)}.")
        typer.echo(f"Checked {measured.checked} files of measurements.")
        for sentence in (*report.damaged, *measured.damaged):
            typer.echo(f"Damaged and dropped: {sentence}")
    if not (report.sound and measured.sound):
        raise typer.Exit(1)


@app.command()
def clear(
    url: Annotated[
        str | None,
        typer.Argument(help="Remove only objects whose URL begins so; default: everything."),
    ] = None,
    folder: FolderOption = None,
) -> None:
    """Remove what is kept from the disk, patient data included; measurements only without URL."""
    place = _folder(folder)
    if url is None:
        removed = maintenance.clear(place)
        sessions = upkeep.purge(place)
        if sessions:
            typer.echo(f"Removed measurements of {sessions} sessions.")
    else:
        prefixes = (f"{whose} {_canonical_prefix(url)}" for whose in ("signed", "unsigned"))
        removed = sum(maintenance.clear(place, prefix) for prefix in prefixes)
    typer.echo(f"Removed {removed} versions of objects.")


@app.command()
def purge(
    project: Annotated[
        str | None, typer.Option(help="Measurements collected for this project, or owned by it.")
    ] = None,
    subject: Annotated[str | None, typer.Option(help="Only of the subject of this label.")] = None,
    folder: FolderOption = None,
) -> None:
    """Remove measurements of a project, a subject, or a subject of a project from the disk."""
    if project is None and subject is None:
        raise InvalidOption("Say what to remove: --project, --subject, or both.")
    sessions = upkeep.purge(_folder(folder), project=project, subject=subject)
    typer.echo(f"Removed measurements of {sessions} sessions.")


@app.command()
def export(
    url: Annotated[str, typer.Argument(help="Object as it was opened.")],
    destination: Annotated[Path, typer.Argument(help="File or folder to write to.")],
    folder: FolderOption = None,
) -> None:
    """Write a cached object as a real file, if every byte of it is here and verified."""
    typer.echo(maintenance.export(_folder(folder), canonical(url), destination))
