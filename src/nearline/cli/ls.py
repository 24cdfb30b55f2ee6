"""``nearline ls``: the objects beneath a prefix, and what they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nearline.cli.output import JsonOption, bytes_text, print_json
from nearline.cli.target import OptionsOption, parse_options
from nearline.errors import InvalidDicom

if TYPE_CHECKING:
    from nearline.storage.listing.listed import Listed

__all__ = ["ls"]

_AT_ONCE = 1000
_HEADER = 64 << 10


def ls(
    url: Annotated[
        str,
        typer.Argument(help="Folder or prefix: s3://bucket/folder/, s3://bucket/begin*."),
    ],
    dicom: Annotated[
        bool,
        typer.Option("--dicom", help="Read headers: modality, kind, frames and series of each."),
    ] = False,
    options: OptionsOption = None,
    json: JsonOption = False,
) -> None:
    """List the objects beneath a prefix, those in folders below included.

    Prints nothing that identifies a patient.
    """
    from nearline.fetch.listing import iter_objects

    listing = iter_objects(url, storage_options=parse_options(options))
    found: list[dict[str, Any]] = []
    count = total = 0
    for objects in _batches(listing):
        rows = [_row(one) for one in objects]
        if dicom:
            for row, told in zip(rows, _headers(objects), strict=True):
                row.update(told)
        count += len(rows)
        total += sum(row["bytes"] or 0 for row in rows)
        if json:
            found += rows
            continue
        for row in rows:
            typer.echo(_line(row, dicom))
    if json:
        print_json({"url": url, "objects": found})
        return
    typer.echo(f"{count} objects, {bytes_text(total)}", err=True)


def _batches(listing: Iterator[Listed]) -> Iterator[list[Listed]]:
    while some := list(islice(listing, _AT_ONCE)):
        yield some


def _row(one: Listed) -> dict[str, Any]:
    moment = one.last_modified
    return {
        "name": one.name,
        "url": one.url,
        "bytes": one.size,
        "last_modified": None if moment is None else moment.isoformat(timespec="seconds"),
    }


def _headers(objects: Sequence[Listed]) -> list[dict[str, Any]]:
    from nearline.fetch.reader import Reader
    from nearline.image.series.member import open_member
    from nearline.image.side_by_side import side_by_side
    from nearline.settings import current

    settings = current()

    def describe(one: Listed) -> dict[str, Any]:
        from pydicom.uid import UID

        beginning = min(_HEADER, one.size or _HEADER)
        reader = Reader(one.source(), settings, listed=one, beginning=beginning)
        try:
            member = open_member(reader)
        except InvalidDicom:
            return {"modality": None}
        return {
            "modality": member.modality,
            "sop_class": UID(member.sop_class).name,
            "sop_class_uid": member.sop_class,
            "frames": member.number_of_frames,
            "series_instance_uid": member.series_uid,
            "series_description": member.description,
        }

    return side_by_side(describe, objects, threads=settings.max_requests)


def _line(row: dict[str, Any], dicom: bool) -> str:
    size = "?" if row["bytes"] is None else bytes_text(row["bytes"])
    line = f"{size:>9}  {_plain(row['name'])}"
    if not dicom:
        return f"{size:>9}  {row['last_modified'] or '':25}  {_plain(row['name'])}"
    if row["modality"] is None:
        return f"{line}  (no DICOM file)"
    frames = f", {row['frames']} frames" if row["frames"] > 1 else ""
    described = f" {row['series_description']!r}" if row["series_description"] else ""
    return (
        f"{line}  {_plain(row['modality'])}  {row['sop_class']}{frames}  "
        f"{_plain(row['series_instance_uid'])}{described}"
    )


def _plain(text: str) -> str:
    """Return a name without signs that could steer a terminal."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)
