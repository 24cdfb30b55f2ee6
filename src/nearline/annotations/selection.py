"""Annotations of a region: blocks whose bounds meet it are read, and no others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nearline.annotations.graphic_data import GraphicData
from nearline.annotations.shapes import bounds
from nearline.dicom.artefact import Unreadable, pack, unpack
from nearline.dicom.coded_concept import same_code
from nearline.errors import UnknownAnnotation

if TYPE_CHECKING:
    from highdicom.sr import CodedConcept
    from pandas import DataFrame
    from pydicom.sr.coding import Code

    from nearline.annotations.group import AnnotationGroup

__all__ = ["AnnotationSelection", "select"]

_BLOCK = 1024
_KIND, _VERSION = "blocks", 1


@dataclass(frozen=True, eq=False)
class AnnotationSelection:
    """Some annotations of a group.

    Attributes
    ----------
    group : AnnotationGroup
    numbers : ndarray of int64, shape (n,)
        1-based numbers of the annotations, ascending.
    graphic_data : GraphicData
        Their coordinates.
    """

    group: AnnotationGroup
    numbers: NDArray[np.int64]
    graphic_data: GraphicData

    def __len__(self) -> int:
        return len(self.numbers)

    def get_measurements(
        self, name: Code | CodedConcept | None = None
    ) -> tuple[list[CodedConcept], NDArray[np.float32], list[CodedConcept]]:
        """Read measurements of these annotations, as `AnnotationGroup.get_measurements` does."""
        items = self.group.get("MeasurementsSequence") or ()
        chosen = [
            n
            for n, one in enumerate(items)
            if name is None or same_code(one.ConceptNameCodeSequence[0], name)
        ]
        names, units = [items[n].name for n in chosen], [items[n].unit for n in chosen]
        return names, self.measured(chosen), units

    def to_frame(self, measurements: Sequence[Any] | None = None) -> DataFrame:
        """Return these annotations as a table, as `AnnotationGroup.to_frame` does."""
        from nearline.annotations.frame import frame_of

        return frame_of(self.group, measurements, self)

    def measured(self, items: Sequence[int]) -> NDArray[np.float32]:
        """Read values, shape (annotations, measurements), of 0-based `items`."""
        if not len(self.numbers) or not items:
            return np.empty((len(self.numbers), len(items)), np.float32)
        first, last = int(self.numbers[0]) - 1, int(self.numbers[-1])
        count = self.group.number_of_annotations
        values = self.group._stored().measurements(items, count, (first, min(last, count)))
        return values[self.numbers - 1 - first]


def select(
    group: AnnotationGroup, least: Sequence[float], greatest: Sequence[float]
) -> AnnotationSelection:
    """Select annotations as `AnnotationGroup.in_region` says."""
    dimensions = group._dimensions(group._coordinate_type)
    corners = np.array([least, greatest], np.float64)
    if corners.shape != (2, dimensions):
        raise UnknownAnnotation(
            f"{group._name} has {dimensions}D coordinates: a region is given by two corners of "
            f"{dimensions} numbers."
        )
    low, high = corners.min(axis=0), corners.max(axis=0)
    kind = group._kind
    blocks = None if group._graphic_data is not None else _kept_blocks(group, dimensions)
    hit: NDArray[np.intp]
    if blocks is None:
        data = group.get_graphic_data(group._coordinate_type)
        boxes = bounds(data, kind)
        _keep_blocks(group, data, boxes)
        hit = np.flatnonzero(_meets(boxes, low, high))
        return AnnotationSelection(group, hit + 1, data.take(hit))
    boxes, starts, count = blocks
    hit = np.flatnonzero(_meets(boxes, low, high))
    runs = [(int(part[0]), int(part[-1]) + 1) for part in _consecutive(hit)]
    spans = [(first * _BLOCK, min(last * _BLOCK, count)) for first, last in runs]
    points = [(int(starts[first]), int(starts[last])) for first, last in runs]
    parts = group._stored().some_graphic_data(dimensions, spans, points) if runs else []
    numbers, found = [np.empty(0, np.int64)], []
    for (first, _), data in zip(spans, parts, strict=True):
        rows = np.flatnonzero(_meets(bounds(data, kind), low, high))
        numbers.append(rows + first + 1)
        found.append(data.take(rows))
    return AnnotationSelection(group, np.concatenate(numbers), _joined(found, dimensions))


def _meets(
    boxes: tuple[NDArray[np.float64], NDArray[np.float64]],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> NDArray[np.bool_]:
    least, greatest = boxes
    found = (least <= high) & (greatest >= low)
    return np.asarray(found.all(axis=1))


def _consecutive(numbers: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    if not len(numbers):
        return []
    return np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)


def _joined(parts: Sequence[GraphicData], dimensions: int) -> GraphicData:
    if not parts:
        return GraphicData(np.empty((0, dimensions), np.float32), np.zeros(1, np.int64))
    ends = np.cumsum([0, *(len(part.coordinates) for part in parts)])
    offsets = [part.offsets[:-1] + first for part, first in zip(parts, ends, strict=False)]
    points = np.concatenate([part.coordinates for part in parts])
    return GraphicData(points, np.concatenate([*offsets, ends[-1:]]))


# --- bounds of blocks, kept for the object ------------------------------------


def _artefact(group: AnnotationGroup) -> str:
    return f"annotation blocks {group._index + 1}"


def _keep_blocks(
    group: AnnotationGroup,
    data: GraphicData,
    boxes: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> None:
    if not len(data):
        return
    firsts = np.arange(0, len(data), _BLOCK)
    least, greatest = (
        # An annotation without points is nowhere.
        reduce.reduceat(np.where(np.isnan(one), -end, one), firsts, axis=0)
        for reduce, one, end in zip((np.minimum, np.maximum), boxes, (-np.inf, np.inf), strict=True)
    )
    starts = data.offsets[np.append(firsts, len(data))]
    arrays = {"least": least, "greatest": greatest, "starts": starts}
    group._outline.reader.keep(
        _artefact(group), pack(_KIND, _VERSION, {"count": len(data)}, arrays)
    )


def _kept_blocks(
    group: AnnotationGroup, dimensions: int
) -> tuple[tuple[NDArray[Any], NDArray[Any]], NDArray[Any], int] | None:
    kept = group._outline.reader.artefact(_artefact(group))
    if kept is None:
        return None
    try:
        head, arrays = unpack(_KIND, _VERSION, kept)
        least, greatest, starts = (arrays[name] for name in ("least", "greatest", "starts"))
        count = head["count"]
    except (Unreadable, KeyError):
        return None
    blocks = len(range(0, count, _BLOCK)) if type(count) is int else -1
    right = least.shape == greatest.shape == (blocks, dimensions) and starts.shape == (blocks + 1,)
    ordered = right and all(int(a) <= int(b) for a, b in pairwise(starts)) and starts[0] == 0
    return ((least, greatest), starts, count) if ordered else None
