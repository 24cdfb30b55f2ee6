"""The modality transform: stored values to the units of the modality (PS3.3 C.11.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nearline.image.transforms.lookup_table import LookupTable, table_of

if TYPE_CHECKING:
    from nearline.image.transforms.levels import TransformLevels

__all__ = ["ModalityTransform", "find_modality_transform"]


@dataclass(frozen=True, slots=True, eq=False)
class ModalityTransform:
    """A table, or a rescale.

    Attributes
    ----------
    table : LookupTable or None
        The table.
    slope, intercept : float
        The rescale, where there is no table.
    shared : bool
        Whether it holds for all frames.
    """

    table: LookupTable | None
    slope: float
    intercept: float
    shared: bool


def find_modality_transform(levels: TransformLevels) -> ModalityTransform | None:
    """Find the modality transform of a frame; None if there is none.

    Raises
    ------
    InvalidLookupTable
        The Modality LUT contradicts its descriptor.
    """
    tables = levels.image.get("ModalityLUTSequence")
    if tables:
        return ModalityTransform(table_of(tables[0]), 1.0, 0.0, shared=True)
    for dataset, shared in levels:
        groups = dataset.get("PixelValueTransformationSequence")
        item = groups[0] if groups else dataset
        slope, intercept = item.get("RescaleSlope"), item.get("RescaleIntercept")
        # Either may be empty in real objects, which then mean 1 and 0.
        if slope or intercept:
            return ModalityTransform(None, float(slope or 1), float(intercept or 0), shared)
    return None
