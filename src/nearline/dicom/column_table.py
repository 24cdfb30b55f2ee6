"""Which attributes of the functional groups become columns, and where they lie (PS3.3 C.7.6.16)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

__all__ = ["CONVERSION_SOURCE", "GROUPS", "REFERENCES", "Branch", "Column"]


@dataclass(frozen=True, slots=True)
class Column:
    """One attribute of each frame.

    Attributes
    ----------
    keyword : str
        Name of the column; the attribute's DICOM keyword unless that is ambiguous.
    vr : bytes
        Its VR, for encodings that carry none.
    dtype : str
        Of the column; empty for text.
    width : int
        Values per frame: 1 gives a column of shape (n,), more (n, width),
        0 (any number) a column as wide as its widest row.
    """

    keyword: str
    vr: bytes
    dtype: str
    width: int = 1


@dataclass(frozen=True, slots=True)
class Branch:
    """A sequence on the way to columns.

    Attributes
    ----------
    children : dict of int to Branch or Column
        By tag.
    every : bool
        All its items count, not only the first.
    rows : bool
        Each item is a row of its own (a source image).
    """

    children: dict[int, Branch | Column] = field(default_factory=dict)
    every: bool = False
    rows: bool = False


def _real(keyword: str, width: int = 1) -> Column:
    return Column(keyword, b"DS", "f8", width)


def _text(keyword: str, vr: bytes) -> Column:
    return Column(keyword, vr, "")


CONVERSION_SOURCE: Final = "ConversionSourceAttributesReferencedSOPInstanceUID"

REFERENCES: Final = (
    Column("ReferencedSOPInstanceUID", b"UI", ""),
    Column("ReferencedFrameNumber", b"IS", "i4", 0),
    Column("SpatialLocationsPreserved", b"CS", ""),
)
"""Attributes of a source image: as many rows a frame as it has source images."""

GROUPS: Final = Branch(
    {
        0x0048021A: Branch(  # Plane Position (Slide)
            {
                0x0048021E: Column("ColumnPositionInTotalImagePixelMatrix", b"SL", "i4"),
                0x0048021F: Column("RowPositionInTotalImagePixelMatrix", b"SL", "i4"),
                0x0040072A: _real("XOffsetInSlideCoordinateSystem"),
                0x0040073A: _real("YOffsetInSlideCoordinateSystem"),
                0x0040074A: _real("ZOffsetInSlideCoordinateSystem"),
            }
        ),
        0x00209113: Branch({0x00200032: _real("ImagePositionPatient", 3)}),
        0x00209116: Branch(
            {
                0x00200037: _real("ImageOrientationPatient", 6),
                0x00480102: _real("ImageOrientationSlide", 6),
            }
        ),
        0x00289110: Branch(  # Pixel Measures
            {
                0x00180050: _real("SliceThickness"),
                0x00180088: _real("SpacingBetweenSlices"),
                0x00280030: _real("PixelSpacing", 2),
            }
        ),
        0x00209111: Branch(  # Frame Content
            {
                0x00209056: _text("StackID", b"SH"),
                0x00209057: Column("InStackPositionNumber", b"UL", "u4"),
                0x00209128: Column("TemporalPositionIndex", b"UL", "u4"),
                0x00209157: Column("DimensionIndexValues", b"UL", "u4", 0),
            }
        ),
        0x0062000A: Branch({0x0062000B: Column("ReferencedSegmentNumber", b"US", "u2")}),
        0x00480207: Branch({0x00480106: _text("OpticalPathIdentifier", b"SH")}),
        0x00289145: Branch(  # Pixel Value Transformation
            {
                0x00281052: _real("RescaleIntercept"),
                0x00281053: _real("RescaleSlope"),
                0x00281054: _text("RescaleType", b"LO"),
            }
        ),
        0x00289132: Branch(  # Frame VOI LUT
            {
                0x00281050: _real("WindowCenter", 0),
                0x00281051: _real("WindowWidth", 0),
                0x00281056: _text("VOILUTFunction", b"CS"),
            }
        ),
        0x00209172: Branch({0x00081155: _text(CONVERSION_SOURCE, b"UI")}),
        0x00089124: Branch(  # Derivation Image
            {
                0x00082112: Branch(
                    {
                        0x00081155: REFERENCES[0],
                        0x00081160: REFERENCES[1],
                        0x0028135A: REFERENCES[2],
                    },
                    every=True,
                    rows=True,
                )
            },
            every=True,
        ),
    }
)
