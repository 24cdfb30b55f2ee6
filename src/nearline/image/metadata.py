"""What an image says of itself, under highdicom's names."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from pydicom.datadict import keyword_for_tag
from pydicom.tag import BaseTag
from pydicom.uid import UID

from nearline.dicom.lazy_dataset import LazyDataset
from nearline.image.dimensions import dimension_indices, tag_of, unknown_dimension
from nearline.image.geometry.coordinate_system import CoordinateSystemNames
from nearline.image.geometry.tiles import FullTiling
from nearline.image.opened import Opened

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from nearline.provenance import Provenance

__all__ = ["ImageMetadata"]


class ImageMetadata(LazyDataset):
    """The header of an image, as a Dataset, and what follows from it."""

    _opened: Opened

    @property
    def url(self) -> str:
        """Where the image lies, without credentials; the first object of a concatenation."""
        return self._opened.reader.url

    @property
    def provenance(self) -> Provenance:
        """Which version of which object is read; of the first object of a concatenation."""
        return self._opened.reader.provenance

    @property
    def offsets_found_by(self) -> str:
        """Where the places of the frames were learned from: a table, TIFF tags or a scan."""
        found: str = self._opened.frames.parts[0].index.found_by
        return found

    @property
    def number_of_frames(self) -> int:
        """Number of frames."""
        return len(self._opened.frames)

    @property
    def transfer_syntax_uid(self) -> UID:
        """Transfer syntax of the pixels."""
        return UID(self._opened.facts.format.transfer_syntax_uid)

    @property
    def is_tiled(self) -> bool:
        """Whether the frames are tiles of a total pixel matrix."""
        return self._opened.facts.matrix is not None

    def is_indexable_as_total_pixel_matrix(self) -> bool:
        """Whether the position of every tile in the total pixel matrix is known.

        Unlike in highdicom, positions count that no dimension index points to.
        """
        return self._opened.tiling is not None

    @property
    def optical_paths(self) -> tuple[str, ...]:
        """Optical path identifiers of a tiled image, in its order; empty for any other image."""
        tiling = self._opened.tiling
        return () if tiling is None or tiling.channel != "optical path" else tiling.optical_paths

    @property
    def number_of_focal_planes(self) -> int:
        """Number of focal planes of a tiled image; 1 for any other image."""
        tiling = self._opened.tiling
        return 1 if tiling is None else tiling.focal_planes

    @property
    def coordinate_system(self) -> CoordinateSystemNames | None:
        """Frame-of-reference coordinate system in which the image lies; None without one."""
        if "FrameOfReferenceUID" not in self:
            return None
        if "ImageOrientationSlide" in self or "ImageCenterPointCoordinatesSequence" in self:
            return CoordinateSystemNames.SLIDE
        if "ImagePositionPatient" in self or "ImagePositionPatient" in self._opened.columns:
            return CoordinateSystemNames.PATIENT
        for groups in self.get("SharedFunctionalGroupsSequence") or ():
            for position in groups.get("PlanePositionSequence") or ():
                if "ImagePositionPatient" in position:
                    return CoordinateSystemNames.PATIENT
        return None

    @property
    def dimension_index_pointers(self) -> list[BaseTag]:
        """Tags of the attributes by which frames are indexed (PS3.3 C.7.6.17)."""
        items: Sequence[Dataset] = self.get("DimensionIndexSequence") or ()
        return [BaseTag(item.DimensionIndexPointer) for item in items]

    def are_dimension_indices_unique(
        self, dimension_index_pointers: Sequence[int | BaseTag | str]
    ) -> bool:
        """Whether the index values of some dimensions tell all frames apart.

        Parameters
        ----------
        dimension_index_pointers : sequence of int or str
            Tags or keywords.

        Raises
        ------
        UnknownDimension
            A tag that is no dimension index of this image, or a keyword that DICOM does not have.
        """
        tags = [tag_of(pointer) for pointer in dimension_index_pointers]
        tiling = self._opened.tiling
        if isinstance(tiling, FullTiling):
            return self._tells_tiles_apart(tiling, tags)
        known = self.dimension_index_pointers
        for tag in tags:
            if tag not in known:
                raise unknown_dimension(tag, self.dimension_index_pointers, self.url)
        if not tags:
            return self.number_of_frames == 1
        chosen = dimension_indices(self._opened, self, tags, known)
        return len(np.unique(chosen, axis=0)) == self.number_of_frames

    def _tells_tiles_apart(self, tiling: FullTiling, tags: Sequence[int]) -> bool:
        """Answer for TILED_FULL, whose dimension indices are implied and not stored."""
        down = -(-tiling.rows // tiling.tile_rows)
        across = -(-tiling.columns // tiling.tile_columns)
        sizes = {
            "down": down,
            "across": across,
            "plane": tiling.focal_planes,
            "channel": len(tiling.optical_paths),
        }
        # Along a row of pixels, X changes unless the image is turned by 90 degrees.
        along_row = [abs(float(one)) for one in self.get("ImageOrientationSlide") or (1, 0, 0)]
        upright = along_row[0] >= along_row[1]
        segments = tiling.channel == "segment"
        axes = {
            "RowPositionInTotalImagePixelMatrix": "down",
            "ColumnPositionInTotalImagePixelMatrix": "across",
            "XOffsetInSlideCoordinateSystem": "across" if upright else "down",
            "YOffsetInSlideCoordinateSystem": "down" if upright else "across",
            "ZOffsetInSlideCoordinateSystem": "plane",
            "ReferencedSegmentNumber" if segments else "OpticalPathIdentifier": "channel",
        }
        told = set()
        for tag in tags:
            keyword = keyword_for_tag(tag)
            if keyword in axes:
                told.add(axes[keyword])
            elif tag not in self.dimension_index_pointers:
                raise unknown_dimension(tag, self.dimension_index_pointers, self.url)
        return prod(sizes[axis] for axis in told) == self.number_of_frames

    def get_source_image_uids(self) -> list[tuple[UID, UID, UID]]:
        """Return (Study, Series, SOP) Instance UIDs of every image that this one refers to."""
        found = list(_references(self))
        for keyword in (
            "StudiesContainingOtherReferencedInstancesSequence",
            "SourceImageEvidenceSequence",
        ):
            for item in self.get(keyword) or ():
                found += _references(item)
        return [(UID(a), UID(b), UID(c)) for a, b, c in dict.fromkeys(found)]


def _references(item: Dataset) -> list[tuple[str, str, str]]:
    found = []
    for series in item.get("ReferencedSeriesSequence") or ():
        instances = (
            series.get("ReferencedSOPSequence") or series.get("ReferencedInstanceSequence") or ()
        )
        found += [
            (item.StudyInstanceUID, series.SeriesInstanceUID, one.ReferencedSOPInstanceUID)
            for one in instances
        ]
    return found
