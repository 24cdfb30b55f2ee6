"""One measurement of all annotations of a group, under highdicom's names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

if TYPE_CHECKING:
    from nearline.annotations.stored import StoredGroup
    from nearline.dicom.coded_concept import CodedConcept

__all__ = ["Measurements"]


class Measurements(Dataset):
    """An item of the Measurements Sequence (PS3.3 C.37.1.2); its values are read when asked for."""

    _stored: StoredGroup
    _item: int

    @property
    def name(self) -> CodedConcept:
        """What was measured."""
        found: CodedConcept = self.ConceptNameCodeSequence[0]
        return found

    @property
    def unit(self) -> CodedConcept:
        """Unit of the values."""
        found: CodedConcept = self.MeasurementUnitsCodeSequence[0]
        return found

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
