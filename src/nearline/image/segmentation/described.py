"""What a segmentation says of its segments, under highdicom's names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, SupportsIndex, cast

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import UID

from nearline.dicom.damage import damage_told
from nearline.errors import InvalidDicom, InvalidOption, MissingFrames, UnknownSegment
from nearline.image.geometry.tiles import FullTiling
from nearline.image.image import Image
from nearline.image.segmentation.request import Kind, Request, Segments, make_request

if TYPE_CHECKING:
    from highdicom.seg import (
        SegmentationFractionalTypeValues,
        SegmentationTypeValues,
        SegmentDescription,
    )
    from highdicom.sr import CodedConcept
    from numpy.typing import NDArray
    from pydicom.sr.coding import Code

__all__ = ["Described"]

_SEGMENTS = 0x00620002
_CATEGORY = "SegmentedPropertyCategoryCodeSequence"
_TYPE = "SegmentedPropertyTypeCodeSequence"


class Described(Image):
    """An image with a Segment Sequence (PS3.3 C.8.20.2)."""

    def __getattr__(self, name: str) -> Any:
        """Return an element; the items of the Segment Sequence as highdicom's descriptions."""
        found = super().__getattr__(name)
        if name == "SegmentSequence":
            for item in found:
                _described(item)
        return found

    @property
    def segmentation_type(self) -> SegmentationTypeValues:
        """Binary, fractional or label map."""
        from highdicom.seg import SegmentationTypeValues

        return SegmentationTypeValues(self.SegmentationType)

    @property
    def segmentation_fractional_type(self) -> SegmentationFractionalTypeValues | None:
        """What fractions mean: probability or occupancy; None for other segmentations."""
        from highdicom.seg import SegmentationFractionalTypeValues

        value = self.get("SegmentationFractionalType")
        return None if value is None else SegmentationFractionalTypeValues(value)

    @property
    def number_of_segments(self) -> int:
        """Number of segments, that of the background not counted."""
        return len(self.segment_numbers)

    @property
    def segment_numbers(self) -> list[int]:
        """Numbers of the segments, that of the background not among them."""
        return [int(item.SegmentNumber) for item in self._items()]

    def get_segment_description(self, segment_number: SupportsIndex) -> SegmentDescription:
        """Return the description of a segment.

        Parameters
        ----------
        segment_number : int
            As in the Segment Sequence; the background has a description, too.

        Returns
        -------
        highdicom.seg.SegmentDescription

        Raises
        ------
        UnknownSegment
            There is none of that number; the message lists those that exist.
        """
        number = segment_number.__index__()
        for item in self._all_items():
            if int(item.SegmentNumber) == number:
                return _described(item)
        segments = self._segments()
        raise UnknownSegment(
            f"{self.url} has no segment {number}. Its segments: {segments.listed()}."
        )

    def get_segment_numbers(
        self,
        segment_label: str | None = None,
        segmented_property_category: Code | CodedConcept | None = None,
        segmented_property_type: Code | CodedConcept | None = None,
        algorithm_type: Any = None,
        tracking_uid: str | None = None,
        tracking_id: str | None = None,
    ) -> list[int]:
        """Return the numbers of the segments that match every filter given.

        Parameters
        ----------
        segment_label : str, optional
            Segment Label.
        segmented_property_category, segmented_property_type : code, optional
            A pydicom or highdicom code.
        algorithm_type : highdicom.seg.SegmentAlgorithmTypeValues or str, optional
            "AUTOMATIC", "SEMIAUTOMATIC" or "MANUAL".
        tracking_uid, tracking_id : str, optional
            Tracking UID and Tracking ID.

        Returns
        -------
        list of int
            Empty where none matches.
        """
        matches = _filters(segmented_property_category, segmented_property_type, algorithm_type)
        for keyword, value in (
            ("SegmentLabel", segment_label),
            ("TrackingUID", tracking_uid),
            ("TrackingID", tracking_id),
        ):
            if value is not None:
                matches.insert(0, _equals(keyword, value))
        return [
            int(item.SegmentNumber) for item in self._items() if all(one(item) for one in matches)
        ]

    def get_tracking_ids(
        self,
        segmented_property_category: Code | CodedConcept | None = None,
        segmented_property_type: Code | CodedConcept | None = None,
        algorithm_type: Any = None,
    ) -> list[tuple[str, UID]]:
        """Return Tracking ID and Tracking UID of the segments that match every filter given.

        Parameters
        ----------
        segmented_property_category, segmented_property_type, algorithm_type
            As in `get_segment_numbers`.

        Returns
        -------
        list of tuple of (str, UID)
            Each once, in the order of the segments.
        """
        matches = _filters(segmented_property_category, segmented_property_type, algorithm_type)
        found = [
            (str(item.TrackingID), UID(item.TrackingUID))
            for item in self._all_items()
            if item.get("TrackingID") is not None
            and item.get("TrackingUID") is not None
            and all(one(item) for one in matches)
        ]
        return list(dict.fromkeys(found))

    @property
    def segmented_property_categories(self) -> list[CodedConcept]:
        """Categories of the segments, each once."""
        return self._concepts(_CATEGORY)

    @property
    def segmented_property_types(self) -> list[CodedConcept]:
        """Types of the segments, each once."""
        return self._concepts(_TYPE)

    def iter_segments(self) -> Iterator[tuple[NDArray[Any], tuple[Dataset, ...], Dataset]]:
        """Yield segment after segment, each read when its turn comes.

        Yields
        ------
        frames : ndarray, shape (n, rows, columns)
            Stored values of the frames that show the segment.
        groups : tuple of Dataset
            The item of the Per-frame Functional Groups Sequence of each.
        description : highdicom.seg.SegmentDescription

        Raises
        ------
        MissingFrames
            The frames do not say which segment they show, as those of a label map.
        """
        shown = self._segment_of_frame()
        if shown is None:
            raise MissingFrames(
                f"{self.url} is a label map: each frame shows all segments. "
                "Read it with get_volume or get_stored_frames."
            )
        groups = self.get("PerFrameFunctionalGroupsSequence") or ()
        for number in np.unique(shown).tolist():
            frames = np.flatnonzero(shown == number).tolist()
            yield (
                self.get_stored_frames(frames, as_indices=True),
                tuple(groups[frame] for frame in frames) if groups else (),
                self.get_segment_description(number),
            )

    # --- for reading pixels ------------------------------------------------

    def _request(self, segment_numbers: Iterable[SupportsIndex] | None, **options: Any) -> Request:
        return make_request(self._segments(), segment_numbers, **options)

    def _all_items(self) -> list[Dataset]:
        # By its tag: as an attribute, it would make descriptions of all.
        with damage_told(f"The Segment Sequence (0062,0002) of {self.url} cannot be read"):
            items = list(self[_SEGMENTS].value or ()) if _SEGMENTS in self else []
            numbers = [item.get("SegmentNumber") for item in items]
            if None not in numbers and all(int(number) >= 0 for number in numbers):
                return items
        raise InvalidDicom(
            f"An item of the Segment Sequence (0062,0002) of {self.url} has no right Segment "
            "Number (0062,0004)."
        )

    def _items(self) -> list[Dataset]:
        """Items of the Segment Sequence without the background."""
        background = self.get("PixelPaddingValue")
        return [one for one in self._all_items() if one.SegmentNumber != background]

    def _segments(self) -> Segments:
        kind = str(self.get("SegmentationType"))
        if kind not in ("BINARY", "FRACTIONAL", "LABELMAP"):
            raise InvalidDicom(
                f"The Segmentation Type (0062,0001) of {self.url} is {kind!r}. BINARY, FRACTIONAL "
                "and LABELMAP exist."
            )
        with damage_told(f"What {self.url} says of its values cannot be read"):
            largest = int(self.get("MaximumFractionalValue") or 0)
            background = int(self.get("PixelPaddingValue") or 0)
        if kind == "FRACTIONAL" and largest < 1:
            raise InvalidDicom(
                f"{self.url} is a FRACTIONAL segmentation without a Maximum Fractional Value "
                "(0062,000E), so that its values mean nothing. Read them with get_stored_frames."
            )
        return Segments(
            url=self.url,
            kind=cast(Kind, kind),
            labels={
                int(one.SegmentNumber): str(one.get("SegmentLabel", "")) for one in self._items()
            },
            largest_fraction=largest,
            background=background,
        )

    def _segment_of_frame(self) -> NDArray[np.intp] | None:
        """Segment number of each frame; None for a label map."""
        if self.get("SegmentationType") == "LABELMAP":
            return None
        column = self._opened.columns.get("ReferencedSegmentNumber")
        if column is not None:
            return column.astype(np.intp)
        tiling = self._opened.tiling
        if isinstance(tiling, FullTiling):
            numbers = np.array([int(one) for one in tiling.optical_paths], np.intp)
            of_frame = tiling.paths_of(np.arange(self.number_of_frames))
            return numbers[np.minimum(of_frame, len(numbers) - 1)]
        raise MissingFrames(
            f"The frames of {self.url} do not say which segment they show: there is no Referenced "
            "Segment Number (0062,000B). Read them with get_stored_frames."
        )

    def _concepts(self, keyword: str) -> list[CodedConcept]:
        found: list[CodedConcept] = []
        for item in self._items():
            concept = getattr(_described(item), keyword)[0]
            if concept not in found:
                found.append(concept)
        return found


