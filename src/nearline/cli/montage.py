"""``nearline montage``: a segment, slice by slice, over the images that it was made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nearline.cli.output import JsonOption, bytes_text, print_json
from nearline.cli.target import OptionsOption, UrlArgument, parse_options
from nearline.cli.volumes import open_object_or_series, segment_numbers
from nearline.errors import InvalidOption, WrongKind
from nearline.traffic import traffic

if TYPE_CHECKING:
    from highdicom import Volume
    from numpy.typing import NDArray

    from nearline.image.image import Image
    from nearline.image.series.series import Series

__all__ = ["montage"]

_FORMATS = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
_CT_WINDOW = (-160.0, 240.0)
"""Hounsfield units: soft tissue."""


def montage(
    url: UrlArgument,
    segment: Annotated[str, typer.Option(help="Label or number of the segment.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Picture to write: .png, .jpg or .tif.")
    ],
    source: Annotated[
        str | None,
        typer.Option(
            help="Prefix, folder or object of the images beneath; default: the series that the "
            "segmentation names, if it lies in the same folder or below."
        ),
    ] = None,
    most: Annotated[int, typer.Option("--slices", help="Most slices to show.", min=1)] = 20,
    window: Annotated[
        str | None, typer.Option(help="LOW:HIGH, what becomes black and white.")
    ] = None,
    options: OptionsOption = None,
    json: JsonOption = False,
) -> None:
    """Draw a segment as a mosaic of slices, over its source images where they are found."""
    import numpy as np

    from nearline.image.export.montage import chosen_slices, grey_levels, mosaic
    from nearline.image.segmentation.segmentation import Segmentation

    if output.suffix.lower() not in _FORMATS:
        raise InvalidOption(f"{output} must end in one of {', '.join(_FORMATS)}.")
    levels = _parse_window(window)
    known = parse_options(options)
    with traffic() as cost:
        found = open_object_or_series(url, known, series_instance_uid=None, prefetch=None)
        if not isinstance(found, Segmentation):
            raise WrongKind(f"{url} is no segmentation. Name its images with --source.")
        numbers = segment_numbers(found, [segment])
        if found.is_tiled:
            raise InvalidOption(
                f"{url} lies on a slide, which has no slices to lay side by side: read regions of "
                "it with get_total_pixel_matrix."
            )
        volume = found.get_volume(segment_numbers=numbers, combine_segments=len(numbers) > 1)
        mask = _mask(volume)
        shown = chosen_slices(mask, most)
        first, last = shown[0], shown[-1] + 1
        wanted: Any = volume.get_geometry()
        images = _open_source(found, url, source, known)
        if images is None:
            grey = np.zeros((len(shown), *mask.shape[1:]), np.uint8)
            note = "no source series beside it; name one with --source"
        else:
            from nearline.image.segmentation.source_volume import matched

            values = matched(images, wanted[first:last]).array[[one - first for one in shown]]
            grey = grey_levels(values, levels or _usual_window(images))
            note = f"over {_described(images)}"
    spacing = volume.spacing
    picture = mosaic(grey, mask[shown], aspect=float(spacing[1] / spacing[2]))
    _write(picture, output)
    if json:
        print_json(
            {
                "output": output,
                "segment_numbers": numbers,
                "slices": [one + 1 for one in shown],
                "source": None if images is None else _described(images),
                "requests": cost.requests,
                "bytes_received": cost.bytes,
                "bytes_cached": cost.cached_bytes,
            }
        )
        return
    typer.echo(
        f"{output}: {len(shown)} slice{'s' if len(shown) != 1 else ''} of {segment}, {note}; "
        f"{cost.requests} requests, {bytes_text(cost.bytes)} received"
    )


def _mask(volume: Volume) -> NDArray[Any]:
    array = volume.array
    array = array[..., 0] if array.ndim == 4 else array
    mask: NDArray[Any] = array >= 0.5 if array.dtype.kind == "f" else array > 0
    return mask


def _open_source(
    found: Image, url: str, source: str | None, options: dict[str, Any]
) -> Image | Series | None:
    from nearline.image.segmentation.source_volume import find_source, referenced_series

    if source is None:
        return find_source(found, url, storage_options=options)
    uids = referenced_series(found)
    if len(uids) == 1:
        from nearline.errors import NoSeries, NotFound

        try:
            return open_object_or_series(
                source, options, series_instance_uid=uids[0], prefetch=False
            )
        except (NoSeries, NotFound):
            pass
    return open_object_or_series(source, options, series_instance_uid=None, prefetch=False)


def _described(images: Image | Series) -> str:
    from nearline.image.series.series import Series

    if isinstance(images, Series):
        return f"series {images.series_instance_uid}"
    return images.url


def _usual_window(images: Image | Series) -> tuple[float, float] | None:
    from nearline.image.series.series import Series

    modality = images.modality if isinstance(images, Series) else images.get("Modality")
    return _CT_WINDOW if modality == "CT" else None


def _parse_window(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    low, colon, high = text.partition(":")
    try:
        if colon and float(low) < float(high):
            return float(low), float(high)
    except ValueError:
        pass
    raise InvalidOption(f"--window {text} is not LOW:HIGH, such as --window -160:240.")


def _write(picture: NDArray[Any], output: Path) -> None:
    from PIL import Image as Picture

    Picture.fromarray(picture).save(output)
