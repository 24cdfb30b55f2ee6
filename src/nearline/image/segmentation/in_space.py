"""Segments arranged in space: volumes and regions of the total pixel matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from nearline.image.geometry.part import PartArguments, volume_of
from nearline.image.geometry.region import region_of_matrix
from nearline.image.segmentation.described import Described
from nearline.image.segmentation.pasting import matrix_array, places_at_once, stack_array
from nearline.image.segmentation.selection import select

if TYPE_CHECKING:
    from highdicom import Volume, VolumeGeometry
    from numpy.typing import DTypeLike, NDArray

    from nearline.image.geometry.region import Region
    from nearline.image.geometry.tiles import Tiling
    from nearline.image.segmentation.request import Request

__all__ = ["InSpace"]


class InSpace(Described):
    """Reading a segmentation by where its frames lie."""

    def get_volume_geometry(
        self,
        *,
        rtol: float | None = None,
        atol: float | None = None,
        perpendicular_tol: float | None = None,
        allow_missing_positions: bool = True,
        allow_duplicate_positions: bool = True,
    ) -> VolumeGeometry | None:
        """Return where the volume lies; None where the frames make none.

        As `Image.get_volume_geometry`, but slices without any segment, which
        are mostly not stored, do not count as missing.
        """
        return super().get_volume_geometry(
            rtol=rtol,
            atol=atol,
            perpendicular_tol=perpendicular_tol,
            allow_missing_positions=allow_missing_positions,
            allow_duplicate_positions=allow_duplicate_positions,
        )

    def get_volume(  # type: ignore[override]
        self,
        *,
        slice_start: SupportsIndex | None = None,
        slice_end: SupportsIndex | None = None,
        row_start: SupportsIndex | None = None,
        row_end: SupportsIndex | None = None,
        column_start: SupportsIndex | None = None,
        column_end: SupportsIndex | None = None,
        as_indices: bool = False,
        dtype: DTypeLike | None = None,
        segment_numbers: Sequence[SupportsIndex] | NDArray[Any] | None = None,
        combine_segments: bool = False,
        relabel: bool = False,
        rescale_fractional: bool = True,
        skip_overlap_checks: bool = False,
        apply_palette_color_lut: bool = False,
        apply_icc_profile: bool | None = None,
        allow_missing_positions: bool = True,
        rtol: float | None = None,
        atol: float | None = None,
        perpendicular_tol: float | None = None,
    ) -> Volume:
        """Return segments as a volume.

        Only frames of the segments and slices asked for are fetched, in a few
        ranges, in the order in which the file holds them.

        Parameters
        ----------
        slice_start, row_start, column_start : int, optional
            First slice, row and column: 1-based, or 0-based with `as_indices`.
            Negative counts from the end: -1 is the last. None: the first.
        slice_end, row_end, column_end : int, optional
            First slice, row and column beyond, counted in the same way. None:
            up to the last.
        as_indices : bool
            Count slices, rows and columns from 0.
        dtype : dtype, optional
            Of the result. None: float32 for fractions, else the smallest
            unsigned integer that holds the labels.
        segment_numbers : sequence of int, optional
            Which segments, in which order. None: all but the background.
        combine_segments : bool
            One array whose values are the segment numbers, 0 where no segment
            is; otherwise one channel for each segment, with 1 where it is.
        relabel : bool
            With `combine_segments`: values are positions in `segment_numbers`,
            from 1.
        rescale_fractional : bool
            Show a fractional segmentation from 0 to 1, not as it is stored.
        skip_overlap_checks : bool
            Where combined segments share pixels, let the highest value win
            instead of raising. Cropped rows are then not even fetched.
        apply_palette_color_lut : bool
            Show a label map in its colours; needs `combine_segments` without
            `relabel`.
        apply_icc_profile : bool, optional
            Correct those colours to sRGB. None: if there is a profile.
        allow_missing_positions : bool
            Slices without frames are background. Of a tiled segmentation the
            tiles may be missing in any case.
        rtol, atol, perpendicular_tol : float, optional
            As in `get_volume_geometry`.

        Returns
        -------
        highdicom.Volume
            Its array has the shape (slices, rows, columns), with a channel axis
            behind unless segments are combined: ``ReferencedSegmentNumber``, or
            RGB. Slices ascend along the normal of the frames; a tiled
            segmentation is one slice.

        Raises
        ------
        UnknownSegment
            None of that number, or none asked for; lists those that exist.
        OverlappingSegments
            Segments to be combined share pixels.
        InvalidFractions
            Stored values exceed the Maximum Fractional Value, or segments to be
            combined hold values between 0 and it.
        InvalidTransform
            `dtype` cannot hold the result, or options contradict each other.
        NoVolume
            The frames have no positions, or are not evenly spaced.
        AmbiguousFrames
            Two frames show one segment at one place.
        OutsideMatrix
            There are no such slices, rows or columns.
        """
        request = self._request(
            segment_numbers,
            combine_segments=combine_segments,
            relabel=relabel,
            rescale_fractional=rescale_fractional,
            skip_overlap_checks=skip_overlap_checks,
            dtype=dtype,
            apply_palette_color_lut=apply_palette_color_lut,
            apply_icc_profile=apply_icc_profile,
        )
        part, stack, geometry = self._part(
            PartArguments(
                slice_start, slice_end, row_start, row_end, column_start, column_end, as_indices
            ),
            rtol=rtol,
            atol=atol,
            perpendicular_tol=perpendicular_tol,
            allow_missing_positions=allow_missing_positions,
        )
        if stack is None:
            region = part.region
            array = matrix_array(self._opened, self._tiles(), self, request, region)[np.newaxis]
        else:
            within, places = stack.within(part.slices)
            array = self._pasted(request, within, places, part.slices.count, part.region)
        numbers = None if request.combine else request.numbers.tolist()
        channels = None if numbers is None else {"ReferencedSegmentNumber": numbers}
        return volume_of(array, part.of(geometry), channels)

    def get_total_pixel_matrix(  # type: ignore[override]
        self,
        row_start: SupportsIndex | None = None,
        row_end: SupportsIndex | None = None,
        column_start: SupportsIndex | None = None,
        column_end: SupportsIndex | None = None,
        segment_numbers: Sequence[SupportsIndex] | NDArray[Any] | None = None,
        combine_segments: bool = False,
        relabel: bool = False,
        rescale_fractional: bool = True,
        skip_overlap_checks: bool = False,
        dtype: DTypeLike | None = None,
        apply_palette_color_lut: bool = False,
        apply_icc_profile: bool | None = None,
        as_indices: bool = False,
    ) -> NDArray[Any]:
        """Return a region of the total pixel matrix of a tiled segmentation.

        Parameters
        ----------
        row_start, row_end, column_start, column_end : int, optional
            As in `Image.get_total_pixel_matrix`.
        segment_numbers, combine_segments, ..., apply_icc_profile
            As in `get_volume`.
        as_indices : bool
            Count rows and columns from 0.

        Returns
        -------
        ndarray, shape (rows, columns), or with one axis more
            For each segment, or for RGB. Where no tile is stored there is
            background.

        Raises
        ------
        MissingFrames
            The segmentation is not tiled, or does not say where its tiles lie.
        OutsideMatrix
            The region reaches outside the matrix, or is reversed.
        AmbiguousFrames
            Several tiles of one segment lie at one place.
        UnknownSegment, OverlappingSegments, InvalidFractions, InvalidTransform
            As in `get_volume`.
        """
        tiling = self._tiles()
        request = self._request(
            segment_numbers,
            combine_segments=combine_segments,
            relabel=relabel,
            rescale_fractional=rescale_fractional,
            skip_overlap_checks=skip_overlap_checks,
            dtype=dtype,
            apply_palette_color_lut=apply_palette_color_lut,
            apply_icc_profile=apply_icc_profile,
        )
        region = region_of_matrix(
            row_start,
            row_end,
            column_start,
            column_end,
            rows=tiling.rows,
            columns=tiling.columns,
            as_indices=as_indices,
        )
        return matrix_array(self._opened, tiling, self, request, region)

    def _tiles(self) -> Tiling:
        if self._opened.tiling is None:
            raise self._no_matrix()
        return self._opened.tiling

    def _pasted(
        self,
        request: Request,
        frames: NDArray[np.intp],
        places: NDArray[np.intp],
        count: int,
        region: Region | None = None,
    ) -> NDArray[Any]:
        """Read those of some frames that show the segments asked for, each to its place."""
        selection = select(
            frames,
            places,
            segments=self._segment_of_frame(),
            numbers=request.numbers,
            stripe=places_at_once(self._opened),
        )
        crop = {}
        if region is not None:
            crop = {"rows": region.rows.as_slice, "columns": region.columns.as_slice}
        return stack_array(self._opened, self, request, selection, count, **crop)
