"""Entry point of the ``nearline`` command."""

from __future__ import annotations

import sys

__all__ = ["run"]


def run() -> None:
    """Run the command line; errors that nearline knows end as one sentence and exit code 1."""
    try:
        import rich  # noqa: F401
        import typer
    except ImportError:
        sys.exit('The command line needs an extra: pip install "nearline[cli]".')

    from nearline.errors import NearlineError

    from . import (
        cache,
        collect,
        families,
        info,
        ls,
        montage,
        region,
        report,
        segments,
        selftest,
        volume,
        xnat,
    )
    from .annotations import bulk_annotations

    app = typer.Typer(
        name="nearline",
        help="Remote medical images and measurements, used as if they were local files.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.command("info")(info.info)
    app.command("ls")(ls.ls)
    app.command("region")(region.region)
    app.command("volume")(volume.volume)
    app.command("segments")(segments.segments)
    app.command("montage")(montage.montage)
    app.command("report")(report.report)
    app.command("annotations")(bulk_annotations)
    app.command("selftest")(selftest.selftest)
    app.command("collect")(collect.collect)
    app.command("families")(families.families)
    app.add_typer(cache.app, name="cache")
    app.add_typer(xnat.app, name="xnat")
    try:
        app()
    except NearlineError as error:
        sys.exit(f"nearline: {error}")
    except BrokenPipeError:
        # The reader of our output has gone (as `head` does); nothing is left to say.
        sys.stderr.close()
    except OSError as error:
        sys.exit(f"nearline: {error}")
