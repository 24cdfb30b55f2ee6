"""What an object of one frame says of that frame, outside of functional groups."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

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
        values = _decimals(bytes(value))
        if len(values) == width and all(map(isfinite, values)):
            found[keyword] = np.array([values] if width > 1 else values)
    return Columns(1, found)


def _decimals(value: bytes) -> list[float]:
    try:
        return [float(word.strip(b" \0")) for word in value.split(b"\\")]
    except ValueError:
        return []
