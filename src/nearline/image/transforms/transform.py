"""From stored values to the values asked for: all transforms of a frame as one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nearline.dicom.codecs.frame_format import FrameFormat
from nearline.dicom.codecs.icc import IccTransform
from nearline.errors import InvalidTransform, TransformMissing
from nearline.image.transforms.icc_profile import find_icc_profile
from nearline.image.transforms.levels import TransformLevels
from nearline.image.transforms.lookup_table import LookupTable
from nearline.image.transforms.modality import ModalityTransform, find_modality_transform
from nearline.image.transforms.options import Color, TransformKeywords, TransformOptions, color_of
from nearline.image.transforms.palette import palette_of
from nearline.image.transforms.real_world import RealWorldMap, find_real_world_map
from nearline.image.transforms.rescale import Rescale
from nearline.image.transforms.voi import VoiTransform, Window, find_voi_transform

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["PixelTransform", "color_transform", "make_transform"]

Stage = LookupTable | Rescale | Window


@dataclass(frozen=True, slots=True, eq=False)
class PixelTransform:
    """What is done to the stored values of a frame, in this order: `stage`, `icc`, the cast.

    Made by `make_transform` and `color_transform`; safe in any thread; pickles.

    Attributes
    ----------
    color : {"monochrome", "palette", "color"}
        What the stored values are.
    output_dtype : dtype
        Of the result.
    stage : callable or None
        The one table, rescale or window that all value transforms amount to.
    valid_range : (float, float) or None
        Stored values beyond it are an error.
    icc : IccTransform or None
        The correction of colours, from and to uint8.
    applies_to_all_frames : bool
        Whether every frame of the image has the same transform.
    """

    color: Color
    output_dtype: np.dtype[Any]
    stage: Stage | None = None
    valid_range: tuple[float, float] | None = None
    icc: IccTransform | None = None
    applies_to_all_frames: bool = True

    def __call__(self, frame: NDArray[Any]) -> NDArray[Any]:
        """Transform a frame.

        Parameters
        ----------
        frame : ndarray, shape (rows, columns) or (rows, columns, 3)
            Stored values; left as they are.

        Returns
        -------
        ndarray of `output_dtype`, shape (rows, columns) + `output_shape_suffix`
            The frame itself if nothing changes.

        Raises
        ------
        InvalidTransform
            The frame has another shape than such an image's, or values that its
            transform is not for.
        """
        self._check(frame)
        if self.stage is not None:
            frame = self.stage(frame)
        if self.icc is not None:
            frame = self.icc.apply(frame)
        return frame.astype(self.output_dtype, copy=False)

    def into(self, frame: NDArray[Any], out: NDArray[Any]) -> None:
        """Transform a frame into a part of a result, without arrays between where it can be.

        Parameters
        ----------
        frame : ndarray
            As that of `__call__`.
        out : ndarray
            Of `output_dtype` and the shape of the result; is filled.
        """
        if isinstance(self.stage, Rescale) and self.stage.fits(frame.dtype, out.dtype):
            self._check(frame)
            self.stage.into(frame, out)
        else:
            out[...] = self(frame)

    def _check(self, frame: NDArray[Any]) -> None:
        if frame.ndim != (3 if self.color == "color" else 2) or frame.shape[2:] not in ((), (3,)):
            raise InvalidTransform(f"A {self.color} image has no frames of shape {frame.shape}.")
        if self.valid_range is not None:
            first, last = self.valid_range
            if frame.min() < first or frame.max() > last:
                raise InvalidTransform(
                    f"The real world value map is for stored values from {first} to {last}; the "
                    f"frame's reach from {frame.min()} to {frame.max()}. Pass "
                    "apply_real_world_transform=False to leave it out."
                )

    @property
    def color_output(self) -> bool:
        """Whether the result is RGB."""
        return self.color == "color" or (self.color == "palette" and self.stage is not None)

    @property
    def output_shape_suffix(self) -> tuple[int, ...]:
        """What follows (rows, columns) in the shape of the result."""
        return (3,) if self.color_output else ()

    @property
    def is_only_icc(self) -> bool:
        """Whether nothing but `icc` and the cast is done."""
        return self.stage is None and self.valid_range is None


def color_transform(
    icc_profile: bytes | None,
    *,
    output_dtype: DTypeLike = np.float64,
    applies_to_all_frames: bool = True,
    **keywords: Unpack[TransformKeywords],
) -> PixelTransform:
    """Make the transform of a colour image, for which its profile suffices.

    Parameters
    ----------
    icc_profile : bytes or None
        Of the frame's optical path, if the image carries one.
    output_dtype : dtype
        Of the result.
    applies_to_all_frames : bool
        Whether all frames have this profile.
    **keywords
        As in `make_transform`.

    Raises
    ------
    InvalidTransform, TransformMissing, InvalidDicom
        As in `make_transform`.
    """
    options = TransformOptions(**keywords)
    options.check_for("color")
    return PixelTransform(
        "color",
        np.dtype(output_dtype),
        icc=_icc(icc_profile, options),
        applies_to_all_frames=applies_to_all_frames,
    )


def make_transform(
    dataset: Dataset,
    *,
    frame_index: int | None = None,
    output_dtype: DTypeLike = np.float64,
    per_frame: Callable[[int], Dataset] | None = None,
    optical_path: str | None = None,
    **keywords: Unpack[TransformKeywords],
) -> PixelTransform:
    """Make the transform of one frame, or of all frames if they have the same.

    Each transform is looked for in the image, then in the shared, then in the
    frame's own functional groups; the first found counts.

    Parameters
    ----------
    dataset : Dataset
        The image; its pixel data is not needed.
    frame_index : int, optional
        0-based; by default the first.
    output_dtype : dtype
        Of the result.
    per_frame : callable, optional
        Gives the functional groups of a frame by its 0-based index, for a
        `dataset` without them.
    optical_path : str, optional
        Identifier of the frame's optical path, if known.
    **keywords
        The attributes of `TransformOptions`.

    Raises
    ------
    InvalidTransform
        The transforms asked for contradict each other or the image, or
        `output_dtype` cannot hold their result.
    TransformMissing
        A transform is required, or one selected, that the image does not carry.
    InvalidDicom
        What the image says of a transform contradicts the standard.
    """
    options = TransformOptions(**keywords)
    color = color_of(str(dataset.get("PhotometricInterpretation")))
    options.check_for(color)
    levels = TransformLevels(dataset, frame_index or 0, per_frame)
    if color == "monochrome":
        return _monochrome(levels, np.dtype(output_dtype), options)
    profile, shared = (
        find_icc_profile(levels, optical_path) if options.uses("icc") else (None, True)
    )
    if color == "color":
        return color_transform(
            profile, output_dtype=output_dtype, applies_to_all_frames=shared, **keywords
        )
    return _palette(dataset, np.dtype(output_dtype), options, profile, shared)


def _icc(profile: bytes | None, options: TransformOptions) -> IccTransform | None:
    if not options.uses("icc"):
        return None
    if profile is None:
        if options.apply_icc_profile:
            raise TransformMissing("An ICC profile is required, but the image carries none.")
        return None
    return IccTransform(profile)


def _palette(
    dataset: Dataset,
    dtype: np.dtype[Any],
    options: TransformOptions,
    profile: bytes | None,
    shared: bool,
) -> PixelTransform:
    if not options.uses("palette"):
        return PixelTransform("palette", dtype)
    table, icc = palette_of(dataset), _icc(profile, options)
    if icc is None:
        # The profile needs the palette's own bytes; otherwise the cast is done once, here.
        table = table.astype(dtype)
    return PixelTransform("palette", dtype, table, icc=icc, applies_to_all_frames=shared)


def _monochrome(
    levels: TransformLevels, dtype: np.dtype[Any], options: TransformOptions
) -> PixelTransform:
    if options.uses("real_world"):
        real_world = find_real_world_map(levels, options.real_world_value_map_selector)
        if real_world is not None:
            return _real_world(real_world, levels, dtype, options)
        if options.apply_real_world_transform:
            raise TransformMissing(
                "A real world value map is required, but the image carries none."
            )
    modality = find_modality_transform(levels) if options.uses("modality") else None
    if modality is None and options.apply_modality_transform:
        raise TransformMissing("A modality transform is required, but the image carries none.")
    voi = None
    if options.uses("voi"):
        voi = find_voi_transform(levels, options.voi_transform_selector)
        if voi is None and options.apply_voi_transform:
            raise TransformMissing("A VOI transform is required, but the image carries none.")
    stage = _grey_stage(levels, dtype, options, modality, voi)
    shared = (modality is None or modality.shared) and (voi is None or voi.shared)
    return PixelTransform("monochrome", dtype, stage, applies_to_all_frames=shared)


def _real_world(
    real_world: RealWorldMap,
    levels: TransformLevels,
    dtype: np.dtype[Any],
    options: TransformOptions,
) -> PixelTransform:
    if options.apply_voi_transform:
        raise TransformMissing(
            "A VOI transform is required, but a real world value map takes its place. Pass "
            "apply_real_world_transform=False."
        )
    frame_format = FrameFormat.from_dataset(levels.image, "")
    stage = (
        _rescale(real_world.slope, real_world.intercept, frame_format, dtype)
        if real_world.table is None
        else _table(real_world.table, frame_format, dtype)
    )
    return PixelTransform(
        "monochrome",
        dtype,
        stage,
        valid_range=real_world.valid_range,
        applies_to_all_frames=real_world.shared,
    )


def _grey_stage(
    levels: TransformLevels,
    dtype: np.dtype[Any],
    options: TransformOptions,
    modality: ModalityTransform | None,
    voi: VoiTransform | None,
) -> Stage | None:
    """Join modality, VOI and presentation transforms into one step."""
    invert = options.apply_presentation_lut and _is_inverted(levels.image)
    output_range = options.voi_output_range
    frame_format = FrameFormat.from_dataset(levels.image, "")
    if modality is not None and modality.table is not None:
        table = modality.table
        if voi is None:
            joined = table.inverted() if invert else table
        elif voi.table is not None:
            joined = LookupTable(table.first, voi.table(table.values))
        else:
            window = voi.window(output_range=output_range, dtype=dtype, invert=invert)
            joined = LookupTable(table.first, window(table.values))
        return _table(joined, frame_format, dtype)
    slope, intercept = (modality.slope, modality.intercept) if modality else (1.0, 0.0)
    if voi is None:
        if invert:
            slope, intercept = _inverted(slope, intercept, frame_format)
        return _rescale(slope, intercept, frame_format, dtype)
    if voi.table is not None:
        if not (slope.is_integer() and intercept.is_integer()):
            raise InvalidTransform(
                f"A VOI LUT cannot follow the rescale by slope {slope:g} and intercept "
                f"{intercept:g}, which are no whole numbers."
            )
        scaled = voi.table.scaled(output_range, dtype, invert=invert)
        return _table(scaled.after_rescale(int(slope), int(intercept)), frame_format, dtype)
    return voi.window(
        slope=slope, intercept=intercept, output_range=output_range, dtype=dtype, invert=invert
    )


def _is_inverted(image: Dataset) -> bool:
    if "PresentationLUTShape" in image:
        return bool(image.PresentationLUTShape == "INVERSE")
    return bool(image.PhotometricInterpretation == "MONOCHROME1")


def _inverted(slope: float, intercept: float, frame_format: FrameFormat) -> tuple[float, float]:
    """Mirror a rescale within the range of the values that can be stored."""
    stored = _stored_range(frame_format)
    if stored is None:
        return -slope, -intercept
    return -slope, slope * sum(stored) + intercept


def _stored_range(frame_format: FrameFormat) -> tuple[int, int] | None:
    if frame_format.pixel_keyword != "PixelData":
        return None
    if frame_format.pixel_representation:
        half = 1 << (frame_format.bits_stored - 1)
        return -half, half - 1
    return 0, (1 << frame_format.bits_stored) - 1


def _rescale(
    slope: float, intercept: float, frame_format: FrameFormat, dtype: np.dtype[Any]
) -> Rescale | None:
    return Rescale.checked(
        slope,
        intercept,
        input_dtype=frame_format.dtype,
        output_dtype=dtype,
        input_range=_stored_range(frame_format),
    )


def _table(table: LookupTable, frame_format: FrameFormat, dtype: np.dtype[Any]) -> LookupTable:
    if frame_format.dtype.kind == "f":
        raise InvalidTransform("Lookup tables apply to integer pixels only.")
    return table.astype(dtype)
