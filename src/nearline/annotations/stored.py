"""The arrays of one group, decoded from where they lie in the object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nearline.annotations.graphic_data import GraphicData
from nearline.annotations.outline import (
    ANNOTATION_INDICES,
    COORDINATES,
    DOUBLE_COORDINATES,
    MEASUREMENT_VALUES,
    MEASUREMENTS,
    POINT_INDICES,
    VALUES,
    Outline,
)
from nearline.dicom.skimming import Cut
from nearline.errors import InvalidAnnotations
from nearline.ranges import ByteRange

__all__ = ["POINTS_EACH", "StoredGroup"]

POINTS_EACH = {"POINT": 1, "RECTANGLE": 4, "ELLIPSE": 4}
"""Points of an annotation, where the graphic type says."""


class _Form(NamedTuple):
    """How the coordinates of a group are stored."""

    place: Cut
    dtype: str
    stored_dimensions: int
    z: float | None
    points: int


class StoredGroup:
    """Coordinates and measurements of one group, in the object.

    Parameters
    ----------
    outline : Outline
    index : int
        0-based number of the group's item.
    graphic_type : str
    common_z : float or None
        Third coordinate of all points, if they are stored without.
    name : str
        Of the group, for messages.
    """

    def __init__(
        self, outline: Outline, index: int, graphic_type: str, common_z: float | None, name: str
    ) -> None:
        self._outline = outline
        self._places = {(one.path, one.tag): one for one in outline.items[index].cuts}
        self._graphic_type = graphic_type
        self._z = common_z
        self._name = name

    # --- coordinates --------------------------------------------------------

    def graphic_data(self, dimensions: int) -> GraphicData:
        """Read all coordinates; `dimensions` of a point are 2 or 3."""
        form = self._form(dimensions)
        spans = [_span(form.place)]
        indices = self._point_indices()
        if indices is not None:
            spans.append(_span(indices))
        views = self._outline.source.read_many(spans)
        offsets = self._offsets(form, None if indices is None else views[1])
        return GraphicData(self._points(views[0], form), offsets)

    def some_graphic_data(
        self, dimensions: int, runs: Sequence[tuple[int, int]], starts: Sequence[tuple[int, int]]
    ) -> list[GraphicData]:
        """Read the coordinates of annotations that follow each other.

        Parameters
        ----------
        runs : sequence of (int, int)
            First annotation, and the one behind the last; 0-based.
        starts : sequence of (int, int)
            For each run, its first point and the one behind its last.
        """
        form = self._form(dimensions)
        each = form.stored_dimensions * np.dtype(form.dtype).itemsize
        spans = [_part(form.place, *one, each) for one in starts]
        indices = self._point_indices()
        if indices is not None:
            spans += [_part(indices, *one, 4) for one in runs]
        views = self._outline.source.read_many(spans)
        found = []
        for number, ((first, last), (start, stop)) in enumerate(zip(runs, starts, strict=True)):
            if indices is None:
                offsets = np.linspace(0, stop - start, last - first + 1, dtype=np.int64)
            else:
                stored = self._array(views[len(runs) + number], "u4").astype(np.int64)
                offsets = np.empty(last - first + 1, np.int64)
                offsets[:-1] = (stored - 1) // form.stored_dimensions - start
                # As in the whole, where what precedes the second annotation is the first's.
                offsets[0], offsets[-1] = 0, stop - start
            found.append(GraphicData(self._points(views[number], form), offsets))
        return found

    def _form(self, dimensions: int) -> _Form:
        place, dtype = self._places.get(((), DOUBLE_COORDINATES)), "f8"
        if place is None:
            place, dtype = self._places.get(((), COORDINATES)), "f4"
        if place is None:
            raise self._invalid("has no coordinates: (0066,0016) and (0066,0022) are missing")
        stored = 2 if self._z is not None else dimensions
        points, rest = divmod(place.length, stored * np.dtype(dtype).itemsize)
        if rest:
            raise self._invalid(f"has {place.length} bytes of coordinates, which are no {stored}D")
        return _Form(place, dtype, stored, self._z if dimensions == 3 else None, points)

    def _point_indices(self) -> Cut | None:
        if self._graphic_type in POINTS_EACH:
            return None
        found = self._places.get(((), POINT_INDICES))
        if found is None:
            raise self._invalid("lacks the index of its points (0066,0040)")
        return found

    def _points(self, view: Any, form: _Form) -> NDArray[Any]:
        stored = self._array(view, form.dtype).reshape(-1, form.stored_dimensions)
        if form.z is None:
            return stored
        points = np.empty((len(stored), 3), stored.dtype)
        points[:, :2], points[:, 2] = stored, form.z
        return points

    def _offsets(self, form: _Form, indices: Any) -> NDArray[np.int64]:
        if indices is None:
            each = POINTS_EACH[self._graphic_type]
            if form.points % each:
                raise self._invalid(
                    f"has {form.points} points, but each {self._graphic_type} takes {each}"
                )
            return np.arange(0, form.points + 1, each, dtype=np.int64)
        stored = self._array(indices, "u4")
        offsets = np.empty(len(stored) + 1, np.int64)
        offsets[:-1] = (stored.astype(np.int64) - 1) // form.stored_dimensions
        offsets[-1] = form.points
        # As in highdicom, what precedes the second annotation belongs to the first.
        offsets[0] = 0
        if (len(stored) == 0 and form.points) or (np.diff(offsets) < 0).any():
            raise self._invalid("has an index of its points (0066,0040) that contradicts them")
        return offsets

    # --- measurements -------------------------------------------------------

    def measurements(
        self, items: Sequence[int], count: int, part: tuple[int, int] | None = None
    ) -> NDArray[np.float32]:
        """Read values of measurements.

        Parameters
        ----------
        items : sequence of int
            0-based items of the Measurements Sequence.
        count : int
            Annotations in the group.
        part : (int, int), optional
            First annotation wanted, and the one behind the last; 0-based.

        Returns
        -------
        ndarray of float32, shape (annotations, items)
            NaN where an annotation has no value.
        """
        first, last = part or (0, count)
        spans, which = [], []
        for item in items:
            path = (MEASUREMENTS, item, MEASUREMENT_VALUES, 0)
            values = self._places.get((path, VALUES))
            if values is None:
                raise self._invalid(f"lacks the values of measurement {item + 1}")
            indices = self._places.get((path, ANNOTATION_INDICES))
            if indices is None:
                if values.length != 4 * count:
                    raise self._invalid(
                        f"has {count} annotations, but {values.length // 4} values of "
                        f"measurement {item + 1}"
                    )
                spans.append(_part(values, first, last, 4))
            else:
                spans += [_span(values), _span(indices)]
            which.append(indices is not None)
        views = iter(self._outline.source.read_many(spans))
        found = np.full((last - first, len(items)), np.nan, np.float32)
        for column, indexed in enumerate(which):
            stored = self._array(next(views), "f4")
            if not indexed:
                found[:, column] = stored
                continue
            numbers = self._array(next(views), "u4").astype(np.int64)
            outside = (numbers < 1) | (numbers > count)
            if len(numbers) != len(stored) or outside.any():
                raise self._invalid(
                    f"has values of measurement {items[column] + 1} that its index (006A,0011) "
                    "does not assign to annotations"
                )
            rows = numbers - 1 - first
            inside = (rows >= 0) & (rows < last - first)
            found[rows[inside], column] = stored[inside]
        return found

    # --- both ---------------------------------------------------------------

    def _array(self, view: Any, dtype: str) -> NDArray[Any]:
        little = self._outline.header.little_endian
        stored = np.dtype(dtype).newbyteorder("<" if little else ">")
        if len(view) % stored.itemsize:
            raise self._invalid(f"has an array of {len(view)} bytes, which holds no whole numbers")
        found = np.frombuffer(view, stored)
        owned = isinstance(memoryview(view).obj, bytes | bytearray) and found.flags.aligned
        # Other memory belongs to the cache.
        return found.astype(stored.newbyteorder("="), copy=not owned)

    def _invalid(self, what: str) -> InvalidAnnotations:
        return InvalidAnnotations(
            f"{self._name} {what}. The object is damaged or was written wrongly."
        )


def _span(place: Cut) -> ByteRange:
    return ByteRange(place.offset, place.offset + place.length)


def _part(place: Cut, first: int, last: int, each: int) -> ByteRange:
    return ByteRange(place.offset + first * each, place.offset + last * each)
