"""What an object of one frame says of that frame, outside of functional groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nearline.dicom.column_values import numbers
from nearline.dicom.columns import Columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nearline.dicom.header import Header

__all__ = ["root_columns"]

_WIDTHS = {
    0x00200032: ("ImagePositionPatient", 3),
    0x00200037: ("ImageOrientationPatient", 6),
    0x00280030: ("PixelSpacing", 2),
    0x00180088: ("SpacingBetweenSlices", 1),
    0x00180050: ("SliceThickness", 1),
    0x00281052: ("RescaleIntercept", 1),
    0x00281053: ("RescaleSlope", 1),
}


def root_columns(header: Header) -> Columns:
    """Read the attributes of the only frame, under the names that functional groups give them.

    Returns
    -------
    Columns
        Of one frame; without those for which the header has too few values.
    """
    found: dict[str, NDArray[Any]] = {}
    for tag, (keyword, width) in _WIDTHS.items():
        value = header.value(tag)
        if not value:
            continue
        block = np.frombuffer(value, np.uint8)[np.newaxis]
        values, present = numbers(block, b"DS", little_endian=header.little_endian)
        if values.shape[1] == width and present.all():
            found[keyword] = values if width > 1 else values[:, 0]
    return Columns(1, found)
