"""Tables: one Parquet file per scope and measurement, made from what sessions came to.

A table is a pure function of the raw files and of the parser's version. It is written beside the
one before and renamed, so that readers see the old one or the new one; what did not change is
taken over from the old one without parsing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from .extras import pyarrow, pyarrow_parquet
from .parquet_file import opened_parquet

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["GROUP", "HEADER", "Part", "Table", "open_table", "write_table"]

GROUP = 100
"""Sessions in one row group."""

HEADER = ("project", "subject", "session", "ID")
"""Columns that say whose rows these are: project, subject and session labels, experiment id."""

METADATA = b"nearline"
_FORMAT = 1

Columns = Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one session in a table.

    Attributes
    ----------
    project, subject, session, ID : str
        As in `HEADER`.
    key : str
        Stands for its bytes and the parser: equal keys give equal rows.
    rows : int
        How many there are; -1 while that is not known.
    version : str
        Of the program that wrote the files.
    facts : dict
        What the files say of themselves, for `quality`: see `Result`.
    read : float
        Seconds since the epoch when the bytes were received.
    files : tuple of (str, str, str)
        URI, SHA-256 and MD5 of each file.
    """

    project: str
    subject: str
    session: str
    ID: str  # the column's name in bx
    key: str
    rows: int
    version: str
    facts: dict[str, Any]
    read: float
    files: tuple[tuple[str, str, str], ...]

    @property
    def identity(self) -> tuple[str, ...]:
        """What tells one content of a table from another."""
        return (self.project, self.subject, self.session, self.ID, self.key)


@dataclass(frozen=True)
class Table:
    """A table that was written, or that was made in memory.

    Attributes
    ----------
    path : Path or None
        Where it lies.
    parts : tuple of Part
        Its sessions, in the order of their rows.
    facts : dict
        Provenance that all of it shares: server, user, project, resource, measurement, parser
        version, level and time of the check under which it was written.
    stamp : str
        Equal for equal content.
    written : bool
        Whether this run wrote it; else it is what the last one left.
    since : float or None
        Seconds since the epoch when the table was written that this run found.
    wanted : frozenset of str or None
        Experiment ids that this run is about; None: all.
    """

    path: Path | None
    parts: tuple[Part, ...]
    facts: dict[str, Any]
    stamp: str
    written: bool = False
    since: float | None = None
    wanted: frozenset[str] | None = None
    _file: BinaryIO | None = None
    _made: Any = None

    def groups(self) -> Iterator[pa.Table]:
        """Yield the row groups; text columns are dictionary-encoded, numbers float64.

        The file is open since the table was: another run may have put a newer one in its place.
        """
        if self._file is None:
            yield self._made
            return
        opened = opened_parquet(self._file)
        for number in range(opened.num_row_groups):
            # Several threads would each keep memory of their own; one is as fast.
            yield opened.read_row_group(number, use_threads=False).replace_schema_metadata(None)
            pyarrow().default_memory_pool().release_unused()

    def read(self) -> pa.Table:
        """Return all rows."""
        arrow = pyarrow()
        groups = list(self.groups())
        whole = arrow.concat_tables(groups) if groups else self.schema.empty_table()
        return whole.unify_dictionaries()

    @property
    def schema(self) -> pa.Schema:
        """Columns and their types."""
        made = self._made
        schema = made.schema if self._file is None else opened_parquet(self._file).schema_arrow
        return schema.remove_metadata()


def stamp_of(parts: Sequence[Part], names: Sequence[str]) -> str:
    """Return a text that is equal for tables of equal content."""
    content = [_FORMAT, list(names), [part.identity for part in parts]]
    return sha256(json.dumps(content).encode()).hexdigest()


def open_table(path: Path | None) -> Table | None:
    """Open the table at `path`; None if there is none or it cannot be read."""
    if path is None or not path.is_file():
        return None
    arrow = pyarrow()
    try:
        file = path.open("rb")
        since = os.fstat(file.fileno()).st_mtime
        told = json.loads((opened_parquet(file).metadata.metadata or {})[METADATA])
        parts = tuple(
            Part(**(one | {"files": tuple(tuple(file) for file in one["files"])}))
            for one in told["sessions"]
        )
        return Table(path, parts, told["facts"], told["stamp"], False, since, _file=file)
    except (OSError, ValueError, KeyError, TypeError, arrow.ArrowException):
        # Damaged, or of another release: it is made again.
        return None


