"""Single frames of an image and stacks of them, under highdicom's names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from nearline.image.metadata import ImageMetadata
from nearline.image.numbering import frame_index, frame_indices
from nearline.image.pixels import refuse_too_large
from nearline.image.reading.assembly import frame_stack
from nearline.image.reading.rendering import render, stored
from nearline.image.transforms.options import TransformOptions

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

__all__ = ["FrameMethods"]


class FrameMethods(ImageMetadata):
    """Reading an image frame by frame."""

    _all_stored: NDArray[Any] | None

    def get_raw_frame(self, frame_number: SupportsIndex, as_index: bool = False) -> bytes:
        """Return a frame as it is encoded.

        Parameters
        ----------
        frame_number : int
            1-based, or 0-based with `as_index`.

        Returns
        -------
        bytes
            Fragments joined, a trailing pad byte included. Of single-bit native
            pixels the least run of bytes that holds the frame; of 8-bit pixels in
            big-endian words the least run of words.

        Raises
        ------
        UnknownFrame
            The image has no such frame.
        """
        return self._opened.frames.raw(self._frame(frame_number, as_index))

    def get_stored_frame(self, frame_number: SupportsIndex, as_index: bool = False) -> NDArray[Any]:
        """Return the stored values of a frame: decoded, and nothing else done to them.

        Parameters
        ----------
        frame_number : int
            1-based, or 0-based with `as_index`.

        Returns
        -------
        ndarray, shape (rows, columns) or (rows, columns, 3)
            Of the type in which the pixels are stored; colour is RGB.

        Raises
        ------
        UnknownFrame
            The image has no such frame.
        DecodingFailed
            Its bytes are damaged.
        """
        index = self._frame(frame_number, as_index)
        values: NDArray[Any] = frame_stack(self._opened, [index], stored(self._opened))[0]
        return values

    def get_stored_frames(
        self, frame_numbers: Iterable[SupportsIndex] | None = None, as_indices: bool = False
    ) -> NDArray[Any]:
        """Return the stored values of several frames, stacked in the order asked.

        Parameters
        ----------
        frame_numbers : iterable of int, optional
            1-based, or 0-based with `as_indices`; may repeat. None: all frames.

        Returns
        -------
        ndarray, shape (n, rows, columns) or (n, rows, columns, 3)

        Raises
        ------
        UnknownFrame
            The image has no such frame.
        DecodingFailed
            The bytes of one are damaged.
        """
        indices = self._frames(frame_numbers, as_indices)
        return frame_stack(self._opened, indices, stored(self._opened))

    def get_frame(
        self,
        frame_number: SupportsIndex,
        as_index: bool = False,
        *,
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
        """Return a frame with pixel transforms applied.

        Of each transform, True means that it is required, False that it is left
        out, and None that it is applied where the image carries it.

        Parameters
        ----------
        frame_number : int
            1-based, or 0-based with `as_index`.
        dtype : dtype
            Of the result; float64 as in highdicom. uint8 is what slides need.
        apply_real_world_transform : bool or None
            Real World Value Mapping; goes before the modality transform.
        real_world_value_map_selector : int, str or code
            Which mapping: its position, LUT Label or unit.
        apply_modality_transform : bool or None
            Rescale slope and intercept, or Modality LUT.
        apply_voi_transform : bool or None
            Window or VOI LUT; `dtype` must be floating.
        voi_transform_selector : int, str or highdicom.VOILUTTransformation
            Which of them: its position or explanation; or one of your own.
        voi_output_range : tuple of float
            What the window is mapped to.
        apply_presentation_lut : bool
            Invert MONOCHROME1 and Presentation LUT Shape INVERSE.
        apply_palette_color_lut : bool or None
            Palette colours.
        apply_icc_profile : bool or None
            Correct colours to sRGB.

        Returns
        -------
        ndarray of `dtype`, shape (rows, columns) or (rows, columns, 3)

        Raises
        ------
        UnknownFrame
            The image has no such frame.
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
        indices = [self._frame(frame_number, as_index)]
        values: NDArray[Any] = self._rendered_frames(indices, dtype, options)[0]
        return values

    def get_frames(
        self,
        frame_numbers: Iterable[SupportsIndex] | None = None,
        as_indices: bool = False,
        *,
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
        """Return several frames with pixel transforms applied, stacked in the order asked.

        Parameters
        ----------
        frame_numbers : iterable of int, optional
            1-based, or 0-based with `as_indices`; may repeat. None: all frames.
        dtype, apply_real_world_transform, ..., apply_icc_profile
            As in `get_frame`.

        Returns
        -------
        ndarray of `dtype`, shape (n, rows, columns) or (n, rows, columns, 3)

        Raises
        ------
        UnknownFrame
            The image has no such frame.
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
        return self._rendered_frames(self._frames(frame_numbers, as_indices), dtype, options)

    @property
    def pixel_array(self) -> NDArray[Any]:
        """Stored values of all frames, read once and kept.

        Shape (frames, rows, columns) or (frames, rows, columns, 3); without the
        first axis for an image of one frame.

        Raises
        ------
        TooLarge
            The array would be larger than the setting `max_array_size`.
        """
        if self._all_stored is None:
            rendering = stored(self._opened)
            shape = (self.number_of_frames, *self._opened.facts.format.shape)
            refuse_too_large(self._opened, shape, rendering.dtype)
            found = frame_stack(self._opened, range(self.number_of_frames), rendering)
            self._all_stored = found[0] if self.number_of_frames == 1 else found
        return self._all_stored

    def _frame(self, number: SupportsIndex, as_index: bool) -> int:
        return frame_index(number, self.number_of_frames, as_index)

    def _frames(self, numbers: Iterable[SupportsIndex] | None, as_indices: bool) -> list[int]:
        return frame_indices(numbers, self.number_of_frames, as_indices)

    def _rendered_frames(
        self, indices: list[int], dtype: DTypeLike, options: TransformOptions
    ) -> NDArray[Any]:
        rendering = render(self._opened, self, indices, dtype, options)
        return frame_stack(self._opened, indices, rendering)
