"""A lazy Dataset that pickles as what it is derived from, and what was changed in it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Self

from nearline.dicom.late_element import LateElement
from nearline.dicom.lazy_dataset import LazyDataset

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["LazyPart"]


class LazyPart(LazyDataset):
    """What the classes of this room share.

    Copies and pickles carry the elements that were used, so that changes of
    these are kept, but no arrays: they are read from the object again. Changes
    within the sequences that lead to arrays are not carried.
    """

    _derived: frozenset[int] = frozenset()
    """Tags of sequences that `_parse` makes anew."""

    _changed: dict[Any, Any] | None = None

    def _origin(self) -> tuple[Any, ...]:
        """Return the arguments that make this object."""
        raise NotImplementedError

    def _derive(self) -> Dataset:
        """Return the Dataset to become, as the object says."""
        raise NotImplementedError

    def _parse(self) -> Dataset:
        dataset = self._derive()
        if self._changed is not None:
            dataset.__dict__["_dict"].update(self._changed)
        return dataset

    def _elements(self) -> dict[Any, Any] | None:
        if not self._is_parsed:
            return self._changed
        return {
            tag: element
            for tag, element in self.__dict__["_dict"].items()
            if tag not in self._derived
            and not isinstance(element, LateElement)
            and not isinstance(element.value, bytes)
        }

    def __reduce__(self) -> tuple[Any, ...]:
        return _revived, (type(self), self._origin(), self._elements())

    def __copy__(self) -> Self:
        made: Self = _revived(type(self), self._origin(), self._elements())
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        origin, changed = copy.deepcopy((self._origin(), self._elements()), memo)
        made: Self = _revived(type(self), origin, changed)
        memo[id(self)] = made
        return made


def _revived(cls: type[Any], origin: tuple[Any, ...], changed: dict[Any, Any] | None) -> Any:
    made = cls(*origin)
    if changed is not None:
        made.__dict__["_changed"] = changed
    return made
