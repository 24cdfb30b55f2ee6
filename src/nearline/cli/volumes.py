"""What commands share that read an object or a prefix as a volume."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from nearline.errors import InvalidTransform, NoSeries, NotFound, UnknownSegment, UnsupportedUrl

if TYPE_CHECKING:
    from highdicom import Volume

    from nearline.image.image import Image
    from nearline.image.segmentation.segmentation import Segmentation
    from nearline.image.series.series import Series

__all__ = ["in_fitting_type", "open_object_or_series", "segment_numbers"]


def open_object_or_series(
    url: str,
    options: Mapping[str, Any],
    *,
    series_instance_uid: str | None,
    prefetch: bool | None,
) -> Image | Series:
    """Open an object, or the series beneath a prefix or in a folder."""
    from nearline.image.kinds import open_special
    from nearline.image.series.open_series import open_series

    def series() -> Series:
        return open_series(
            url,
            storage_options=options,
            series_instance_uid=series_instance_uid,
            prefetch=prefetch,
        )

    if url.endswith(("/", "*")) or os.path.isdir(url) or series_instance_uid is not None:
        return series()
    try:
        return open_special(url, storage_options=options)
    except (NotFound, UnsupportedUrl) as error:
        absent = error
    # Perhaps a prefix without its slash.
    if "://" in url and not url.startswith(("http", "file:")):
        try:
            return series()
        except (NoSeries, NotFound, UnsupportedUrl):
            pass
    raise absent


def segment_numbers(segmentation: Segmentation, wanted: list[str]) -> list[int]:
    """Return the numbers that labels, or numbers, mean.

    Raises
    ------
    UnknownSegment
        There is none; lists the labels.
    """
    found = []
    for one in wanted:
        numbers = segmentation.get_segment_numbers(segment_label=one)
        if not numbers and one.isdecimal() and int(one) in segmentation.segment_numbers:
            numbers = [int(one)]
        if not numbers:
            described = map(segmentation.get_segment_description, segmentation.segment_numbers)
            labels = ", ".join(repr(each.segment_label) for each in described)
            raise UnknownSegment(
                f"{segmentation.url} has no segment {one!r}; its segments: {labels}."
            )
        found += numbers
    return list(dict.fromkeys(found))


def in_fitting_type(read: Callable[[Any], Volume], dtype: str | None) -> Volume:
    """Read a volume in the smallest usual type that holds its values.

    Parameters
    ----------
    read : callable
        Takes a dtype.
    dtype : str or None
        The user's choice.
    """
    import numpy as np

    from nearline.errors import InvalidOption

    if dtype is not None:
        try:
            chosen = np.dtype(dtype)
        except TypeError:
            chosen = np.dtype(object)
        if chosen.kind not in "uif":
            raise InvalidOption(f"--dtype {dtype} is no type of numbers, such as int16 or float32.")
        return read(chosen)
    for candidate in (np.int16, np.int32):
        try:
            return read(np.dtype(candidate))
        except InvalidTransform:
            continue
    return read(np.dtype(np.float32))
