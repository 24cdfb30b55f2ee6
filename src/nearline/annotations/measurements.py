"""One measurement of all annotations of a group, under highdicom's names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from nearline.dicom.coded_concept import as_concept

if TYPE_CHECKING:
    from highdicom.sr import CodedConcept

    from nearline.annotations.stored import StoredGroup

__all__ = ["Measurements"]


class Measurements(Dataset):
    """An item of the Measurements Sequence (PS3.3 C.37.1.2); its values are read when asked for."""

    _stored: StoredGroup
    _item: int

    @property
    def name(self) -> CodedConcept:
        """What was measured."""
        return as_concept(self.ConceptNameCodeSequence[0])

    @property
    def unit(self) -> CodedConcept:
        """Unit of the values."""
        return as_concept(self.MeasurementUnitsCodeSequence[0])

    def get_values(self, number_of_annotations: int) -> NDArray[np.float32]:
        """Return the values of all annotations.

        Parameters
        ----------
        number_of_annotations : int
            As the group says.

        Returns
        -------
        ndarray of float32, shape (annotations,)
            NaN for an annotation without a value.

        Raises
        ------
        InvalidAnnotations
            An IndexError: the values or their index contradict that number.
        """
        return self._stored.measurements([self._item], number_of_annotations)[:, 0]
