"""One annotation group: its description at once, its arrays by range."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import UID

from nearline.annotations.lazy_part import LazyPart
from nearline.annotations.measurements import Measurements
from nearline.annotations.outline import MEASUREMENTS, Outline
from nearline.annotations.stored import StoredGroup
from nearline.dicom.coded_concept import as_concept, same_code
from nearline.dicom.damage import damage_told
from nearline.dicom.elements import element_places, tag_name
from nearline.dicom.late_element import late_element
from nearline.errors import InvalidAnnotations, UnknownAnnotation

if TYPE_CHECKING:
    from highdicom.ann import (
        AnnotationCoordinateTypeValues,
        AnnotationGroupGenerationTypeValues,
        GraphicTypeValues,
    )
    from highdicom.sr import CodedConcept
    from pandas import DataFrame
    from pydicom.dataset import Dataset
    from pydicom.sr.coding import Code

    from nearline.annotations.graphic_data import GraphicData
    from nearline.annotations.selection import AnnotationSelection

__all__ = ["AnnotationGroup"]

_NUMBER = 0x0040A180
_GRAPHIC_TYPE = 0x00700023
_UID = 0x006A0003
_LABEL = 0x006A0005
_GENERATION = 0x006A0007
_COUNT = 0x006A000C
_COMMON_Z = 0x006A0010

_GRAPHIC_TYPES = frozenset(("POINT", "POLYLINE", "POLYGON", "ELLIPSE", "RECTANGLE"))


class AnnotationGroup(LazyPart):
    """A group of annotations: a pydicom Dataset of its item, and its arrays on request.

    Names, arguments and results follow `highdicom.ann.AnnotationGroup`
    (PS3.3 C.37.1.2).
    """

    _derived = frozenset({MEASUREMENTS})

    def __init__(self, outline: Outline, index: int) -> None:
        super().__init__()
        item = outline.items[index]
        self._outline = outline
        self._index = index
        self._encoded = item.elements
        self._places = element_places(item.elements, outline.header.encoding)
        self._graphic_data: GraphicData | None = None

    # --- what it says of itself ---------------------------------------------

    @property
    def number(self) -> int:
        """1-based number of the group in the object."""
        return self._unsigned(_NUMBER)

    @property
    def uid(self) -> UID:
        """Unique identifier."""
        return UID(self._text(_UID))

    @property
    def label(self) -> str:
        """Label that a user gave."""
        value = self._encoded_value(_LABEL)
        if value.isascii() and b"\x1b" not in value:
            return value.decode().strip(" \0")
        return str(self.AnnotationGroupLabel)

    @property
    def graphic_type(self) -> GraphicTypeValues:
        """What the points of each annotation mean."""
        from highdicom.ann import GraphicTypeValues

        return GraphicTypeValues(self._kind)

    @property
    def number_of_annotations(self) -> int:
        """Number of annotations, as the group says."""
        return self._unsigned(_COUNT)

    @property
    def algorithm_type(self) -> AnnotationGroupGenerationTypeValues:
        """How the annotations were made."""
        from highdicom.ann import AnnotationGroupGenerationTypeValues

        return AnnotationGroupGenerationTypeValues(self._text(_GENERATION))

    @property
    def algorithm_identification(self) -> Any:
        """Items that identify the algorithm (PS3.3 10.16), or None."""
        return self.get("AnnotationGroupAlgorithmIdentificationSequence")

    @property
    def annotated_property_category(self) -> CodedConcept:
        """Category of what is annotated."""
        return self._code("AnnotationPropertyCategoryCodeSequence")

    @property
    def annotated_property_type(self) -> CodedConcept:
        """What is annotated."""
        return self._code("AnnotationPropertyTypeCodeSequence")

    @property
    def anatomic_regions(self) -> list[CodedConcept]:
        """Anatomic regions that the annotations lie in; may be empty."""
        return [as_concept(one) for one in self.get("AnatomicRegionSequence") or ()]

    @property
    def primary_anatomic_structures(self) -> list[CodedConcept]:
        """Anatomic structures that the annotations represent; may be empty."""
        return [as_concept(one) for one in self.get("PrimaryAnatomicStructureSequence") or ()]

    # --- coordinates ----------------------------------------------------------

    def get_graphic_data(
        self, coordinate_type: str | AnnotationCoordinateTypeValues
    ) -> GraphicData:
        """Read the coordinates of all annotations.

        Parameters
        ----------
        coordinate_type : {"2D", "3D"} or AnnotationCoordinateTypeValues
            That of the object.

        Returns
        -------
        GraphicData
            Indexes and iterates like a list of arrays of shape (points, 2 or 3),
            float32 or float64 as stored; its `coordinates` and `offsets` are the
            arrays underneath. It is kept for the next call.

        Raises
        ------
        UnknownAnnotation
            A ValueError: the object has coordinates of the other type.
        InvalidAnnotations
            A ValueError: the coordinates contradict their index or graphic type.

        Notes
        -----
        PS3.3 C.37.1.2. Three-dimensional points that share a z are stored
        without it; it is added here.
        """
        dimensions = self._dimensions(coordinate_type)
        if self._graphic_data is None:
            self._graphic_data = self._stored().graphic_data(dimensions)
        return self._graphic_data

    def get_coordinates(
        self, annotation_number: int, coordinate_type: str | AnnotationCoordinateTypeValues
    ) -> NDArray[Any]:
        """Return the coordinates of one annotation; reads those of all.

        Parameters
        ----------
        annotation_number : int
            1-based.
        coordinate_type : {"2D", "3D"} or AnnotationCoordinateTypeValues
            That of the object.

        Returns
        -------
        ndarray of float32 or float64, shape (points, 2 or 3)

        Raises
        ------
        UnknownAnnotation
            There is no such annotation, or no such coordinates.
        """
        data = self.get_graphic_data(coordinate_type)
        if not 1 <= annotation_number <= len(data):
            raise UnknownAnnotation(
                f"{self._name} has annotations 1 to {len(data)}, and no {annotation_number}."
            )
        return data[annotation_number - 1]

    def in_region(self, least: Sequence[float], greatest: Sequence[float]) -> AnnotationSelection:
        """Select the annotations whose bounds meet a region, edges included.

        The first call reads all coordinates and keeps the bounds of blocks of
        annotations; later ones, also in other processes and at other times, read
        the blocks that may lie in the region.

        Parameters
        ----------
        least, greatest : sequence of float
            Two opposite corners: column and row in pixels, or x, y and z in mm,
            as the coordinates of the object are.

        Returns
        -------
        AnnotationSelection

        Raises
        ------
        UnknownAnnotation
            A ValueError: the corners have another number of coordinates.
        """
        from nearline.annotations.selection import select

        return select(self, least, greatest)

    # --- measurements -----------------------------------------------------------

    def get_measurements(
        self, name: Code | CodedConcept | None = None
    ) -> tuple[list[CodedConcept], NDArray[np.float32], list[CodedConcept]]:
        """Read measurements.

        Parameters
        ----------
        name : Code or CodedConcept, optional
            Only those of this name.

        Returns
        -------
        names : list of CodedConcept
        values : ndarray of float32, shape (annotations, measurements)
            NaN for an annotation without a value.
        units : list of CodedConcept

        Raises
        ------
        InvalidAnnotations
            An IndexError: values contradict the number of annotations.
        """
        items: Sequence[Measurements] = self.get("MeasurementsSequence") or ()
        chosen = [
            number
            for number, item in enumerate(items)
            if name is None or same_code(item.ConceptNameCodeSequence[0], name)
        ]
        values = self._stored().measurements(chosen, self.number_of_annotations)
        return [items[n].name for n in chosen], values, [items[n].unit for n in chosen]

    def to_frame(
        self, measurements: Sequence[str | Code | CodedConcept] | None = None
    ) -> DataFrame:
        """Return all annotations as a table.

        Parameters
        ----------
        measurements : sequence of str, Code or CodedConcept, optional
            Which to include; text is compared with the meaning of their names,
            whatever the case. By default all.

        Returns
        -------
        pandas.DataFrame
            One row for each annotation, by its 1-based number. Columns
            ``centroid_x``, ``centroid_y`` (``centroid_z``), ``x_min``, ``y_min``,
            ..., ``x_max``, ... in pixels or mm, as `coordinate_type` in its
            `attrs` says; then measurements, whose units are in `attrs` too.

        Raises
        ------
        UnknownAnnotation
            No measurement has such a name.
        MissingExtra
            pandas is not installed.
        """
        from nearline.annotations.frame import frame_of

        return frame_of(self, measurements, None)

    # --- inside -------------------------------------------------------------------

    @property
    def _name(self) -> str:
        return f"Annotation group {self._index + 1} of {self._outline.header.url}"

    @property
    def _kind(self) -> str:
        found = self._text(_GRAPHIC_TYPE)
        if found not in _GRAPHIC_TYPES:
            raise InvalidAnnotations(
                f"{self._name} has the graphic type {found!r}, which DICOM does not know."
            )
        return found

    @property
    def _coordinate_type(self) -> str:
        return self._outline.header.text(0x006A0001)

    def _dimensions(self, wanted: str | AnnotationCoordinateTypeValues) -> int:
        text = str(getattr(wanted, "value", wanted))
        there = self._coordinate_type
        if there not in ("2D", "3D"):
            raise InvalidAnnotations(
                f"{self._outline.header.url} has the annotation coordinate type {there!r}, which "
                "DICOM does not know."
            )
        if text != there:
            raise UnknownAnnotation(
                f"Graphic data of {self._outline.header.url} is not available for coordinate type "
                f'"{text}": its annotations are {there}.'
            )
        return int(there[0])

    def _stored(self) -> StoredGroup:
        z = self._encoded_value(_COMMON_Z)
        common = None
        if len(z) == 8:
            little = self._outline.header.little_endian
            common = float(np.frombuffer(z, "<f8" if little else ">f8")[0])
        return StoredGroup(self._outline, self._index, self._kind, common, self._name)

    def _encoded_value(self, tag: int) -> bytes:
        start, stop = self._places.get(tag, (0, 0))
        return self._encoded[start:stop]

    def _text(self, tag: int) -> str:
        return self._encoded_value(tag).strip(b" \0").decode("latin-1")

    def _unsigned(self, tag: int) -> int:
        value = self._encoded_value(tag)
        if len(value) not in (2, 4):
            raise InvalidAnnotations(f"{self._name} lacks the number {tag_name(tag)}.")
        return int.from_bytes(value, "little" if self._outline.header.little_endian else "big")

    def _code(self, keyword: str) -> CodedConcept:
        found = self.get(keyword)
        if not found:
            raise InvalidAnnotations(f"{self._name} lacks the code {keyword}.")
        return as_concept(found[0])

    def _origin(self) -> tuple[Any, ...]:
        return self._outline, self._index

    def _derive(self) -> Dataset:
        outline = self._outline
        header, item = outline.header, outline.items[self._index]
        dataset = _parsed(outline, item.elements)
        for path, tag, vr, offset, length in item.cuts:
            part = dataset
            for sequence, number in zip(path[::2], path[1::2], strict=True):
                part = part[sequence].value[number]
            part[tag] = late_element(outline.source, header.encoding, tag, vr, offset, length)
        for number, one in enumerate(dataset.get("MeasurementsSequence") or ()):
            one.__class__ = Measurements
            one._stored, one._item = self._stored(), number
            for keyword in ("ConceptNameCodeSequence", "MeasurementUnitsCodeSequence"):
                if not one.get(keyword):
                    raise InvalidAnnotations(f"{self._name} has a measurement without {keyword}.")
        return dataset

    def __repr__(self) -> str:
        """Say in short what this is; `str` prints all elements, as pydicom does."""
        return (
            f"<nearline.ann.AnnotationGroup {self.number}: {self.label!r}, "
            f"{self.number_of_annotations} x {self._text(_GRAPHIC_TYPE)}>"
        )


def _parsed(outline: Outline, elements: bytes) -> Dataset:
    from pydicom.charset import convert_encodings, default_encoding
    from pydicom.filereader import read_dataset

    header = outline.header
    charset = bytes(header.value(0x00080005) or b"").decode("latin-1").strip(" \0")
    encodings = convert_encodings(charset.split("\\")) if charset else default_encoding
    with damage_told(f"pydicom cannot parse an annotation group of {header.url}"):
        return read_dataset(
            BytesIO(elements),
            header.implicit_vr,
            header.little_endian,
            parent_encoding=encodings,
        )
