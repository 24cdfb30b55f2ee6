"""Tables as files of the user's own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from nearline.errors import InvalidOption

from .extras import openpyxl, pyarrow, pyarrow_parquet

if TYPE_CHECKING:
    from .table import Collection

__all__ = ["EXCEL_ROWS", "export"]

EXCEL_ROWS = 1_048_576
"""Rows of a sheet, its header included."""


def export(collection: Collection, path: Path, *, wide: bool = False) -> None:
    """Write a collection as ``.parquet``, ``.csv`` or ``.xlsx``; it appears when it is complete.

    Parameters
    ----------
    collection : Collection
        What to write. Provenance goes into the metadata of a Parquet file.
    path : Path
        Its suffix says the format; a file of that name is replaced.
    wide : bool, optional
        One row per session, as `Collection.wide`.

    Raises
    ------
    InvalidOption
        Another suffix, or more rows than an Excel sheet holds.
    """
    suffix = path.suffix.lower()
    partial = path.with_name(f".{path.stem}.{os.urandom(6).hex()}{suffix}")
    try:
        if suffix == ".parquet":
            arrow = pyarrow()
            table = (
                arrow.Table.from_pandas(collection.wide().reset_index(), preserve_index=False)
                if wide
                else collection.arrow()
            )
            told = {f"nearline.{k}": json.dumps(v) for k, v in collection.provenance().items()}
            metadata = {**(table.schema.metadata or {}), **told}
            pyarrow_parquet().write_table(table.replace_schema_metadata(metadata), partial)
        elif suffix == ".csv":
            frame = collection.wide() if wide else collection.frame
            frame.to_csv(partial, index=wide)
        elif suffix == ".xlsx":
            frame = collection.wide() if wide else collection.frame
            if len(frame) >= EXCEL_ROWS:
                raise InvalidOption(
                    f"{len(frame)} rows are more than the {EXCEL_ROWS} of an Excel sheet: write "
                    f"{path.with_suffix('.parquet').name} or {path.with_suffix('.csv').name}."
                )
            openpyxl()
            frame.to_excel(partial, index=wide)
        else:
            raise InvalidOption(f"{path} ends in none of .parquet, .csv, .xlsx.")
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
