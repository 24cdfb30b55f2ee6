"""Annotations as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from nearline.annotations.shapes import bounds, centroids
from nearline.dicom.coded_concept import code_of, same_code
from nearline.errors import InvalidAnnotations, MissingExtra, UnknownAnnotation

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pandas import DataFrame
    from pydicom.dataset import Dataset

    from nearline.annotations.group import AnnotationGroup
    from nearline.annotations.selection import AnnotationSelection

__all__ = ["frame_of"]


def frame_of(
    group: AnnotationGroup, wanted: Sequence[Any] | None, selection: AnnotationSelection | None
) -> DataFrame:
    """Return the annotations of a group, or those selected, as `AnnotationGroup.to_frame` says."""
    pandas = _pandas()
    chosen, labels = _choose(group, wanted)
    if selection is None:
        data = group.get_graphic_data(group._coordinate_type)
        if len(data) != group.number_of_annotations:
            raise InvalidAnnotations(
                f"{group._name} has {group.number_of_annotations} annotations, but coordinates "
                f"of {len(data)}. The object is damaged or was written wrongly."
            )
        numbers: NDArray[np.int64] = np.arange(1, len(data) + 1)
        values = group._stored().measurements(chosen, len(data))
    else:
        data, numbers = selection.graphic_data, selection.numbers
        values = selection.measured(chosen)
    columns: dict[str, NDArray[Any]] = {}
    axes = "xyz"[: data.coordinates.shape[1]]
    kind = group._kind
    middle, (least, greatest) = centroids(data, kind), bounds(data, kind)
    for name, array in (("centroid_{}", middle), ("{}_min", least), ("{}_max", greatest)):
        columns |= {name.format(axis): array[:, i] for i, axis in enumerate(axes)}
    columns |= {label: values[:, i] for i, label in enumerate(labels)}
    frame = pandas.DataFrame(columns, index=pandas.Index(numbers, name="annotation"))
    items = group.get("MeasurementsSequence") or ()
    frame.attrs["coordinate_type"] = group._coordinate_type
    frame.attrs["units"] = {
        label: _unit(items[number]) for label, number in zip(labels, chosen, strict=True)
    }
    return frame


def _choose(group: AnnotationGroup, wanted: Sequence[Any] | None) -> tuple[list[int], list[str]]:
    """Return which measurements are meant, and how their columns are called."""
    items = group.get("MeasurementsSequence") or ()
    names = [code_of(item.ConceptNameCodeSequence[0]) for item in items]
    meanings = [name.meaning for name in names]
    if wanted is None:
        chosen, labels = list(range(len(items))), meanings
    else:
        chosen, labels = [], []
        for one in [wanted] if isinstance(wanted, str) else wanted:
            found = [
                number
                for number, name in enumerate(names)
                if (
                    name.meaning.casefold() == one.casefold()
                    if isinstance(one, str)
                    else same_code(name, one)
                )
            ]
            if not found:
                raise UnknownAnnotation(
                    f"{group._name} has no measurement {one!r}; it has "
                    f"{', '.join(map(repr, meanings)) or 'none'}."
                )
            chosen += found
            labels += [one if isinstance(one, str) else meanings[n] for n in found]
    often = Counter(labels)
    labels = [
        f"{label} [{_unit(items[number])}]" if often[label] > 1 else label
        for label, number in zip(labels, chosen, strict=True)
    ]
    # The same name and the same unit: told apart by their place.
    often = Counter(labels)
    return chosen, [
        f"{label} #{number + 1}" if often[label] > 1 else label
        for label, number in zip(labels, chosen, strict=True)
    ]


def _unit(item: Dataset) -> str:
    return code_of(item.MeasurementUnitsCodeSequence[0]).value


def _pandas() -> Any:
    try:
        return import_module("pandas")
    except ImportError as error:
        raise MissingExtra(
            f"A table of annotations needs pandas, which cannot be imported ({error}): "
            'pip install "nearline[measurements]"'
        ) from None
