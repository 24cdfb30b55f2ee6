"""`Segmentation`: a DICOM segmentation whose frames are fetched when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np
from pydicom.tag import BaseTag

from nearline.errors import InvalidOption, MissingFrames, WrongKind
from nearline.image.dimensions import dimension_indices, tag_of, unknown_dimension
from nearline.image.segmentation.by_source import BySource
from nearline.image.segmentation.selection import matching

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray
    from pydicom.dataset import Dataset

    from nearline.image.opened import Opened

__all__ = ["Segmentation"]

_SOP_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.66.4": "Segmentation Storage",
    "1.2.840.10008.5.1.4.1.1.66.7": "Label Map Segmentation Storage",
}
_SEGMENT = 0x0062000B
"""Referenced Segment Number."""


class Segmentation(BySource):
    """A DICOM segmentation: a pydicom Dataset of its header, and its segments on request.

    `segread` makes it. Opening reads the header only, and what it says of
    each frame becomes NumPy columns, not pydicom objects. Names, keywords,
    index bases and results follow `highdicom.seg.Segmentation`.

    Safe to use from many threads; pickles where its objects can be opened again.

    Raises
    ------
    WrongKind
        The object is no segmentation.
    """

    _highdicom_reader = ("highdicom.seg", "segread")

    def __init__(self, opened: Opened, dataset: Dataset | None = None) -> None:
        if opened.facts.sop_class_uid not in _SOP_CLASSES:
            from pydicom.uid import UID

            raise WrongKind(
                f"{opened.reader.url} is no segmentation, but: "
                f"{UID(opened.facts.sop_class_uid).name or 'an unnamed kind of image'}. "
                "Open it with nearline.imread."
            )
        super().__init__(opened, dataset)

    def __repr__(self) -> str:
        """Say in short what this is; `str` prints all elements, as pydicom does."""
        format_, count = self._opened.facts.format, self.number_of_segments
        return (
            f"<nearline.seg.Segmentation {self.url}: {self.get('SegmentationType')}, "
            f"{count} segment{'s' if count != 1 else ''}, {self.number_of_frames} frame"
            f"{'s' if self.number_of_frames != 1 else ''} of {format_.rows} x {format_.columns}>"
        )

    def get_default_dimension_index_pointers(self) -> list[BaseTag]:
        """Return the tags by which frames are indexed, without Referenced Segment Number."""
        return [tag for tag in self.dimension_index_pointers if tag != _SEGMENT]

    def are_dimension_indices_unique(
        self, dimension_index_pointers: Sequence[int | BaseTag | str]
    ) -> bool:
        """Whether the index values of some dimensions tell the frames of each segment apart.

        Parameters
        ----------
        dimension_index_pointers : sequence of int or str
            Tags or keywords, at least one.

        Raises
        ------
        UnknownDimension
            A tag that is no dimension index of this segmentation.
        InvalidOption
            There is no pointer.
        """
        tags = self._pointers(dimension_index_pointers)
        indices = self._dimension_indices(tags)
        shown = self._segment_of_frame()
        if shown is not None:
            indices = np.column_stack((indices, shown))
        return len(np.unique(indices, axis=0)) == self.number_of_frames

    def get_pixels_by_dimension_index_values(
        self,
        dimension_index_values: Sequence[Sequence[SupportsIndex]] | NDArray[Any],
        dimension_index_pointers: Sequence[int | BaseTag | str] | None = None,
        segment_numbers: Sequence[SupportsIndex] | NDArray[Any] | None = None,
        combine_segments: bool = False,
        relabel: bool = False,
        assert_missing_frames_are_empty: bool = False,
        rescale_fractional: bool = True,
        skip_overlap_checks: bool = False,
        dtype: DTypeLike | None = None,
        apply_palette_color_lut: bool = False,
        apply_icc_profile: bool | None = None,
    ) -> NDArray[Any]:
        """Return frames selected by the index values of some dimensions.

        Parameters
        ----------
        dimension_index_values : sequence of sequence of int
            1-based values, for each frame of the result one of each dimension.
        dimension_index_pointers : sequence of int or str, optional
            Tags or keywords of these dimensions. None: those of
            `get_default_dimension_index_pointers`.
        segment_numbers, combine_segments, ..., apply_icc_profile
            As in `get_volume`.
        assert_missing_frames_are_empty : bool
            Show background where no frame has such values, instead of raising.

        Returns
        -------
        ndarray, shape (n, rows, columns), or with one axis more
            For each segment, or for RGB.

        Raises
        ------
        UnknownDimension
            A tag that is no dimension index of this segmentation.
        MissingFrames
            No frame has the values asked for.
        InvalidOption
            There are no values, or not one for each dimension; or a dimension
            is given twice, or is that of the segments.
        AmbiguousFrames
            The dimensions do not tell frames of one segment apart.
        UnknownSegment, OverlappingSegments, InvalidFractions, InvalidTransform
            As in `get_volume`.
        """
        if dimension_index_pointers is None:
            tags = self.get_default_dimension_index_pointers()
        else:
            tags = self._pointers(dimension_index_pointers)
        if _SEGMENT in tags:
            raise InvalidOption(
                "Segments are chosen with segment_numbers: leave ReferencedSegmentNumber out of "
                "dimension_index_pointers."
            )
        wanted = _values(dimension_index_values, tags)
        have = self._dimension_indices(tags)
        frames, places = matching(have, wanted)
        if not assert_missing_frames_are_empty and len(np.unique(places)) < len(wanted):
            missing = [wanted[i].tolist() for i in np.setdiff1d(np.arange(len(wanted)), places)]
            raise MissingFrames(
                f"No frame of {self.url} has the dimension index values "
                f"{', '.join(str(tuple(one)) for one in missing[:5])}"
                f"{' and others' if len(missing) > 5 else ''}. Pass "
                "assert_missing_frames_are_empty=True to have background there."
            )
        request = self._request(
            segment_numbers,
            combine_segments=combine_segments,
            relabel=relabel,
            rescale_fractional=rescale_fractional,
            skip_overlap_checks=skip_overlap_checks,
            dtype=dtype,
            apply_palette_color_lut=apply_palette_color_lut,
            apply_icc_profile=apply_icc_profile,
        )
        return self._pasted(request, frames, places, len(wanted))

    def _pointers(self, given: Sequence[int | BaseTag | str]) -> list[BaseTag]:
        tags, known = [tag_of(one) for one in given], self.dimension_index_pointers
        if not tags:
            raise InvalidOption("dimension_index_pointers names no dimension; give one at least.")
        for tag in tags:
            if tag not in known:
                raise unknown_dimension(tag, known, self.url)
        if len(set(tags)) < len(tags):
            raise InvalidOption("dimension_index_pointers names a dimension twice.")
        return tags

    def _dimension_indices(self, tags: Sequence[int]) -> NDArray[np.int64]:
        return dimension_indices(self._opened, self, tags, self.dimension_index_pointers)


def _values(given: Any, tags: Sequence[int]) -> NDArray[np.int64]:
    try:
        rows = [[one.__index__() for one in row] for row in given]
    except (TypeError, AttributeError):
        raise InvalidOption(
            "dimension_index_values must be rows of whole numbers: for each frame of the result, "
            f"one for each of the {len(tags)} dimensions."
        ) from None
    if not rows or not tags or any(len(row) != len(tags) for row in rows):
        raise InvalidOption(
            f"dimension_index_values needs at least one row, each of {len(tags)} numbers: one for "
            "each dimension index pointer, that of the segment not counted."
        )
    return np.array(rows, np.int64)
