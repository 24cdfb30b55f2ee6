"""Bulk annotations, under highdicom's names."""

from __future__ import annotations

from nearline.annotations.annotations import MicroscopyBulkSimpleAnnotations
from nearline.annotations.annread import annread
from nearline.annotations.enums import (
    AnnotationCoordinateTypeValues,
    AnnotationGroupGenerationTypeValues,
    GraphicTypeValues,
    PixelOriginInterpretationValues,
)
from nearline.annotations.graphic_data import GraphicData
from nearline.annotations.group import AnnotationGroup
from nearline.annotations.measurements import Measurements
from nearline.annotations.selection import AnnotationSelection

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
