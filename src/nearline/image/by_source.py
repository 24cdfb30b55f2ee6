"""Frames by the images that they were derived from, under highdicom's names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from nearline.errors import AmbiguousFrames, NoSourceReferences
from nearline.image.geometry.region import Region, Span
from nearline.image.geometry.tiles import FullTiling
from nearline.image.metadata import ImageMetadata
from nearline.image.reading.assembly import paste_frames
from nearline.image.reading.rendering import render
from nearline.image.sources import Derived, Sources, root_references
from nearline.image.transforms.options import TransformOptions

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

__all__ = ["SourceMethods"]


class SourceMethods(ImageMetadata):
    """Reading an image by its source images."""

    def get_pixels_by_source_instance(
        self,
        source_sop_instance_uids: Sequence[str],
        ignore_spatial_locations: bool = False,
        assert_missing_frames_are_empty: bool = False,
        dtype: DTypeLike = np.float64,
        apply_real_world_transform: bool | None = None,
        real_world_value_map_selector: Any = 0,
        apply_modality_transform: bool | None = None,
        apply_voi_transform: bool | None = False,
        voi_transform_selector: Any = 0,
        voi_output_range: tuple[float, float] = (0.0, 1.0),
        apply_presentation_lut: bool = True,
        apply_palette_color_lut: bool | None = None,
        apply_icc_profile: bool | None = None,
    ) -> NDArray[Any]:
        """Return the frames that were derived from some single-frame images.

        Parameters
        ----------
        source_sop_instance_uids : sequence of str
            SOP Instance UIDs of the source images, in the order wanted; may repeat.
        ignore_spatial_locations : bool
            Do not require that the image says (0028,135A) that pixels kept
            their places when the frames were derived.
        assert_missing_frames_are_empty : bool
            Give zeros for instances that the image does not mention, instead of
            raising.
        dtype, apply_real_world_transform, ..., apply_icc_profile
            As in `get_frame`.

        Returns
        -------
        ndarray of `dtype`, shape (n, rows, columns) or (n, rows, columns, 3)
            Zeros for an instance that is mentioned, but nothing was derived from.

        Raises
        ------
        NoSourceReferences
            The image does not say what its frames were derived from, or not
            that pixels kept their places.
        UnknownSource
            It does not mention one of the instances.
        AmbiguousFrames
            Several frames were derived from one instance.
        InvalidOption
            One UID instead of a list, or an empty list.
        InvalidTransform, TransformMissing
            The transforms contradict each other or what the image holds.

        Notes
        -----
        Source images as in DICOM PS3.3 C.7.6.16.2.6.
        """
        options = TransformOptions(
            apply_real_world_transform=apply_real_world_transform,
            real_world_value_map_selector=real_world_value_map_selector,
            apply_modality_transform=apply_modality_transform,
            apply_voi_transform=apply_voi_transform,
            voi_transform_selector=voi_transform_selector,
            voi_output_range=voi_output_range,
            apply_presentation_lut=apply_presentation_lut,
            apply_palette_color_lut=apply_palette_color_lut,
            apply_icc_profile=apply_icc_profile,
        )
        found = self._sources().of_instances(
            source_sop_instance_uids,
            ignore_spatial_locations=ignore_spatial_locations,
            assert_missing_frames_are_empty=assert_missing_frames_are_empty,
        )
        return self._derived_frames(found, len(source_sop_instance_uids), dtype, options)

    def get_pixels_by_source_frame(
        self,
        source_sop_instance_uid: str,
        source_frame_numbers: Sequence[SupportsIndex] | None = None,
        ignore_spatial_locations: bool = False,
        assert_missing_frames_are_empty: bool = False,
        dtype: DTypeLike = np.float64,
        apply_real_world_transform: bool | None = None,
        real_world_value_map_selector: Any = 0,
        apply_modality_transform: bool | None = None,
        apply_voi_transform: bool | None = False,
        voi_transform_selector: Any = 0,
        voi_output_range: tuple[float, float] = (0.0, 1.0),
        apply_presentation_lut: bool = True,
        apply_palette_color_lut: bool | None = None,
        apply_icc_profile: bool | None = None,
    ) -> NDArray[Any]:
        """Return the frames that were derived from frames of one multi-frame image.

        Parameters
        ----------
        source_sop_instance_uid : str
            SOP Instance UID of the source image.
        source_frame_numbers : sequence of int, optional
            1-based, in the order wanted; may repeat. None: from 1 to the
            greatest that the image refers to.
        ignore_spatial_locations : bool
            As in `get_pixels_by_source_instance`.
        assert_missing_frames_are_empty : bool
            Give zeros for frames beyond the greatest that the image refers to,
            and for an instance that it does not mention, instead of raising.
        dtype, apply_real_world_transform, ..., apply_icc_profile
            As in `get_frame`.

        Returns
        -------
        ndarray of `dtype`, shape (n, rows, columns) or (n, rows, columns, 3)
            Zeros for a source frame that nothing was derived from.

        Raises
        ------
        NoSourceReferences
            The image does not say what its frames were derived from, or not
            that pixels kept their places.
        UnknownSource
            It does not mention the instance, or no frame as high as one asked for.
        UnknownFrame
            A frame number below 1.
        AmbiguousFrames
            Several frames were derived from one source frame.
        InvalidOption
            No frame numbers in the list.
        InvalidTransform, TransformMissing
            The transforms contradict each other or what the image holds.
        """
        options = TransformOptions(
            apply_real_world_transform=apply_real_world_transform,
            real_world_value_map_selector=real_world_value_map_selector,
            apply_modality_transform=apply_modality_transform,
            apply_voi_transform=apply_voi_transform,
            voi_transform_selector=voi_transform_selector,
            voi_output_range=voi_output_range,
            apply_presentation_lut=apply_presentation_lut,
            apply_palette_color_lut=apply_palette_color_lut,
            apply_icc_profile=apply_icc_profile,
        )
        found, count = self._sources().of_frames(
            source_sop_instance_uid,
            source_frame_numbers,
            ignore_spatial_locations=ignore_spatial_locations,
            assert_missing_frames_are_empty=assert_missing_frames_are_empty,
        )
        return self._derived_frames(found, count, dtype, options)

    def _sources(self) -> Sources:
        """Collect what the image says of its source images."""
        if isinstance(self._opened.tiling, FullTiling) and self.number_of_frames > 1:
            raise NoSourceReferences(
                f"{self.url} is tiled in full, and such an image does not say what its frames were "
                "derived from. Read it with get_total_pixel_matrix."
            )
        references = self._opened.columns.references
        if references is None and "PerFrameFunctionalGroupsSequence" not in self:
            references = root_references(self)
        return Sources(
            self.url, references, lambda: [str(uid) for *_, uid in self.get_source_image_uids()]
        )

    def _derived_frames(
        self, found: Derived, count: int, dtype: DTypeLike, options: TransformOptions
    ) -> NDArray[Any]:
        several = np.flatnonzero(np.diff(found.places) == 0)
        if len(several):
            first, second = (found.frames[several[0] : several[0] + 2] + 1).tolist()
            raise AmbiguousFrames(
                f"Frames {first} and {second} of {self.url} were derived from one and the same "
                "source. Read the frames that you want with get_frames."
            )
        format_ = self._opened.facts.format
        region = Region(Span(0, format_.rows), Span(0, format_.columns))
        rendering = render(self._opened, self, found.frames.tolist(), dtype, options)
        out = np.zeros((count, *region.shape, *rendering.samples), rendering.dtype)
        paste_frames(self._opened, found.frames, found.places, rendering, region, out)
        return out
