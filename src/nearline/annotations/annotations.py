"""`MicroscopyBulkSimpleAnnotations`: metadata, and groups whose arrays stay in the object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydicom.sequence import Sequence as DicomSequence

from nearline.annotations.group import AnnotationGroup
from nearline.annotations.lazy_part import LazyPart
from nearline.annotations.outline import GROUPS, Outline
from nearline.dicom.coded_concept import same_code
from nearline.errors import InvalidDicom, InvalidOption, UnknownAnnotation
from nearline.opening import as_highdicom

if TYPE_CHECKING:
    from highdicom.ann import (
        AnnotationCoordinateTypeValues,
        AnnotationGroupGenerationTypeValues,
        GraphicTypeValues,
    )
    from highdicom.sr import CodedConcept
    from pydicom.dataset import Dataset
    from pydicom.sr.coding import Code
    from pydicom.uid import UID

    from nearline.provenance import Provenance

__all__ = ["MicroscopyBulkSimpleAnnotations"]

_COORDINATE_TYPE = 0x006A0001


class MicroscopyBulkSimpleAnnotations(LazyPart):
    """Bulk annotations: a pydicom Dataset of the metadata, arrays on request.

    `annread` makes it. Opening reads what lies between the arrays, and for an
    object that the cache knows nothing. Names, arguments and results follow
    `highdicom.ann.MicroscopyBulkSimpleAnnotations`.

    Safe to use from many threads; pickles where its object can be opened again.
    """

    _derived = frozenset({GROUPS})

    def __init__(self, outline: Outline, groups: list[AnnotationGroup] | None = None) -> None:
        super().__init__()
        self._outline = outline
        self._groups = groups or [
            AnnotationGroup(outline, index) for index in range(len(outline.items))
        ]

    @property
    def url(self) -> str:
        """Where the annotations lie, without credentials."""
        return self._outline.reader.url

    @property
    def provenance(self) -> Provenance:
        """Which version of which object is read."""
        return self._outline.reader.provenance

    def to_highdicom(self) -> Any:
        """Return highdicom's own object, which reads all arrays at once, through the same cache.

        Returns
        -------
        highdicom.ann.MicroscopyBulkSimpleAnnotations

        Raises
        ------
        InvalidDicom
            highdicom cannot read the object.
        MissingExtra
            highdicom is not installed.
        """
        return as_highdicom(self._outline.reader, "highdicom.ann", "annread")

    @property
    def annotation_coordinate_type(self) -> AnnotationCoordinateTypeValues:
        """Whether coordinates are pixels of an image or mm in a frame of reference."""
        from highdicom.ann import AnnotationCoordinateTypeValues

        value = self._outline.header.text(_COORDINATE_TYPE)
        try:
            return AnnotationCoordinateTypeValues(value)
        except ValueError:
            raise InvalidDicom(
                f"The Annotation Coordinate Type (006A,0001) of {self.url} is {value!r}. 2D and 3D "
                "exist."
            ) from None

    def get_annotation_group(
        self,
        number: int | None = None,
        uid: str | UID | None = None,
        *,
        label: str | None = None,
    ) -> AnnotationGroup:
        """Return one group.

        Parameters
        ----------
        number : int, optional
            1-based number.
        uid : str, optional
            Unique identifier.
        label : str, optional
            Label, letter by letter. The first of these three that is given counts.

        Raises
        ------
        InvalidOption
            A TypeError: neither is given.
        UnknownAnnotation
            A ValueError: no group, or more than one, is such.
        """
        if number is not None:
            what = f"number {number}"
            found = [one for one in self._groups if one.number == int(number)]
        elif uid is not None:
            what = f"uid {uid}"
            found = [one for one in self._groups if str(one.uid) == str(uid)]
        elif label is not None:
            what = f"label {label!r}"
            found = [one for one in self._groups if one.label == label]
        else:
            raise InvalidOption("get_annotation_group needs a number, a uid or a label.")
        if len(found) != 1:
            there = ", ".join(f"{one.number} ({one.label!r})" for one in self._groups[:20])
            raise UnknownAnnotation(
                f"{self.url} has {len(found) or 'no'} annotation group{'s' if found else ''} of "
                f"{what}; it has {len(self._groups)}: {there or 'none'}."
            )
        return found[0]

    def get_annotation_groups(
        self,
        annotated_property_category: Code | CodedConcept | None = None,
        annotated_property_type: Code | CodedConcept | None = None,
        label: str | None = None,
        graphic_type: str | GraphicTypeValues | None = None,
        algorithm_type: str | AnnotationGroupGenerationTypeValues | None = None,
        algorithm_name: str | None = None,
        algorithm_family: Code | CodedConcept | None = None,
        algorithm_version: str | None = None,
    ) -> list[AnnotationGroup]:
        """Return the groups of which all that is given is true.

        Parameters
        ----------
        annotated_property_category, annotated_property_type : Code or CodedConcept, optional
        label : str, optional
        graphic_type : str or GraphicTypeValues, optional
        algorithm_type : str or AnnotationGroupGenerationTypeValues, optional
        algorithm_name, algorithm_version : str, optional
            Of the first algorithm that the group names.
        algorithm_family : Code or CodedConcept, optional
            Likewise.

        Raises
        ------
        ValueError
            DICOM knows no such graphic type or algorithm type.
        """
        if graphic_type is not None or algorithm_type is not None:
            from highdicom.ann import AnnotationGroupGenerationTypeValues, GraphicTypeValues

            graphic_type = None if graphic_type is None else GraphicTypeValues(graphic_type)
            if algorithm_type is not None:
                algorithm_type = AnnotationGroupGenerationTypeValues(algorithm_type)
        wanted_algorithm = (algorithm_name, algorithm_family, algorithm_version)

        category, kind = annotated_property_category, annotated_property_type

        def fits(group: AnnotationGroup) -> bool:
            return (
                (label is None or group.label == label)
                and (graphic_type is None or group.graphic_type == graphic_type)
                and (algorithm_type is None or group.algorithm_type == algorithm_type)
                and _is(group, "AnnotationPropertyCategoryCodeSequence", category)
                and _is(group, "AnnotationPropertyTypeCodeSequence", kind)
                and _made_by(group, *wanted_algorithm)
            )

        return [group for group in self._groups if fits(group)]

    def _origin(self) -> tuple[Any, ...]:
        return self._outline, self._groups

    def _derive(self) -> Dataset:
        dataset = self._outline.header.dataset()
        dataset.AnnotationGroupSequence = DicomSequence(self._groups)
        return dataset

    def __repr__(self) -> str:
        """Say in short what this is; `str` prints all elements, as pydicom does."""
        count, kind = len(self._groups), self._outline.header.text(_COORDINATE_TYPE)
        return (
            f"<nearline.ann.MicroscopyBulkSimpleAnnotations {self.url}: "
            f"{count} group{'s' if count != 1 else ''}, {kind}>"
        )


def _is(item: Dataset, keyword: str, wanted: Any) -> bool:
    """Whether an item holds the code wanted, if one is."""
    if wanted is None:
        return True
    codes = item.get(keyword)
    return bool(codes) and same_code(codes[0], wanted)


def _made_by(
    group: AnnotationGroup,
    name: str | None,
    family: Code | CodedConcept | None,
    version: str | None,
) -> bool:
    if name is None and family is None and version is None:
        return True
    algorithms = group.algorithm_identification
    if not algorithms:
        return False
    first = algorithms[0]
    return (
        (name is None or first.get("AlgorithmName") == name)
        and (version is None or first.get("AlgorithmVersion") == version)
        and _is(first, "AlgorithmFamilyCodeSequence", family)
    )
