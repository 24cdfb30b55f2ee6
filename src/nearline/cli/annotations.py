"""``nearline annotations``: groups of bulk annotations, or what they hold as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nearline.cli.output import JsonOption, print_json, print_rows
from nearline.cli.tables import TableOption, require_format, write_frame
from nearline.cli.target import OptionsOption, UrlArgument, parse_options
from nearline.dicom.coded_concept import code_of
from nearline.errors import InvalidOption, UnknownAnnotation
from nearline.traffic import traffic

if TYPE_CHECKING:
    from pandas import DataFrame

    from nearline.annotations.annotations import MicroscopyBulkSimpleAnnotations
    from nearline.annotations.group import AnnotationGroup

__all__ = ["bulk_annotations"]

_TITLES = ("number", "label", "property", "graphic_type", "annotations", "measurements")


def bulk_annotations(
    url: UrlArgument,
    options: OptionsOption = None,
    output: TableOption = None,
    group: Annotated[
        int | None, typer.Option("--group", help="Only the group of this number.")
    ] = None,
    label: Annotated[
        str | None, typer.Option("--label", help="Only the groups of this label.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """List the groups of bulk annotations, or write centroids, bounds and measurements."""
    require_format(output)
    if group is not None and label is not None:
        raise InvalidOption("--group and --label both choose groups: give one of them.")
    from nearline.ann import annread

    with traffic() as cost:
        opened = annread(url, storage_options=parse_options(options))
        chosen = _choose(opened, group, label)
        if output is None:
            found = [_described(one) for one in chosen]
        else:
            frame = _table(chosen)
            write_frame(frame, output)
    if json:
        print_json(
            {
                "url": opened.url,
                "coordinate_type": chosen[0]._coordinate_type if chosen else None,
                "output": output,
                "groups": [_described(one) for one in chosen],
                "requests": cost.requests,
                "bytes_received": cost.bytes,
            }
        )
    elif output is not None:
        print(f"{len(frame)} annotations of {len(chosen)} groups: {output}")
    else:
        print_rows(
            _TITLES,
            [[*list(one.values())[:-1], ", ".join(one["measurements"])] for one in found],
        )


def _choose(
    opened: MicroscopyBulkSimpleAnnotations, number: int | None, label: str | None
) -> list[AnnotationGroup]:
    if number is not None:
        return [opened.get_annotation_group(number=number)]
    chosen = opened.get_annotation_groups(label=label)
    if label is not None and not chosen:
        there = ", ".join(repr(one.label) for one in opened.get_annotation_groups())
        raise UnknownAnnotation(f"{opened.url} has no group labelled {label!r}, but {there}.")
    return chosen


def _described(group: AnnotationGroup) -> dict[str, Any]:
    kinds = group.get("AnnotationPropertyTypeCodeSequence")
    items = group.get("MeasurementsSequence") or ()
    return {
        "number": group.number,
        "label": group.label,
        "property": code_of(kinds[0]).meaning if kinds else "",
        "graphic_type": group._kind,
        "annotations": group.number_of_annotations,
        "measurements": [code_of(one.ConceptNameCodeSequence[0]).meaning for one in items],
    }


def _table(groups: list[AnnotationGroup]) -> DataFrame:
    import pandas

    parts = []
    for group in groups:
        part = group.to_frame().reset_index()
        # Units differ from group to group; those of a column are in its object.
        part.attrs = {}
        part.insert(0, "group", group.number)
        part.insert(1, "label", group.label)
        parts.append(part)
    return pandas.concat(parts, ignore_index=True) if parts else pandas.DataFrame()
