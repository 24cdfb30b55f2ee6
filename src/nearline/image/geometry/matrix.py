"""Where a total pixel matrix lies on its slide."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nearline.errors import NoVolume

if TYPE_CHECKING:
    from highdicom import VolumeGeometry
    from pydicom.dataset import Dataset

    from nearline.image.opened import Opened

__all__ = ["matrix_geometry"]


def matrix_geometry(opened: Opened, dataset: Dataset) -> VolumeGeometry:
    """Return the geometry of the total pixel matrix, as a volume of one slice.

    Parameters
    ----------
    opened : Opened
        A tiled image in the slide coordinate system (PS3.3 C.8.12.2).
    dataset : Dataset
        Its header.

    Raises
    ------
    NoVolume
        The image does not say where its matrix lies, or how large its pixels are.
    """
    from highdicom import CoordinateSystemNames, VolumeGeometry

    url, matrix = opened.reader.url, opened.facts.matrix
    origins, orientation = (
        dataset.get("TotalPixelMatrixOriginSequence"),
        dataset.get("ImageOrientationSlide"),
    )
    spacing = opened.columns.get("PixelSpacing")
    if matrix is None or not origins or not orientation or spacing is None:
        raise NoVolume(
            f"{url} does not say where on the slide it lies: it lacks (0048,0008) Total Pixel "
            "Matrix Origin Sequence, (0048,0102) Image Orientation (Slide) or (0028,0030) Pixel "
            "Spacing. Read it with get_total_pixel_matrix."
        )
    between = opened.columns.get("SpacingBetweenSlices")
    for keyword, column in (("PixelSpacing", spacing), ("SpacingBetweenSlices", between)):
        if column is not None and not (column == column[0]).all():
            raise NoVolume(f"The tiles of {url} differ in {keyword}, so that they make no matrix.")
    origin = origins[0]
    try:
        return VolumeGeometry.from_attributes(
            image_position=[
                float(origin.XOffsetInSlideCoordinateSystem),
                float(origin.YOffsetInSlideCoordinateSystem),
                float(origin.get("ZOffsetInSlideCoordinateSystem") or 0.0),
            ],
            image_orientation=[float(one) for one in orientation],
            rows=matrix.rows,
            columns=matrix.columns,
            pixel_spacing=np.asarray(spacing[0], np.float64).tolist(),
            number_of_frames=1,
            spacing_between_slices=1.0 if between is None else float(between[0]),
            coordinate_system=CoordinateSystemNames.SLIDE,
            frame_of_reference_uid=str(dataset.FrameOfReferenceUID),
        )
    except (AttributeError, ValueError) as error:
        raise NoVolume(f"The total pixel matrix of {url} lies nowhere: {error}") from None
