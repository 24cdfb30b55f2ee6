"""The images that a segmentation was made of, brought into its own geometry."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nearline.errors import NearlineError, NoVolume
from nearline.image.series.open_series import open_series
from nearline.image.series.series import Series

if TYPE_CHECKING:
    from highdicom import Volume, VolumeGeometry

    from nearline.image.image import Image

__all__ = ["find_source", "matched", "referenced_series"]

_MOST_BESIDE = 2000


def referenced_series(segmentation: Image) -> list[str]:
    """Return the Series Instance UIDs that a segmentation says it was made of."""
    items: Any = segmentation.get("ReferencedSeriesSequence") or ()
    return [str(item.SeriesInstanceUID) for item in items if item.get("SeriesInstanceUID")]


def find_source(
    segmentation: Image, url: str, *, storage_options: Mapping[str, Any] | None
) -> Series | None:
    """Look for the source series beside a segmentation: in its folder and those below.

    Parameters
    ----------
    segmentation : Image
    url : str
        Its own.

    Returns
    -------
    Series or None
        None where it is not there, or where the folder cannot be listed or
        holds too much to be looked through.
    """
    from itertools import islice

    from nearline.fetch.listing import iter_objects

    folder = url.rpartition("/")[0] if "://" in url else os.path.dirname(os.path.abspath(url))
    for uid in referenced_series(segmentation):
        try:
            beside = iter_objects(folder, storage_options=storage_options)
            if len(list(islice(beside, _MOST_BESIDE + 1))) > _MOST_BESIDE:
                return None
            return open_series(
                folder, storage_options=storage_options, series_instance_uid=uid, prefetch=False
            )
        except NearlineError:
            continue
    return None


def matched(source: Series | Image, wanted: VolumeGeometry) -> Volume:
    """Read the part of a source that covers a geometry, and bring it into that.

    Nothing is resampled: slices, rows and columns are turned, cut and padded.

    Raises
    ------
    NoVolume
        The source has other slices or pixels than the segmentation.
    """
    geometry = source.get_volume_geometry()
    if geometry is None:
        raise NoVolume(f"{_name(source)} is no volume, so that nothing can be laid over it.")
    corners = np.array(
        [
            (s, r, c, 1)
            for s in (0, wanted.spatial_shape[0] - 1)
            for r in (0, wanted.spatial_shape[1] - 1)
            for c in (0, wanted.spatial_shape[2] - 1)
        ]
    )
    slices = (corners @ wanted.affine.T @ geometry.inverse_affine.T)[:, 0]
    first = max(0, round(float(slices.min())))
    stop = min(geometry.spatial_shape[0], round(float(slices.max())) + 1)
    if first >= stop:
        raise NoVolume(f"{_name(source)} does not show the place of the segmentation.")
    part = source.get_volume(
        slice_start=first, slice_end=stop, as_indices=True, dtype=np.dtype(np.float32)
    )
    try:
        return part.match_geometry(wanted)
    except (RuntimeError, ValueError) as error:
        raise NoVolume(
            f"{_name(source)} does not have the pixels of the segmentation, and is not resampled "
            f"for it: {error}"
        ) from None


def _name(source: Series | Image) -> str:
    return f"Series {source.series_instance_uid}" if isinstance(source, Series) else source.url
