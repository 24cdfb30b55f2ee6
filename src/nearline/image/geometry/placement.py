"""From what the header and the per-frame columns say to where each frame lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nearline.image.geometry.tiles import Channel, FullTiling, SparseTiling, Tiling

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nearline.dicom.columns import Columns
    from nearline.image.facts import Facts, Matrix

__all__ = ["tiling_of"]

_ROW = "RowPositionInTotalImagePixelMatrix"
_COLUMN = "ColumnPositionInTotalImagePixelMatrix"
_Z = "ZOffsetInSlideCoordinateSystem"


def tiling_of(facts: Facts, columns: Columns, number_of_frames: int) -> Tiling | None:
    """Say how the frames cover the total pixel matrix.

    Parameters
    ----------
    facts : Facts
        Of the image, or of the first part of a concatenation.
    columns : Columns
        Per-frame attributes.
    number_of_frames : int
        Of the whole image.

    Returns
    -------
    FullTiling, SparseTiling or None
        None for an image that is not tiled, or whose frames have no positions.
    """
    matrix = facts.matrix
    if matrix is None:
        return None
    channel: Channel = "segment" if matrix.segments else "optical path"
    tile_rows, tile_columns = facts.format.rows, facts.format.columns
    positioned = _ROW in columns and _COLUMN in columns
    whole = number_of_frames == 1 and tile_rows >= matrix.rows and tile_columns >= matrix.columns
    if matrix.organization == "TILED_FULL" or (whole and not positioned):
        return FullTiling(
            rows=matrix.rows,
            columns=matrix.columns,
            tile_rows=tile_rows,
            tile_columns=tile_columns,
            number_of_frames=number_of_frames,
            focal_planes=max(1, matrix.focal_planes),
            optical_paths=matrix.optical_paths,
            channel=channel,
        )
    if not positioned:
        return None
    optical_paths, paths = _paths(matrix, columns)
    focal_planes, planes = _planes(matrix, columns)
    return SparseTiling(
        rows=matrix.rows,
        columns=matrix.columns,
        tile_rows=tile_rows,
        tile_columns=tile_columns,
        tops=_offsets(columns, _ROW, nowhere=matrix.rows),
        lefts=_offsets(columns, _COLUMN, nowhere=matrix.columns),
        optical_paths=optical_paths,
        focal_planes=focal_planes,
        channel=channel,
        paths=paths,
        planes=planes,
    )


def _offsets(columns: Columns, keyword: str, *, nowhere: int) -> NDArray[np.int64]:
    """0-based positions; a frame without one lies `nowhere`, outside the matrix."""
    offsets = np.asarray(columns[keyword], np.int64) - 1
    if keyword in columns.missing:
        offsets[columns.missing[keyword]] = nowhere
    return offsets


def _paths(matrix: Matrix, columns: Columns) -> tuple[tuple[str, ...], NDArray[np.int64] | None]:
    column = columns.get("ReferencedSegmentNumber" if matrix.segments else "OpticalPathIdentifier")
    if column is None or not len(column):
        return matrix.optical_paths, None
    found, inverse = np.unique(column, return_inverse=True)
    names = [_text(one) for one in found.tolist()]
    # Frames may name a path that the sequence lacks: its pixels stay reachable.
    known = (*matrix.optical_paths, *(name for name in names if name not in matrix.optical_paths))
    numbers = np.array([known.index(name) for name in names], np.int64)
    return known, numbers[inverse]


def _planes(matrix: Matrix, columns: Columns) -> tuple[int, NDArray[np.int64] | None]:
    """Tell the focal planes apart, numbered by ascending Z offset.

    An image that declares one plane may still give each tile its own height,
    where the scanner followed the tissue.
    """
    column = columns.get(_Z)
    if column is None or not len(column) or matrix.focal_planes == 1:
        return max(1, matrix.focal_planes), None
    found, inverse = np.unique(np.round(np.asarray(column, np.float64), 9), return_inverse=True)
    return max(matrix.focal_planes, len(found)), inverse.astype(np.int64)


def _text(value: object) -> str:
    return value.decode("ascii", "replace").rstrip() if isinstance(value, bytes) else str(value)
