"""``nearline volume``: an image, a segment or a series as a NIfTI file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nearline.cli.output import JsonOption, bytes_text, print_json
from nearline.cli.target import OptionsOption, parse_options, parse_span
from nearline.cli.volumes import in_fitting_type, open_object_or_series, segment_numbers
from nearline.errors import InvalidOption, OverlappingSegments
from nearline.traffic import traffic

if TYPE_CHECKING:
    from highdicom import Volume

    from nearline.image.image import Image
    from nearline.image.series.series import Series

__all__ = ["volume"]


def volume(
    url: Annotated[
        str,
        typer.Argument(help="URL or path of an object; a prefix or folder that holds a series."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write: .nii or .nii.gz.")],
    segment: Annotated[
        list[str] | None,
        typer.Option(
            help="Label or number of a segment; may be given several times. Of a segmentation, "
            "default: all, each with its number."
        ),
    ] = None,
    slices: Annotated[
        str | None, typer.Option(help="START:END, 1-based, END not included; default: all.")
    ] = None,
    rows: Annotated[str | None, typer.Option(help="START:END, as slices.")] = None,
    columns: Annotated[str | None, typer.Option(help="START:END, as slices.")] = None,
    as_indices: Annotated[
        bool, typer.Option("--as-indices", help="Count slices, rows and columns from 0.")
    ] = False,
    series: Annotated[
        str | None,
        typer.Option(help="Series Instance UID, where a prefix holds several series."),
    ] = None,
    dtype: Annotated[
        str | None,
        typer.Option(help="Type of the values; default: int16, int32 or float32, what holds them."),
    ] = None,
    options: OptionsOption = None,
    json: JsonOption = False,
) -> None:
    """Write a volume as NIfTI: slices, rows and columns as in get_volume."""
    from nearline.image.export.nifti import SUFFIXES, write_nifti

    if not output.name.lower().endswith(SUFFIXES):
        raise InvalidOption(f"{output} must end in {' or '.join(SUFFIXES)}.")
    names = ("slice_start", "slice_end", "row_start", "row_end", "column_start", "column_end")
    spans = (
        *parse_span(slices, "--slices"),
        *parse_span(rows, "--rows"),
        *parse_span(columns, "--columns"),
    )
    part: dict[str, Any] = {**dict(zip(names, spans, strict=True)), "as_indices": as_indices}
    with traffic() as cost:
        image = open_object_or_series(
            url,
            parse_options(options),
            series_instance_uid=series,
            # Of a few slices of many, the others' pixels would be in vain.
            prefetch=None if slices is None else False,
        )
        found = _read(image, segment, dtype, part)
    write_nifti(found, output)
    spacing = [round(float(one), 6) for one in found.spacing]
    if json:
        print_json(
            {
                "output": output,
                "shape": found.array.shape,
                "dtype": str(found.array.dtype),
                "spacing_mm": spacing,
                "affine": found.affine.tolist(),
                "requests": cost.requests,
                "bytes_received": cost.bytes,
                "bytes_cached": cost.cached_bytes,
            }
        )
        return
    left_out = len(getattr(image, "skipped", ()))
    if left_out:
        typer.echo(f"{left_out} objects of {url} do not belong to the series.", err=True)
    shape = " x ".join(map(str, found.array.shape))
    typer.echo(
        f"{output}: {shape} {found.array.dtype}, {' x '.join(f'{one:g}' for one in spacing)} mm; "
        f"{cost.requests} requests, {bytes_text(cost.bytes)} received, "
        f"{bytes_text(cost.cached_bytes)} from the cache"
    )


def _read(
    image: Image | Series, segment: list[str] | None, dtype: str | None, part: dict[str, Any]
) -> Volume:
    from nearline.image.segmentation.segmentation import Segmentation

    if isinstance(image, Segmentation):
        numbers = segment_numbers(image, segment) if segment else image.segment_numbers
        if len(numbers) == 1:
            return image.get_volume(segment_numbers=numbers, dtype=dtype, **part).squeeze_channel()
        overlapping = ""
        try:
            return image.get_volume(
                segment_numbers=numbers, combine_segments=True, dtype=dtype, **part
            )
        except OverlappingSegments as error:
            overlapping = str(error).partition(". ")[0]
        raise OverlappingSegments(f"{overlapping}. Write one file for each, with --segment.")
    if segment:
        raise InvalidOption("--segment is for segmentations, and this is none.")
    return in_fitting_type(lambda chosen: image.get_volume(dtype=chosen, **part), dtype)
