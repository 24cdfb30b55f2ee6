"""Segments by the images that they were drawn on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex

from nearline.image.segmentation.in_space import InSpace

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

__all__ = ["BySource"]


class BySource(InSpace):
    """Reading a segmentation by its source images."""

    def get_pixels_by_source_instance(  # type: ignore[override]
        self,
        source_sop_instance_uids: Sequence[str],
        segment_numbers: Sequence[SupportsIndex] | NDArray[Any] | None = None,
        combine_segments: bool = False,
        relabel: bool = False,
        ignore_spatial_locations: bool = False,
        assert_missing_frames_are_empty: bool = False,
        rescale_fractional: bool = True,
        skip_overlap_checks: bool = False,
        dtype: DTypeLike | None = None,
        apply_palette_color_lut: bool = False,
        apply_icc_profile: bool | None = None,
    ) -> NDArray[Any]:
        """Return what was segmented in some single-frame images.

        Parameters
        ----------
        source_sop_instance_uids : sequence of str
            SOP Instance UIDs of the images, in the order wanted; may repeat.
        segment_numbers, combine_segments, ..., apply_icc_profile
            As in `get_volume`.
        ignore_spatial_locations : bool
            Do not require that the segmentation says (0028,135A) that pixels
            kept their places.
        assert_missing_frames_are_empty : bool
            Show background for images that the segmentation does not mention,
            instead of raising.

        Returns
        -------
        ndarray, shape (n, rows, columns), or with one axis more
            For each segment, or for RGB. Background for an image that is
            mentioned, but shows no segment.

        Raises
        ------
        NoSourceReferences
            The segmentation does not say what it was drawn on, or not that
            pixels kept their places.
        UnknownSource
            It does not mention one of the images.
        AmbiguousFrames
            Several frames of a segment were drawn on one image.
        InvalidOption
            One UID instead of a list, or an empty list.
        UnknownSegment, OverlappingSegments, InvalidFractions, InvalidTransform
            As in `get_volume`.

        Notes
        -----
        Source images as in DICOM PS3.3 C.7.6.16.2.6.
        """
        found = self._sources().of_instances(
            source_sop_instance_uids,
            ignore_spatial_locations=ignore_spatial_locations,
            assert_missing_frames_are_empty=assert_missing_frames_are_empty,
        )
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
        return self._pasted(request, found.frames, found.places, len(source_sop_instance_uids))

    def get_pixels_by_source_frame(  # type: ignore[override]
        self,
        source_sop_instance_uid: str,
        source_frame_numbers: Sequence[SupportsIndex] | None = None,
        segment_numbers: Sequence[SupportsIndex] | NDArray[Any] | None = None,
        combine_segments: bool = False,
        relabel: bool = False,
        ignore_spatial_locations: bool = False,
        assert_missing_frames_are_empty: bool = False,
        rescale_fractional: bool = True,
        skip_overlap_checks: bool = False,
        dtype: DTypeLike | None = None,
        apply_palette_color_lut: bool = False,
        apply_icc_profile: bool | None = None,
    ) -> NDArray[Any]:
        """Return what was segmented in frames of one multi-frame image.

        Parameters
        ----------
        source_sop_instance_uid : str
            SOP Instance UID of the image.
        source_frame_numbers : sequence of int, optional
            1-based, in the order wanted; may repeat. None: from 1 to the
            greatest that the segmentation refers to.
        segment_numbers, combine_segments, ..., apply_icc_profile
            As in `get_volume`.
        ignore_spatial_locations : bool
            As in `get_pixels_by_source_instance`.
        assert_missing_frames_are_empty : bool
            Show background for frames beyond the greatest that the segmentation
            refers to, and for an image that it does not mention, instead of
            raising.

        Returns
        -------
        ndarray, shape (n, rows, columns), or with one axis more
            As in `get_pixels_by_source_instance`.

        Raises
        ------
        NoSourceReferences
            The segmentation does not say which frames it was drawn on, or not
            that pixels kept their places.
        UnknownSource
            It does not mention the image, or no frame as high as one asked for.
        UnknownFrame
            A frame number below 1.
        AmbiguousFrames
            Several frames of a segment were drawn on one frame.
        InvalidOption
            No frame numbers in the list.
        UnknownSegment, OverlappingSegments, InvalidFractions, InvalidTransform
            As in `get_volume`.
        """
        found, count = self._sources().of_frames(
            source_sop_instance_uid,
            source_frame_numbers,
            ignore_spatial_locations=ignore_spatial_locations,
            assert_missing_frames_are_empty=assert_missing_frames_are_empty,
        )
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
        return self._pasted(request, found.frames, found.places, count)
