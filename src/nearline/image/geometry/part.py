"""Which part of a volume is asked for, and the volume that its pixels make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, SupportsIndex

from nearline.errors import OutsideMatrix
from nearline.image.geometry.region import Region, Span, region_of_matrix, slices_of_volume

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from highdicom import Volume, VolumeGeometry
    from numpy.typing import NDArray

__all__ = ["Part", "PartArguments", "volume_of"]


@dataclass(frozen=True, slots=True)
class Part:
    """Slices, rows and columns of a volume.

    Attributes
    ----------
    slices : Span
        0-based.
    region : Region
        Rows and columns, 0-based.
    """

    slices: Span
    region: Region

    def of(self, whole: VolumeGeometry) -> VolumeGeometry:
        """Return where this part of a volume lies."""
        spans = (self.slices, self.region.rows, self.region.columns)
        geometry: Any = whole  # which may be indexed, but not by its annotations
        cut: VolumeGeometry = geometry[tuple(span.as_slice for span in spans)]
        return cut


@dataclass(frozen=True, slots=True)
class PartArguments:
    """The index arguments of `get_volume` as they are given; see there.

    Attributes
    ----------
    slice_start, slice_end, row_start, row_end, column_start, column_end : int or None
        1-based, or 0-based with `as_indices`; negative from the end.
    as_indices : bool
        Whether they count from 0.
    """

    slice_start: SupportsIndex | None
    slice_end: SupportsIndex | None
    row_start: SupportsIndex | None
    row_end: SupportsIndex | None
    column_start: SupportsIndex | None
    column_end: SupportsIndex | None
    as_indices: bool

    def region(self, rows: int, columns: int, *, name: str) -> Region:
        """Return the rows and columns meant, of so many.

        Parameters
        ----------
        name : str
            Of the image or series, for messages.

        Raises
        ------
        OutsideMatrix
            They reach outside, are reversed, or there are none.
        """
        region = region_of_matrix(
            self.row_start,
            self.row_end,
            self.column_start,
            self.column_end,
            rows=rows,
            columns=columns,
            as_indices=self.as_indices,
        )
        if 0 in region.shape:
            raise OutsideMatrix(
                f"The rows and columns asked for leave nothing of {name}; row_end and "
                "column_end themselves are not included."
            )
        return region

    def slices(self, number_of_slices: int) -> Span:
        """Return the slices meant, of so many.

        Raises
        ------
        OutsideMatrix
            There are no such slices, or none between the two.
        """
        return slices_of_volume(
            self.slice_start,
            self.slice_end,
            number_of_slices=number_of_slices,
            as_indices=self.as_indices,
        )


def volume_of(
    array: NDArray[Any],
    geometry: VolumeGeometry,
    channels: Mapping[Any, Sequence[Any]] | None = None,
) -> Volume:
    """Return pixels and their place as a volume.

    Parameters
    ----------
    array : ndarray, shape (slices, rows, columns) or (slices, rows, columns, n)
    geometry : highdicom.VolumeGeometry
        Of this part.
    channels : mapping, optional
        What the last axis of four means, as `highdicom.Volume` has it. None: RGB.
    """
    from highdicom import RGB_COLOR_CHANNEL_DESCRIPTOR, Volume

    if channels is None and array.ndim == 4:
        channels = {RGB_COLOR_CHANNEL_DESCRIPTOR: ["R", "G", "B"]}
    return Volume(
        array=array,
        affine=geometry.affine,
        coordinate_system=geometry.coordinate_system,
        frame_of_reference_uid=geometry.frame_of_reference_uid,
        channels=None if channels is None else dict(channels),
    )
