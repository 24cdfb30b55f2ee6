"""`read_regions`: many regions of many images, read side by side."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from operator import index
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex

import numpy as np

from nearline.errors import InvalidOption, NearlineError
from nearline.image.imread import imread
from nearline.image.many.shelf import Shelf
from nearline.image.many.unit import Choice
from nearline.image.many.wanted import Wanted, chunks, windows
from nearline.image.many.work import Result, Work
from nearline.image.transforms.options import TransformOptions
from nearline.settings import current

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from nearline.dicom.codecs.decode import DecoderName
    from nearline.image.image import Image

__all__ = ["read_regions"]

_OPEN_IMAGES = 256


def read_regions(
    regions: Iterable[tuple[Any, Any, Any]],
    *,
    dtype: DTypeLike | None = None,
    apply_real_world_transform: bool | None = None,
    real_world_value_map_selector: Any = 0,
    apply_modality_transform: bool | None = None,
    apply_voi_transform: bool | None = False,
    voi_transform_selector: Any = 0,
    voi_output_range: tuple[float, float] = (0.0, 1.0),
    apply_presentation_lut: bool = True,
    apply_palette_color_lut: bool | None = None,
    apply_icc_profile: bool | None = None,
    optical_path: str | None = None,
    focal_plane: SupportsIndex | None = None,
    allow_missing_positions: bool = False,
    ordered: bool = False,
    on_error: Literal["raise", "yield"] = "raise",
    storage_options: Mapping[str, Any] | None = None,
    decoder: DecoderName = "default",
) -> Iterator[tuple[int, Any]]:
    """Read many regions of many images, such as patches to train on, and yield them as they come.

    Targets are opened side by side, each once; tiles are fetched in the order in
    which they lie in each object, while earlier ones are decoded. No more than
    the setting `max_bytes_in_flight` waits to be taken. Closing the iterator, or
    leaving its loop, gives up what is under way.

    Parameters
    ----------
    regions : iterable of (target, rows, columns)
        Target: what `imread` takes, or an `Image`. Rows and columns of the total
        pixel matrix, or of an image of one frame: slices or pairs (first, end),
        0-based, end excluded. None: from the first, to the last. Negative counts
        from the end.
    dtype : dtype, optional
        By default that of the image's `pixels`: as stored, or float64 where a
        grey image is rescaled.
    apply_real_world_transform, ..., apply_icc_profile
        As in `Image.get_frame`.
    optical_path : str, optional
        As in `Image.get_total_pixel_matrix`.
    focal_plane : int, optional
        0-based.
    allow_missing_positions : bool
        Fill what a sparse image has no tiles for with 0 instead of raising.
    ordered : bool
        Yield in the order of `regions`, going through them a run at a time. By
        default they come as they are decoded, target by target.
    on_error : {"raise", "yield"}
        "yield": a region that cannot be read is yielded as the error, and the
        others go on.
    storage_options : mapping, optional
        As in fsspec and pandas, for all targets.
    decoder : {"default", "pydicom"}
        As in `imread`.

    Yields
    ------
    tuple of (int, ndarray)
        Index into `regions`, and the pixels: shape (rows, columns) or (rows, columns, 3).

    Raises
    ------
    InvalidOption
        A region is not (target, rows, columns); raised by the call itself.
    NearlineError
        What `imread` and `Image.get_total_pixel_matrix` raise; the message names the region.

    Examples
    --------
    >>> wanted = [(url, slice(y, y + 256), slice(x, x + 256)) for url, y, x in patches]
    >>> for i, patch in nl.read_regions(wanted):
    ...     batch[i] = patch
    """
    wanted = [Wanted.of(number, one) for number, one in enumerate(regions)]
    if on_error not in ("raise", "yield"):
        raise InvalidOption(f'on_error={on_error!r} is neither "raise" nor "yield".')
    choice = Choice(
        dtype=None if dtype is None else np.dtype(dtype),
        options=TransformOptions(
            apply_real_world_transform=apply_real_world_transform,
            real_world_value_map_selector=real_world_value_map_selector,
            apply_modality_transform=apply_modality_transform,
            apply_voi_transform=apply_voi_transform,
            voi_transform_selector=voi_transform_selector,
            voi_output_range=voi_output_range,
            apply_presentation_lut=apply_presentation_lut,
            apply_palette_color_lut=apply_palette_color_lut,
            apply_icc_profile=apply_icc_profile,
        ),
        optical_path=optical_path,
        focal_plane=None if focal_plane is None else index(focal_plane),
        allow_missing=allow_missing_positions,
    )
    open_image = partial(imread, storage_options=storage_options, decoder=decoder)
    return _regions(wanted, choice, open_image, ordered=ordered, on_error=on_error)


def _regions(
    wanted: Sequence[Wanted],
    choice: Choice,
    open_image: Callable[[Any], Image],
    *,
    ordered: bool,
    on_error: str,
) -> Generator[tuple[int, Any], None, None]:
    bound = current().max_bytes_in_flight
    runs: Iterable[Sequence[Wanted]] = [wanted]
    if ordered:
        value_size = 1 if choice.dtype is None else choice.dtype.itemsize
        runs = windows(wanted, value_size, bound // 2)
    grouped = [(number, chunk) for number, run in enumerate(runs) for chunk in chunks(run)]
    with closing(Shelf(open_image, _OPEN_IMAGES)) as shelf:
        work = Work(
            [chunk for _, chunk in grouped],
            [number for number, _ in grouped] if ordered else None,
            shelf,
            choice,
            bound,
        )
        try:
            work.start()
            results = (work.take() for _ in wanted)
            for result in _in_order(results) if ordered else results:
                value = result.value
                if isinstance(value, BaseException):
                    value = _named(value, result.wanted)
                    if on_error == "raise" or not isinstance(value, NearlineError):
                        raise value
                yield result.wanted.number, value
        finally:
            work.stop()


def _in_order(results: Iterable[Result]) -> Iterator[Result]:
    held: dict[int, Result] = {}
    due = 0
    for result in results:
        held[result.wanted.number] = result
        while due in held:
            yield held.pop(due)
            due += 1


def _named(error: BaseException, wanted: Wanted) -> BaseException:
    """Return an error that says which region it is about."""
    if not isinstance(error, NearlineError):
        error.add_note(f"While {wanted.spelled} was read.")
        return error
    return type(error)(f"{wanted.spelled[0].upper()}{wanted.spelled[1:]}: {error}")
