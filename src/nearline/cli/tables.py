"""Tables that commands write and print."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nearline.errors import InvalidOption, MissingExtra

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["TableOption", "records", "require_format", "write_frame"]

TableOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Table to write: .parquet or .csv."),
]


def require_format(output: Path | None) -> None:
    """Refuse a table of a kind that is not written, before anything is read."""
    if output is not None and output.suffix.lower() not in (".parquet", ".csv"):
        raise InvalidOption(f"{output} ends in none of .parquet, .csv.")


def write_frame(frame: DataFrame, output: Path) -> None:
    """Write a table, which appears when it is complete.

    Raises
    ------
    MissingExtra
        Parquet, without pyarrow.
    """
    partial = output.with_name(f".{output.stem}.{os.urandom(6).hex()}{output.suffix.lower()}")
    try:
        if output.suffix.lower() == ".csv":
            frame.to_csv(partial, index=False)
        else:
            frame.to_parquet(partial, index=False)
        partial.replace(output)
    except ImportError as error:
        raise MissingExtra(
            f'Parquet needs pyarrow: pip install "nearline[measurements]" ({error})'
        ) from None
    finally:
        partial.unlink(missing_ok=True)


def records(frame: DataFrame) -> list[dict[str, Any]]:
    """Return the rows as JSON has them: null for what is missing."""
    found: list[dict[str, Any]] = json.loads(frame.to_json(orient="records", double_precision=15))
    return found
