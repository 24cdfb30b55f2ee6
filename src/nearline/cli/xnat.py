"""``nearline xnat probe``: what a server can do."""

from __future__ import annotations

from typing import Annotated

import typer

from nearline.cli.output import JsonOption, print_json, print_table

__all__ = ["app"]

app = typer.Typer(help="XNAT servers.", no_args_is_help=True)


@app.callback()
def _xnat() -> None:
    """XNAT servers."""


@app.command()
def probe(
    url: Annotated[str, typer.Argument(help="URL of the XNAT.")],
    project: Annotated[
        str | None,
        typer.Option("--project", "-p", help="Where to try it out; default: what the user sees."),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(
            help="User name. Passwords are read from XNAT_PASS, ~/.netrc or ~/.xnat.cfg only."
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Say what a server can do: comma lists, folder zip, 304, digests, limits. Changes nothing."""
    import dataclasses

    from nearline.xnat.client import Client
    from nearline.xnat.probe import probe as probed
    from nearline.xnat.sessions import connect

    with connect(url, user=user) as login:
        found = probed(Client(login), project)
    if json:
        print_json(dataclasses.asdict(found) | {"server": login.server, "user": login.user})
        return
    words = {True: "yes", False: "no", None: "unknown"}
    rows: dict[str, object] = {
        "server": login.server,
        "user": login.user or "guest",
        "version": found.version or "not told",
        "lists of ids, resources": words[found.resource_lists],
        "lists of ids, files": words[found.file_lists],
        "longest list answered": ", ".join(
            f"{most} ({what})"
            for what, most in (("resources", found.most_resources), ("files", found.most_files))
            if most is not None
        )
        or "none",
        "digests in listings": words[found.digests],
        "304 for unmodified files": words[found.not_modified],
        "zip of one folder": words[found.folder_zip],
    }
    print_table(rows)
