"""What the functional groups say of each frame, as NumPy columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearline.dicom.artefact import Unreadable

__all__ = ["Columns", "References"]


@dataclass(frozen=True, slots=True)
class References:
    """Source images of the frames (Derivation Image Sequence), one row each.

    Attributes
    ----------
    frame_index : ndarray of int32, shape (m,)
        0-based, ascending.
    sop_instance_uid : ndarray of bytes, shape (m,)
    frame_number : ndarray of int32, shape (m,)
        1-based frame of the source image; 0 where none is named. A reference
        to several frames takes several rows.
    spatial_locations_preserved : ndarray of bytes, shape (m,)
        ``b"YES"``, ``b"NO"``, ``b"REORIENTED_ONLY"`` or empty.
    """

    frame_index: NDArray[np.int32]
    sop_instance_uid: NDArray[np.bytes_]
    frame_number: NDArray[np.int32]
    spatial_locations_preserved: NDArray[np.bytes_]

    def of_frame(self, frame_index: int) -> slice:
        """Return the rows of one frame."""
        first, last = np.searchsorted(self.frame_index, (frame_index, frame_index + 1))
        return slice(int(first), int(last))


@dataclass(frozen=True, slots=True)
class Columns:
    """Attributes of the frames by DICOM keyword; read-only arrays, one row a frame.

    Columns exist only for attributes that at least one frame has, by its own
    functional groups or by the shared ones.

    Attributes
    ----------
    number_of_frames : int
    by_keyword : dict of str to ndarray
        int32: ColumnPositionInTotalImagePixelMatrix, RowPositionInTotalImagePixelMatrix.
        uint16: ReferencedSegmentNumber. uint32: InStackPositionNumber,
        TemporalPositionIndex, DimensionIndexValues (n, k).
        float64: ImagePositionPatient (n, 3), ImageOrientationPatient and
        ImageOrientationSlide (n, 6), PixelSpacing (n, 2), SliceThickness,
        SpacingBetweenSlices, X-, Y- and ZOffsetInSlideCoordinateSystem,
        RescaleSlope, RescaleIntercept, WindowCenter and WindowWidth (n, k).
        bytes (in the character set of the object, padding removed): StackID,
        OpticalPathIdentifier, RescaleType, VOILUTFunction,
        ConversionSourceAttributesReferencedSOPInstanceUID.
        A frame that lacks an attribute (or holds no number there) has NaN, 0 or empty bytes.
    missing : dict of str to ndarray of bool, shape (n,)
        For the columns that some frames lack: which ones do.
    references : References or None
    """

    number_of_frames: int
    by_keyword: dict[str, NDArray[Any]] = field(default_factory=dict)
    missing: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    references: References | None = None

    def __getitem__(self, keyword: str) -> NDArray[Any]:
        return self.by_keyword[keyword]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_keyword)

    def __contains__(self, keyword: object) -> bool:
        return keyword in self.by_keyword

    def get(self, keyword: str) -> NDArray[Any] | None:
        """Return a column; None where no frame has the attribute."""
        return self.by_keyword.get(keyword)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Name the arrays for keeping; a column that is the same in all frames keeps one row."""
        found: dict[str, NDArray[Any]] = {}
        for keyword, column in self.by_keyword.items():
            same = len(column) > 1 and bool((column == column[0]).all())
            found[f"{'constant' if same else 'column'}/{keyword}"] = column[:1] if same else column
        found |= {f"missing/{keyword}": mask for keyword, mask in self.missing.items()}
        if self.references is not None:
            for name in References.__slots__:
                found[f"references/{name}"] = getattr(self.references, name)
        return found

    @classmethod
    def from_arrays(cls, number_of_frames: int, arrays: Mapping[str, NDArray[Any]]) -> Columns:
        """Restore what `arrays` named; others are left alone.

        Raises
        ------
        Unreadable
            A column does not have one row a frame.
        """
        values: dict[str, NDArray[Any]] = {}
        missing: dict[str, NDArray[Any]] = {}
        references: dict[str, NDArray[Any]] = {}
        for name, array in arrays.items():
            kind, _, keyword = name.partition("/")
            if kind == "constant":
                array = np.broadcast_to(array, (number_of_frames, *array.shape[1:]))
            if kind in ("column", "constant"):
                values[keyword] = array
            elif kind == "missing":
                missing[keyword] = array
            elif kind == "references":
                references[keyword] = array
        if any(len(one) != number_of_frames for one in (*values.values(), *missing.values())):
            raise Unreadable("A column that was kept does not have one row a frame.")
        if references and len({len(one) for one in references.values()}) != 1:
            raise Unreadable("References that were kept differ in length.")
        joined = References(**references) if references else None
        return cls(number_of_frames, values, missing, joined)
