"""What is asked of a segmentation, checked before anything is read: purely."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex

import numpy as np

from nearline.errors import InvalidOption, InvalidTransform, OverlappingSegments, UnknownSegment

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

__all__ = ["Kind", "Request", "Segments", "make_request"]

Kind = Literal["BINARY", "FRACTIONAL", "LABELMAP"]

_SHOWN = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Segments:
    """What a segmentation says of its segments as a whole.

    Attributes
    ----------
    url : str
        For messages.
    kind : {"BINARY", "FRACTIONAL", "LABELMAP"}
        Segmentation Type.
    labels : dict of int to str
        Segment labels by segment number, without the background's.
    largest_fraction : int
        Maximum Fractional Value; 0 where there is none.
    background : int
        Stored value of a label map's background: Pixel Padding Value, or 0.
    """

    url: str
    kind: Kind
    labels: dict[int, str]
    largest_fraction: int = 0
    background: int = 0

    def listed(self) -> str:
        """Name the segments, for a message."""
        named = [f"{number} ({label})" for number, label in self.labels.items()]
        shown = ", ".join(named[:_SHOWN])
        return shown if len(named) <= _SHOWN else f"{shown} and {len(named) - _SHOWN} more"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Request:
    """Which segments to read and how to show them.

    Attributes
    ----------
    segments : Segments
        Those of the image.
    numbers : ndarray of intp, shape (k,)
        The segments asked for, in order.
    combine : bool
        One array of labels; otherwise one array for each segment.
    relabel : bool
        Labels are positions in `numbers`, from 1, and not segment numbers.
    rescale : bool
        Fractions are divided by the largest.
    check_overlap : bool
        Segments that share a pixel cannot be combined.
    palette : bool
        Labels are shown in the colours of the palette.
    icc : bool or None
        Whether those are corrected by the ICC profile.
    dtype : dtype
        Of the result.
    """

    segments: Segments
    numbers: NDArray[np.intp]
    combine: bool
    relabel: bool
    rescale: bool
    check_overlap: bool
    palette: bool
    icc: bool | None
    dtype: np.dtype[Any]

    @property
    def labels(self) -> NDArray[np.intp]:
        """The value that stands for each segment in the combined array."""
        return np.arange(1, len(self.numbers) + 1) if self.relabel else self.numbers

    @property
    def checks_values(self) -> bool:
        """Whether some stored values make the request fail."""
        return self.segments.kind == "FRACTIONAL" and (self.combine or self.rescale)

    @property
    def checks_overlap(self) -> bool:
        """Whether segments that share a pixel make it fail."""
        if self.segments.kind == "LABELMAP" or not self.combine:
            return False
        return self.check_overlap and len(self.numbers) > 1


def make_request(
    segments: Segments,
    segment_numbers: Iterable[SupportsIndex] | None,
    *,
    combine_segments: bool,
    relabel: bool,
    rescale_fractional: bool,
    skip_overlap_checks: bool,
    dtype: DTypeLike | None,
    apply_palette_color_lut: bool,
    apply_icc_profile: bool | None,
) -> Request:
    """Check the arguments that all reading methods of a segmentation share.

    Raises
    ------
    UnknownSegment
        None of that number, or none asked for; the message lists those that exist.
    InvalidTransform
        `dtype` cannot hold the result, or the options contradict each other.
    OverlappingSegments
        One segment is asked for twice, to be combined with itself.
    """
    numbers = _numbers(segments, segment_numbers)
    fractional = segments.kind == "FRACTIONAL"
    rescaled = fractional and rescale_fractional and not combine_segments
    largest = (len(numbers) if relabel else int(numbers.max())) if combine_segments else 1
    chosen = _dtype(dtype, np.dtype(np.float32) if rescaled else np.min_scalar_type(largest))
    _check_range(chosen, largest)
    if rescaled and chosen.kind != "f":
        raise InvalidTransform(
            f"Fractions from 0 to 1 need a floating point dtype, not {chosen}. Pass "
            "dtype=numpy.float32, or rescale_fractional=False for the integers that are stored."
        )
    if fractional and combine_segments and not rescale_fractional:
        raise InvalidTransform(
            "Segments of a FRACTIONAL segmentation are combined by what they are worth: "
            "combine_segments=True needs rescale_fractional=True."
        )
    if (
        combine_segments
        and segments.kind != "LABELMAP"
        and len(set(numbers.tolist())) < len(numbers)
    ):
        raise OverlappingSegments(
            f"segment_numbers={numbers.tolist()} asks for a segment twice, which cannot be "
            "combined with itself. Name each segment once."
        )
    _check_palette(segments, apply_palette_color_lut, combine_segments and not relabel)
    return Request(
        segments=segments,
        numbers=numbers,
        combine=combine_segments,
        relabel=relabel,
        rescale=rescaled,
        check_overlap=not skip_overlap_checks,
        palette=apply_palette_color_lut,
        icc=apply_icc_profile if apply_palette_color_lut else False,
        dtype=chosen,
    )


def _numbers(segments: Segments, given: Iterable[SupportsIndex] | None) -> NDArray[np.intp]:
    if given is None:
        numbers = list(segments.labels)
    else:
        try:
            numbers = [number.__index__() for number in given]
        except (TypeError, AttributeError):
            raise InvalidOption(
                f"segment_numbers={given!r} is no sequence of whole numbers. The segments of "
                f"{segments.url}: {segments.listed()}."
            ) from None
    if not numbers:
        raise UnknownSegment(
            "segment_numbers is empty: no segment was asked for, or none was found by its label, "
            f"category, type or tracking. The segments of {segments.url}: {segments.listed()}."
        )
    unknown = [number for number in numbers if number not in segments.labels]
    if unknown:
        raise UnknownSegment(
            f"{segments.url} has no segment {', '.join(map(str, dict.fromkeys(unknown)))}. "
            f"Its segments: {segments.listed()}."
        )
    return np.array(numbers, np.intp)


def _dtype(given: DTypeLike | None, default: np.dtype[Any]) -> np.dtype[Any]:
    if given is None:
        return default
    chosen = np.dtype(given)
    if chosen.kind not in "uifb":
        raise InvalidTransform(
            f"dtype={chosen} holds no labels or fractions. Choose an integer, floating point or "
            "boolean type."
        )
    return chosen


def _check_range(dtype: np.dtype[Any], largest: int) -> None:
    limit: float = 1
    if dtype.kind == "f":
        limit = float(np.finfo(dtype).max)
    elif dtype.kind in "ui":
        limit = int(np.iinfo(dtype).max)
    if largest > limit:
        raise InvalidTransform(
            f"The largest label is {largest}, more than {dtype} holds. Choose a wider dtype or "
            "none, or relabel=True for labels from 1 to the number of segments."
        )


def _check_palette(segments: Segments, palette: bool, plain_labels: bool) -> None:
    if not isinstance(palette, bool):
        raise InvalidTransform(
            f"apply_palette_color_lut={palette!r}: only True or False is possible here."
        )
    if palette and not plain_labels:
        raise InvalidTransform(
            "Colours belong to the labels as they are stored: apply_palette_color_lut=True needs "
            "combine_segments=True and relabel=False."
        )
    if palette and segments.kind != "LABELMAP":
        raise InvalidTransform(
            f"{segments.url} is a {segments.kind} segmentation. Only label maps carry a palette; "
            "pass apply_palette_color_lut=False."
        )