def write_table(
    path: Path | None,
    parts: Sequence[Part],
    names: Mapping[str, str],
    facts: dict[str, Any],
    columns: Callable[[Part], Columns],
    *,
    before: Table | None,
) -> Table:
    """Bring a table up to date.

    Parameters
    ----------
    path : Path or None
        Where it lies, or shall; None to make it in memory.
    parts : sequence of Part
        Sessions in the order wanted.
    names : mapping of str to str
        Columns after those of `HEADER`, and their kinds: "text", "number" (float64) or
        "integer" (int64 with nulls).
    facts : dict
        Provenance for the file's metadata.
    columns : callable
        Gives the columns of a session whose rows the old table lacks.
    before : Table or None
        The old one.

    Returns
    -------
    Table
        The old one if nothing changed.
    """
    stamp = stamp_of(parts, tuple(names))
    if before is not None and before.stamp == stamp:
        return before
    arrow = pyarrow()
    schema = arrow.schema(
        [(name, _types()["text"]) for name in HEADER]
        + [(name, _types()[kind]) for name, kind in names.items()]
    )
    old = _Slices(before, tuple(names))
    groups, counted = [], []
    for start in range(0, len(parts), GROUP):
        pieces = []
        for part in parts[start : start + GROUP]:
            piece = old.rows(part)
            if piece is None:
                piece = _encoded(columns(part), names)
            pieces.append((part, piece))
            counted.append(Part(**(_fields(part) | {"rows": piece.num_rows})))
        groups.append(_group(pieces, schema))
    if path is None:
        whole = arrow.concat_tables(groups) if groups else schema.empty_table()
        whole = whole.unify_dictionaries()
        return Table(None, tuple(counted), facts, stamp, True, _made=whole)
    told = {"facts": facts, "stamp": stamp, "sessions": [asdict(part) for part in counted]}
    since = None if before is None else before.since
    file = _write(path, groups, schema, {METADATA.decode(): json.dumps(told)})
    return Table(path, tuple(counted), facts, stamp, True, since, _file=file)


def _fields(part: Part) -> dict[str, Any]:
    return {name: getattr(part, name) for name in Part.__slots__}


def _types() -> dict[str, Any]:
    arrow = pyarrow()
    return {
        "text": arrow.dictionary(arrow.int32(), arrow.string()),
        "number": arrow.float64(),
        "integer": arrow.int64(),
    }


class _Slices:
    """Rows of the old table, by session."""

    def __init__(self, table: Table | None, names: tuple[str, ...]) -> None:
        self.places: dict[tuple[str, str], tuple[int, int]] = {}
        self.data: Any = None
        if table is None:
            return
        data = table.read()
        if tuple(data.column_names) != HEADER + names:
            return
        self.data = data.select(list(names))
        start = 0
        for part in table.parts:
            self.places[part.ID, part.key] = (start, part.rows)
            start += part.rows

    def rows(self, part: Part) -> Any:
        place = self.places.get((part.ID, part.key))
        return None if place is None else self.data.slice(*place)


def _encoded(columns: Columns, names: Mapping[str, str]) -> Any:
    arrow, types = pyarrow(), _types()
    length = max((len(values) for values in columns.values()), default=0)
    arrays = []
    for name, kind in names.items():
        values = columns.get(name)
        if values is None:
            arrays.append(arrow.nulls(length, types[kind]))
        elif kind == "text":
            arrays.append(arrow.array(values, arrow.string()).dictionary_encode())
        else:
            arrays.append(arrow.array(values, types[kind], from_pandas=False))
    return arrow.table(arrays, names=list(names))


def _group(pieces: Sequence[tuple[Part, Any]], schema: Any) -> Any:
    """Join the rows of some sessions, and say whose they are."""
    import numpy as np

    arrow = pyarrow()
    body = arrow.concat_tables([piece for _, piece in pieces]).unify_dictionaries().combine_chunks()
    counts = [piece.num_rows for _, piece in pieces]
    header = []
    for name in HEADER:
        values = [getattr(part, name) for part, _ in pieces]
        known = sorted(set(values))
        place = {value: index for index, value in enumerate(known)}
        codes = np.repeat(np.array([place[v] for v in values], "int32"), counts)
        header.append(arrow.DictionaryArray.from_arrays(codes, arrow.array(known, arrow.string())))
    return arrow.table(header + body.columns, names=list(HEADER) + body.column_names).cast(schema)


def _write(path: Path, groups: Sequence[Any], schema: Any, metadata: Mapping[str, str]) -> BinaryIO:
    """Write beside, rename, and return the file opened for reading."""
    for folder in (path.parent.parent, path.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.urandom(6).hex()}.partial")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            with pyarrow_parquet().ParquetWriter(file, schema, compression="zstd") as writer:
                for group in groups:
                    writer.write_table(group)
                # Not of the schema, which Arrow would keep twice.
                writer.add_key_value_metadata(metadata)
            file.flush()
            os.fsync(file.fileno())
        opened = partial.open("rb")
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return opened
