"""Values of interest: windows and VOI tables (PS3.3 C.11.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nearline.errors import InvalidDicom, InvalidTransform, TransformMissing
from nearline.image.transforms.lookup_table import LookupTable, table_of

if TYPE_CHECKING:
    from pydicom import Dataset

    from nearline.image.transforms.levels import TransformLevels

__all__ = ["VoiTransform", "Window", "find_voi_transform"]

_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")


@dataclass(frozen=True, slots=True)
class Window:
    """A window prepared for an output.

    Attributes
    ----------
    center, width : float
        In stored values.
    function : {"LINEAR", "LINEAR_EXACT", "SIGMOID"}
        VOI LUT Function.
    output_range : (float, float)
        What the window is mapped to.
    dtype : dtype
        Floating; of the result and of every step to it.
    invert : bool
        Whether the greatest values become the least.
    """

    center: float
    width: float
    function: str
    output_range: tuple[float, float]
    dtype: np.dtype[Any]
    invert: bool

    def __post_init__(self) -> None:
        if self.dtype.kind != "f":
            raise InvalidTransform("The VOI transform requires a floating point data type.")

    def __call__(self, array: NDArray[Any]) -> NDArray[Any]:
        """Map values; those beyond the window become an end of the output range."""
        values = array.astype(self.dtype, copy=False)
        # Out-of-window values may overflow the exponential, and a window of one value has no
        # slope; both have their limit as a result.
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            return self._sigmoid(values) if self.function == "SIGMOID" else self._linear(values)

    def _linear(self, values: NDArray[Any]) -> NDArray[Any]:
        low, high = self.output_range
        width = self.dtype.type(self.width)
        scale = (high - low) / ((width - 1) if self.function == "LINEAR" else width)
        least = self.dtype.type(self.center) - width / 2.0
        if not np.isfinite(scale):
            ends = np.array([low, high], self.dtype)
            threshold: NDArray[Any] = ends[((values > least) != self.invert).astype(np.intp)]
            return threshold
        work: NDArray[Any] = (least - values) if self.invert else (values - least)
        work *= scale
        work += high if self.invert else low
        return np.clip(work, low, high, out=work)

    def _sigmoid(self, values: NDArray[Any]) -> NDArray[Any]:
        low, high = self.output_range
        center = self.dtype.type(self.center)
        work: NDArray[Any] = (center - values) if self.invert else (values - center)
        work *= -4.0
        work /= self.dtype.type(self.width)
        np.exp(work, out=work)
        work += 1.0
        np.divide(high - low, work, out=work)
        work += low
        return work


@dataclass(frozen=True, slots=True, eq=False)
class VoiTransform:
    """A table, or a window.

    Attributes
    ----------
    table : LookupTable or None
        The table.
    center, width : float
        The window, in the modality's units, where there is no table.
    function : str
        VOI LUT Function.
    shared : bool
        Whether it holds for all frames.
    """

    table: LookupTable | None
    center: float = 0.0
    width: float = 1.0
    function: str = "LINEAR"
    shared: bool = True

    def window(
        self,
        *,
        slope: float = 1.0,
        intercept: float = 0.0,
        output_range: tuple[float, float],
        dtype: np.dtype[Any],
        invert: bool,
    ) -> Window:
        """Return the window for values that are still to be rescaled."""
        center, width = (self.center - intercept) / slope, self.width / slope
        return Window(center, width, self.function, output_range, dtype, invert)


def find_voi_transform(
    levels: TransformLevels, selector: int | str | Dataset
) -> VoiTransform | None:
    """Find the VOI transform of a frame, or take the caller's own.

    Returns
    -------
    VoiTransform or None
        None if the image carries none.

    Raises
    ------
    TransformMissing
        It carries some, but not the one selected.
    InvalidTransform
        The caller's own holds several.
    InvalidDicom
        The window lacks what it needs.
    """
    if not isinstance(selector, (int, str)):
        return _own(selector)
    tables = levels.image.get("VOILUTSequence")
    if tables:
        explanations = [one.get("LUTExplanation") for one in tables]
        return VoiTransform(table_of(tables[_position(selector, len(tables), explanations)]))
    for dataset, shared in levels:
        groups = dataset.get("FrameVOILUTSequence")
        item = groups[0] if groups else dataset
        if "WindowCenter" in item or "WindowWidth" in item:
            return _window(item, selector, shared)
    return None


def _window(item: Dataset, selector: int | str, shared: bool) -> VoiTransform:
    centers, widths = _numbers(item, "WindowCenter"), _numbers(item, "WindowWidth")
    explanations = item.get("WindowCenterWidthExplanation")
    if explanations is None or isinstance(explanations, str):
        explanations = [explanations]
    count = min(len(centers), len(widths))
    position = _position(selector, count, list(explanations))
    return VoiTransform(None, centers[position], widths[position], _function(item), shared)


def _own(item: Dataset) -> VoiTransform:
    tables = item.get("VOILUTSequence")
    single = "voi_transform_selector holds several VOI transforms; pass one with a single one."
    if tables:
        if len(tables) > 1:
            raise InvalidTransform(single)
        return VoiTransform(table_of(tables[0]))
    centers, widths = _numbers(item, "WindowCenter"), _numbers(item, "WindowWidth")
    if len(centers) > 1 or len(widths) > 1:
        raise InvalidTransform(single)
    return VoiTransform(None, centers[0], widths[0], _function(item))


def _function(item: Dataset) -> str:
    function = str(item.get("VOILUTFunction") or "LINEAR")
    if function not in _FUNCTIONS:
        raise InvalidDicom(
            f"(0028,1056) VOI LUT Function is {function!r}; there are {', '.join(_FUNCTIONS)}."
        )
    return function


def _numbers(item: Dataset, keyword: str) -> list[float]:
    value = item.get(keyword)
    values = [value] if isinstance(value, (int, float)) else list(value or ())
    if not values:
        raise InvalidDicom(f"A window of the image lacks {keyword}.")
    return [float(one) for one in values]


def _position(selector: int | str, count: int, explanations: Sequence[str | None]) -> int:
    """Return which of `count` transforms is selected."""
    if isinstance(selector, str):
        position = explanations.index(selector) if selector in explanations else count
    else:
        position = selector
    if not -count <= position < count:
        raise TransformMissing(
            f"voi_transform_selector={selector!r} selects none of the {count} VOI transforms of "
            "the frame."
        )
    return position
