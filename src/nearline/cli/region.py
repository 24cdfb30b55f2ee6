"""``nearline region``: a part of a total pixel matrix as a picture or an array."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nearline.cli.output import JsonOption, bytes_text, print_json
from nearline.cli.target import OptionsOption, UrlArgument, parse_options, parse_span
from nearline.errors import InvalidOption
from nearline.traffic import traffic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nearline.image.geometry.region import Span
    from nearline.image.image import Image

__all__ = ["region"]

_FORMATS = (".png", ".tif", ".tiff", ".npy")

# Pixels fetched between two steps of the progress bar: enough to keep all requests busy.
_PIXELS_PER_STEP = 1 << 24


def region(
    url: UrlArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write: .png, .tif, .tiff or .npy.")
    ],
    rows: Annotated[
        str | None, typer.Option(help="START:END, 1-based, END not included; default: all.")
    ] = None,
    columns: Annotated[
        str | None, typer.Option(help="START:END, 1-based, END not included; default: all.")
    ] = None,
    as_indices: Annotated[
        bool, typer.Option("--as-indices", help="Count rows and columns from 0.")
    ] = False,
    optical_path: Annotated[
        str | None, typer.Option(help="Identifier, where the slide has several.")
    ] = None,
    focal_plane: Annotated[
        int | None, typer.Option(help="Number, where the slide has several.")
    ] = None,
    icc: Annotated[bool, typer.Option(help="Apply the ICC profile, where there is one.")] = True,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Fill with 0 what a sparse slide lacks.")
    ] = False,
    options: OptionsOption = None,
    json: JsonOption = False,
) -> None:
    """Write a region of a slide; rows and columns as in get_total_pixel_matrix."""
    from nearline.image.imread import imread

    if output.suffix.lower() not in _FORMATS:
        raise InvalidOption(f"{output} must end in one of {', '.join(_FORMATS)}.")
    spans = (*parse_span(rows, "--rows"), *parse_span(columns, "--columns"))
    with traffic() as cost:
        image = imread(url, storage_options=parse_options(options))
        array = _read(
            image,
            spans,
            show_progress=not json,
            as_indices=as_indices,
            optical_path=optical_path,
            focal_plane=focal_plane,
            apply_icc_profile=None if icc else False,
            allow_missing_positions=allow_missing,
        )
    _write(array, output)
    if json:
        print_json(
            {
                "output": output,
                "shape": array.shape,
                "dtype": str(array.dtype),
                "requests": cost.requests,
                "bytes_received": cost.bytes,
                "bytes_cached": cost.cached_bytes,
            }
        )
        return
    shape = " x ".join(map(str, array.shape))
    typer.echo(
        f"{output}: {shape} {array.dtype}; {cost.requests} requests, {bytes_text(cost.bytes)} "
        f"received, {bytes_text(cost.cached_bytes)} from the cache"
    )


def _read(
    image: Image, spans: tuple[int | None, ...], *, show_progress: bool, **choices: Any
) -> NDArray[Any]:
    """Read the region in steps of whole rows of tiles, so that progress can be shown."""
    import numpy as np
    from rich.console import Console
    from rich.progress import Progress

    from nearline.image.geometry.region import region_of_matrix

    if not image.is_tiled:
        # Its own error says what to use instead.
        return image.get_total_pixel_matrix(**choices)
    whole = region_of_matrix(
        *spans,
        rows=int(image.TotalPixelMatrixRows),
        columns=int(image.TotalPixelMatrixColumns),
        as_indices=choices["as_indices"],
    )
    base = 0 if choices["as_indices"] else 1
    columns = (whole.columns.start + base, whole.columns.stop + base)
    steps = list(_steps(whole.rows, whole.columns.count, int(image.Rows)))
    parts = []
    with Progress(
        console=Console(stderr=True), disable=not show_progress or len(steps) < 2
    ) as progress:
        task = progress.add_task("Reading", total=whole.rows.count)
        for start, stop in steps:
            rows = (start + base, stop + base)
            parts.append(
                image.get_total_pixel_matrix(*rows, *columns, dtype=image.pixels.dtype, **choices)
            )
            progress.advance(task, stop - start)
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _steps(rows: Span, columns: int, tile_rows: int) -> Iterator[tuple[int, int]]:
    """Cut rows at the edges of tiles, so that no tile belongs to two steps."""
    tiles = max(_PIXELS_PER_STEP // max(columns * tile_rows, 1), 1)
    start = rows.start
    while True:
        stop = min((start // tile_rows + tiles) * tile_rows, rows.stop)
        yield start, stop
        start = stop
        if start >= rows.stop:
            return


def _write(array: NDArray[Any], output: Path) -> None:
    import numpy as np

    if output.suffix.lower() == ".npy":
        np.save(output, array)
        return
    from PIL import Image as Picture

    if array.dtype.kind == "f" or (array.dtype.itemsize > 2) or (array.dtype.kind == "i"):
        raise InvalidOption(
            f"{array.dtype} pixels do not fit into {output.suffix}: write them as .npy."
        )
    Picture.fromarray(array).save(output)
