"""Bulk annotations, under highdicom's names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nearline.annotations.annotations import MicroscopyBulkSimpleAnnotations
from nearline.annotations.annread import annread
from nearline.annotations.graphic_data import GraphicData
from nearline.annotations.group import AnnotationGroup
from nearline.annotations.measurements import Measurements
from nearline.annotations.selection import AnnotationSelection

if TYPE_CHECKING:
    from highdicom.ann import (
        AnnotationCoordinateTypeValues,
        AnnotationGroupGenerationTypeValues,
        GraphicTypeValues,
        PixelOriginInterpretationValues,
    )

__all__ = [
    "AnnotationCoordinateTypeValues",
    "AnnotationGroup",
    "AnnotationGroupGenerationTypeValues",
    "AnnotationSelection",
    "GraphicData",
    "GraphicTypeValues",
    "Measurements",
    "MicroscopyBulkSimpleAnnotations",
    "PixelOriginInterpretationValues",
    "annread",
]


def __getattr__(name: str) -> Any:
    """Take highdicom's enumerations from highdicom, whose import takes its time, when used."""
    if name not in __all__:
        raise AttributeError(f"module 'nearline.ann' has no attribute {name!r}")
    import highdicom.ann

    return getattr(highdicom.ann, name)
