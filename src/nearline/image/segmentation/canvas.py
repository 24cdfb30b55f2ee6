"""What frames of a segmentation are pasted to: one array for each way of showing segments."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from nearline.errors import InvalidFractions, OverlappingSegments

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nearline.image.segmentation.request import Request

__all__ = ["Canvas", "Index", "canvas_for"]

Index = tuple[slice, ...]
Colours = Callable[["NDArray[Any]"], "NDArray[Any]"]

_LOCKS = 16

_ABSENT = 0
"""Stored value, as in highdicom, of a label map where it stores no frame.

Where Pixel Padding Value does not name 0 the background, it can be a segment like any other.
"""


class Canvas(Protocol):
    """An array in the making."""

    def check(self, values: NDArray[Any]) -> None:
        """Refuse stored values that cannot be shown, cropped away or not."""

    def paste(self, index: Index, channel: int, values: NDArray[Any], stripe: int = 0) -> None:
        """Paste stored values where `index` says.

        Parameters
        ----------
        index : tuple of slice
            Into the spatial axes.
        channel : int
            Position of the segment among those asked for; 0 in a label map.
        values : ndarray
            Of the shape that `index` selects.
        stripe : int
            Calls for different stripes touch different pixels.
        """

    def result(self) -> NDArray[Any]:
        """Return what was pasted, channels or colours last."""


def canvas_for(request: Request, shape: Sequence[int], colours: Colours | None = None) -> Canvas:
    """Return an empty canvas.

    Parameters
    ----------
    request : Request
        How to show which segments.
    shape : sequence of int
        Spatial axes.
    colours : callable, optional
        For a palette: from labels to RGB.
    """
    if request.segments.kind == "LABELMAP":
        if colours is not None:
            return _Coloured(request, shape, colours)
        return _Labels(request, shape) if request.combine else _Expanded(request, shape)
    return _Combined(request, shape) if request.combine else _Stacked(request, shape)


class _Separate:
    """One array for each segment.

    Segments lie one after the other in memory and are the last axis of the
    result by its strides: each is written in one piece, and where a segment
    has no frames, no memory is ever touched.
    """

    def __init__(self, request: Request, shape: Sequence[int]) -> None:
        self._request = request
        self._array = np.zeros((len(request.numbers), *shape), request.dtype)

    def result(self) -> NDArray[Any]:
        return np.moveaxis(self._array, 0, -1)


class _Stacked(_Separate):
    """Binary or fractional segments side by side."""

    def check(self, values: NDArray[Any]) -> None:
        request = self._request
        if request.rescale and values.max(initial=0) > request.segments.largest_fraction:
            raise InvalidFractions(
                f"{request.segments.url} stores values up to {values.max()}, but its Maximum "
                f"Fractional Value (0062,000E) is {request.segments.largest_fraction}. Pass "
                "rescale_fractional=False to read them as they are stored."
            )

    def paste(self, index: Index, channel: int, values: NDArray[Any], stripe: int = 0) -> None:  # noqa: ARG002
        target = self._array[channel][index]
        if self._request.rescale:
            largest = self._request.segments.largest_fraction
            np.divide(values, largest, out=target, dtype=target.dtype, casting="unsafe")
        else:
            np.copyto(target, values, casting="unsafe")


class _Combined:
    """Labels of binary segments, or of fractional ones that are all or nothing."""

    def __init__(self, request: Request, shape: Sequence[int]) -> None:
        self._request = request
        self._array = np.zeros(shape, request.dtype)
        self._labels = request.labels.astype(request.dtype)
        fractional = request.segments.kind == "FRACTIONAL"
        self._largest = request.segments.largest_fraction if fractional else 0
        self._locks = [threading.Lock() for _ in range(_LOCKS)]

    def check(self, values: NDArray[Any]) -> None:
        if self._largest and not ((values == 0) | (values == self._largest)).all():
            raise InvalidFractions(
                f"{self._request.segments.url} is a FRACTIONAL segmentation with values between 0 "
                f"and its Maximum Fractional Value ({self._largest}), which are no labels. Pass "
                "combine_segments=False."
            )

    def paste(self, index: Index, channel: int, values: NDArray[Any], stripe: int = 0) -> None:
        target = self._array[index]
        dtype = target.dtype
        if self._largest:
            values = values // self._largest
        labelled = np.multiply(values, self._labels[channel], dtype=dtype, casting="unsafe")
        with self._locks[stripe % _LOCKS]:
            if self._request.check_overlap:
                shared = np.multiply(values, target, dtype=dtype, casting="unsafe")
                if shared.any():
                    raise self._overlap(channel, shared)
            np.maximum(target, labelled, out=target)

    def result(self) -> NDArray[Any]:
        return self._array

    def _overlap(self, channel: int, shared: NDArray[Any]) -> OverlappingSegments:
        number = int(self._request.numbers[channel])
        label = int(shared[shared != 0][0])
        other = int(self._request.numbers[label - 1]) if self._request.relabel else label
        return OverlappingSegments(
            f"Segments {number} and {other} of {self._request.segments.url} share pixels and "
            "cannot be combined into one array of labels. Pass combine_segments=False for one "
            "array each, or skip_overlap_checks=True to let the higher label win."
        )


class _Labels:
    """A label map in which some labels are left, renumbered if so asked."""

    def __init__(self, request: Request, shape: Sequence[int]) -> None:
        self._table = _table(request)
        self._array = np.zeros(shape, request.dtype)
        if self._table is not None and self._table[_ABSENT]:
            self._array[...] = self._table[_ABSENT]

    def check(self, values: NDArray[Any]) -> None:
        pass

    def paste(self, index: Index, channel: int, values: NDArray[Any], stripe: int = 0) -> None:  # noqa: ARG002
        shown = values if self._table is None else self._table.take(values)
        np.copyto(self._array[index], shown, casting="unsafe")

    def result(self) -> NDArray[Any]:
        return self._array


class _Expanded(_Separate):
    """A label map taken apart into its segments."""

    def __init__(self, request: Request, shape: Sequence[int]) -> None:
        super().__init__(request, shape)
        self._absent = np.flatnonzero(request.numbers == _ABSENT)
        self._array[self._absent] = 1

    def check(self, values: NDArray[Any]) -> None:
        pass

    def paste(self, index: Index, channel: int, values: NDArray[Any], stripe: int = 0) -> None:  # noqa: ARG002
        present = np.zeros(1 << 16, bool)
        present[np.flatnonzero(np.bincount(values.ravel()))] = True
        for at, number in enumerate(self._request.numbers.tolist()):
            if present[number] or at in self._absent:
                np.copyto(self._array[at][index], values == number, casting="unsafe")


class _Coloured:
    """A label map in the colours of its palette."""

    def __init__(self, request: Request, shape: Sequence[int], colours: Colours) -> None:
        self._array = np.zeros((*shape, 3), request.dtype)
        self._colours = colours

    def check(self, values: NDArray[Any]) -> None:
        pass

    def paste(self, index: Index, channel: int, values: NDArray[Any], stripe: int = 0) -> None:  # noqa: ARG002
        np.copyto(self._array[index], self._colours(values), casting="unsafe")

    def result(self) -> NDArray[Any]:
        return self._array


def _table(request: Request) -> NDArray[Any] | None:
    """Return what each stored label becomes; None where all stay as they are."""
    segments, numbers = request.segments, request.numbers
    if request.relabel:
        table = np.zeros(1 << 16, request.dtype)
        # Backwards: of a segment asked for twice, the first position counts.
        for at in range(len(numbers) - 1, -1, -1):
            table[numbers[at]] = at + 1
        return table
    if set(numbers.tolist()) == set(segments.labels):
        return None
    table = np.full(1 << 16, segments.background, dtype=np.uint16).astype(request.dtype)
    table[numbers] = numbers.astype(request.dtype)
    return table
