"""From stored values to the values asked for: which transforms a read applies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom.dataelem import RawDataElement

from nearline.dicom.functional_groups import read_item_dataset
from nearline.dicom.header import PER_FRAME_GROUPS
from nearline.errors import TransformMissing
from nearline.image.transforms.transform import PixelTransform, make_transform

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray
    from pydicom.dataset import Dataset

    from nearline.image.facts import Facts
    from nearline.image.opened import Opened
    from nearline.image.transforms.options import TransformOptions

__all__ = ["Rendering", "render", "stored"]

_FEW = 32
"""For so few frames, their functional groups alone are parsed, and not those of all."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """How frames become part of a result.

    Attributes
    ----------
    dtype : dtype
        Of the result.
    samples : tuple of int
        ``(3,)`` for colour, else empty: the last axis of the result.
    profiles : sequence of (int or None), or None
        For each frame, the ICC profile to decode it through; None for no frame.
    transform_of : callable or None
        Returns the transform of a frame, by its 0-based index; None for nothing more to do.
    """

    dtype: np.dtype[Any]
    samples: tuple[int, ...]
    profiles: Sequence[int | None] | None = None
    transform_of: Callable[[int], PixelTransform] | None = None

    def __call__(self, frame: int, values: NDArray[Any]) -> NDArray[Any]:
        """Take the decoded values of a frame through its transform."""
        return values if self.transform_of is None else self.transform_of(frame)(values)

    def paste(self, frame: int, values: NDArray[Any], out: NDArray[Any]) -> None:
        """Take the decoded values of a frame through its transform, into a part of the result."""
        if self.transform_of is None:
            out[...] = values
        else:
            self.transform_of(frame).into(values, out)


def stored(opened: Opened) -> Rendering:
    """Return the rendering that changes nothing."""
    format_ = opened.facts.format
    samples = () if format_.samples_per_pixel == 1 else (format_.samples_per_pixel,)
    return Rendering(format_.dtype, samples)


def render(
    opened: Opened,
    dataset: Dataset,
    frames: Sequence[int],
    dtype: DTypeLike,
    options: TransformOptions,
) -> Rendering:
    """Decide how `frames` are rendered.

    The Dataset is left alone where the facts suffice: colour that at most an
    ICC profile changes, and grey values that nothing changes.

    Parameters
    ----------
    opened : Opened
        The image.
    dataset : Dataset
        Its header, which may not have been parsed yet.
    frames : sequence of int
        0-based indices.
    dtype : dtype
        Of the result.
    options : TransformOptions
        What the caller wants.

    Raises
    ------
    InvalidTransform, TransformMissing
        The options contradict each other or what the image holds.
    """
    facts = opened.facts
    if not _facts_suffice(facts, options):
        return _from_dataset(opened, dataset, frames, np.dtype(dtype), options)
    if facts.color == "monochrome":
        return Rendering(np.dtype(dtype), ())
    if options.apply_icc_profile is False or not facts.profiles:
        if options.apply_icc_profile:
            raise TransformMissing(
                f"{opened.reader.url} carries no ICC profile, and apply_icc_profile=True asks for "
                "one. None applies it where there is one."
            )
        return Rendering(np.dtype(dtype), (3,))
    profiles = _profiles(opened, frames)
    if options.apply_icc_profile and None in profiles:
        raise TransformMissing(
            f"Some optical path of {opened.reader.url} has no ICC profile, and "
            "apply_icc_profile=True asks for one. None applies it where there is one."
        )
    return Rendering(np.dtype(dtype), (3,), profiles)


def _facts_suffice(facts: Facts, options: TransformOptions) -> bool:
    if (
        options.apply_real_world_transform
        or options.apply_modality_transform
        or options.apply_voi_transform is not False
        or options.apply_palette_color_lut is not None
    ):
        return False
    if facts.color == "color":
        return facts.format.samples_per_pixel == 3
    return facts.plain and not options.apply_icc_profile


def _profiles(opened: Opened, frames: Sequence[int]) -> Sequence[int | None]:
    of_path = opened.facts.profile_of_path
    if opened.tiling is None or len(of_path) == 1:
        return (of_path[0],) * len(frames)
    paths = opened.tiling.paths_of(np.asarray(frames, np.int64)).tolist()
    return [of_path[path] if path < len(of_path) else None for path in paths]


def _from_dataset(
    opened: Opened,
    dataset: Dataset,
    frames: Sequence[int],
    dtype: np.dtype[Any],
    options: TransformOptions,
) -> Rendering:
    tiling = opened.tiling
    paths: list[str | None] = [None] * len(frames)
    if tiling is not None and tiling.channel == "optical path":
        indices = tiling.paths_of(np.asarray(frames, np.int64)).tolist()
        paths = [tiling.optical_paths[i] for i in indices]
    per_frame = _per_frame(dataset) if len(frames) <= _FEW else None

    def made(frame: int, path: str | None) -> PixelTransform:
        return make_transform(
            dataset,
            frame_index=frame,
            output_dtype=dtype,
            per_frame=per_frame,
            optical_path=path,
            **options.keywords(),
        )

    if not frames:
        return Rendering(dtype, made(0, None).output_shape_suffix)
    first = made(frames[0], paths[0])
    if first.applies_to_all_frames:
        return Rendering(dtype, first.output_shape_suffix, transform_of=lambda _: first)
    transforms = {
        frame: made(frame, path) for frame, path in dict(zip(frames, paths, strict=True)).items()
    }
    return Rendering(
        dtype,
        first.output_shape_suffix,
        transform_of=transforms.__getitem__,
    )


def _per_frame(dataset: Dataset) -> Callable[[int], Dataset] | None:
    """How to parse the functional groups of single frames, while those of all are unparsed."""
    groups: Any = dataset.get_item(PER_FRAME_GROUPS) if PER_FRAME_GROUPS in dataset else None
    if not isinstance(groups, RawDataElement):
        return None
    raw, little_endian = groups.value or b"", groups.is_little_endian
    implicit_vr = groups.is_implicit_VR
    return lambda frame: read_item_dataset(
        raw, frame, implicit_vr=implicit_vr, little_endian=little_endian
    )