def _described(item: Dataset) -> SegmentDescription:
    """Turn an item of the Segment Sequence into highdicom's class, in place."""
    from highdicom.seg import SegmentDescription

    if not isinstance(item, SegmentDescription):
        with damage_told("An item of the Segment Sequence (0062,0002) cannot be read"):
            SegmentDescription.from_dataset(item, copy=False)
    return cast("SegmentDescription", item)


def _equals(keyword: str, wanted: object) -> Callable[[Dataset], bool]:
    return lambda item: bool(item.get(keyword) == wanted)


def _filters(
    category: Code | CodedConcept | None, type_: Code | CodedConcept | None, algorithm_type: Any
) -> list[Callable[[Dataset], bool]]:
    found: list[Callable[[Dataset], bool]] = []
    if algorithm_type is not None:
        from highdicom.seg import SegmentAlgorithmTypeValues

        try:
            wanted = SegmentAlgorithmTypeValues(algorithm_type).value
        except ValueError:
            names = ", ".join(one.value for one in SegmentAlgorithmTypeValues)
            raise InvalidOption(f"algorithm_type={algorithm_type!r} is none of {names}.") from None
        found.append(_equals("SegmentAlgorithmType", wanted))
    for keyword, code in ((_CATEGORY, category), (_TYPE, type_)):
        if code is not None:
            found.append(_has_code(keyword, code))
    return found


def _has_code(keyword: str, code: Code | CodedConcept) -> Callable[[Dataset], bool]:
    return lambda item: bool(getattr(_described(item), keyword)[0] == code)
