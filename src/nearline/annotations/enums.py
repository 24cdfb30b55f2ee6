"""Values of coded attributes of annotations, under highdicom's names (PS3.3 C.37.1)."""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "AnnotationCoordinateTypeValues",
    "AnnotationGroupGenerationTypeValues",
    "GraphicTypeValues",
    "PixelOriginInterpretationValues",
]


class AnnotationCoordinateTypeValues(StrEnum):
    """Annotation Coordinate Type.

    SCOORD: column and row in an image's pixel matrix, in pixels. SCOORD3D: x, y and z in the
    frame of reference, in mm.
    """

    SCOORD = "2D"
    SCOORD3D = "3D"


class AnnotationGroupGenerationTypeValues(StrEnum):
    """Annotation Group Generation Type."""

    AUTOMATIC = "AUTOMATIC"
    SEMIAUTOMATIC = "SEMIAUTOMATIC"
    MANUAL = "MANUAL"


class GraphicTypeValues(StrEnum):
    """Graphic Type: how the points of one annotation are meant.

    POINT: one. POLYLINE: open, two or more. POLYGON: closed by a line from the last of three or
    more to the first. RECTANGLE: the corners. ELLIPSE: the ends of the major axis, then those of
    the minor.
    """

    POINT = "POINT"
    POLYLINE = "POLYLINE"
    POLYGON = "POLYGON"
    ELLIPSE = "ELLIPSE"
    RECTANGLE = "RECTANGLE"


class PixelOriginInterpretationValues(StrEnum):
    """Pixel Origin Interpretation: what 2D coordinates are relative to."""

    FRAME = "FRAME"
    VOLUME = "VOLUME"
