"""Dimension indices: numbers by which frames are told apart (PS3.3 C.7.6.17)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom.datadict import keyword_for_tag, tag_for_keyword
from pydicom.tag import BaseTag

from nearline.errors import InvalidDicom, UnknownDimension
from nearline.image.geometry.tiles import FullTiling

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

    from nearline.image.opened import Opened

__all__ = ["dimension_indices", "tag_of", "unknown_dimension"]


def tag_of(pointer: int | str) -> BaseTag:
    """Return the tag that a number or keyword means.

    Raises
    ------
    UnknownDimension
        A keyword that DICOM does not have.
    """
    if isinstance(pointer, str):
        tag = tag_for_keyword(pointer)
        if tag is None:
            raise UnknownDimension(f"{pointer!r} is not a DICOM keyword.")
        return BaseTag(tag)
    return BaseTag(pointer)


def unknown_dimension(tag: int, known: Sequence[int], url: str) -> UnknownDimension:
    """Return the error for a tag that is no dimension index; it lists those that are."""
    names = ", ".join(_name(one) for one in known) or "it has none"
    return UnknownDimension(f"{_name(tag)} is no dimension index of {url}. Its own: {names}.")


def dimension_indices(
    opened: Opened, dataset: Dataset, tags: Sequence[int], known: Sequence[int]
) -> NDArray[np.int64]:
    """Return the index values of some dimensions, for all frames.

    Parameters
    ----------
    opened : Opened
        The image.
    dataset : Dataset
        Its header.
    tags : sequence of int
        The dimensions asked for.
    known : sequence of int
        All dimensions of the image, in its order.

    Returns
    -------
    ndarray of int64, shape (frames, len(tags))
        1-based. A TILED_FULL image stores none: there they number the distinct
        values of each attribute, in ascending order.

    Raises
    ------
    InvalidDicom
        The frames have no index value for each dimension.
    """
    if isinstance(opened.tiling, FullTiling):
        return _implied(opened.tiling, dataset, tags)
    stored = opened.columns.get("DimensionIndexValues")
    count = len(opened.frames)
    if stored is None or stored.reshape(count, -1).shape[1] < len(known):
        raise InvalidDicom(
            f"{opened.reader.url} announces {len(known)} dimension indices, but its frames do not "
            "carry as many values. Select frames by their numbers, with get_stored_frames."
        )
    places = [list(known).index(tag) for tag in tags]
    return stored.reshape(count, -1)[:, places].astype(np.int64)


def _implied(tiling: FullTiling, dataset: Dataset, tags: Sequence[int]) -> NDArray[np.int64]:
    down, across = -(-tiling.rows // tiling.tile_rows), -(-tiling.columns // tiling.tile_columns)
    row, column = (one.ravel() for one in np.indices((down, across)))
    origin = dataset.TotalPixelMatrixOriginSequence[0]
    spacing = dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing
    cosines = np.array([float(one) for one in dataset.ImageOrientationSlide])
    x, y = (
        float(start)
        + cosines[axis] * float(spacing[1]) * column * tiling.tile_columns
        + cosines[3 + axis] * float(spacing[0]) * row * tiling.tile_rows
        for axis, start in enumerate(
            (origin.XOffsetInSlideCoordinateSystem, origin.YOffsetInSlideCoordinateSystem)
        )
    )
    one_plane: dict[str, NDArray[Any]] = {
        "RowPositionInTotalImagePixelMatrix": row,
        "ColumnPositionInTotalImagePixelMatrix": column,
        "XOffsetInSlideCoordinateSystem": x,
        "YOffsetInSlideCoordinateSystem": y,
    }
    tiles, planes = down * across, tiling.focal_planes
    frames = np.arange(tiling.number_of_frames)
    found = []
    for tag in tags:
        keyword = keyword_for_tag(tag)
        if keyword in one_plane:
            # As highdicom, which numbers the coordinates of tiles as it computes them.
            values = np.unique(np.round(one_plane[keyword], 6), return_inverse=True)[1]
            found.append(values[frames % tiles] + 1)
        elif keyword == "ZOffsetInSlideCoordinateSystem":
            found.append(frames // tiles % planes + 1)
        else:
            found.append(frames // (tiles * planes) + 1)
    return np.stack(found, axis=1).astype(np.int64)


def _name(tag: int) -> str:
    return f"{keyword_for_tag(tag) or 'an unknown attribute'} {BaseTag(tag)}"
