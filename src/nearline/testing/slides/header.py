"""The header of a VL Whole Slide Microscopy image (DICOM PS3.3 A.32.8)."""

from __future__ import annotations

from typing import NamedTuple

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import UID, generate_uid

from nearline.testing.slides.recipe import Recipe

__all__ = ["Place", "header"]

_WHOLE_SLIDE = UID("1.2.840.10008.5.1.4.1.1.77.1.6")
_ORIGIN_MM = (20.0, 40.0)
_PLANE_DISTANCE_MM = 0.002


class Place(NamedTuple):
    """Where a frame belongs; all 0-based."""

    optical_path: int
    focal_plane: int
    tile_row: int
    tile_column: int


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code


def _item(**values: object) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def _file_meta(recipe: Recipe, instance: UID) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID = _WHOLE_SLIDE
    meta.MediaStorageSOPInstanceUID = instance
    meta.TransferSyntaxUID = UID(recipe.transfer_syntax_uid)
    meta.ImplementationClassUID = UID("1.2.826.0.1.3680043.8.498.1")
    return meta


def _optical_paths(recipe: Recipe, profile: bytes) -> Sequence:
    paths = []
    for number in range(recipe.optical_paths):
        path = _item(
            OpticalPathIdentifier=str(number + 1),
            IlluminationTypeCodeSequence=[_code("111744", "DCM", "Brightfield illumination")],
            IlluminationColorCodeSequence=[_code("414298005", "SCT", "Full Spectrum")],
        )
        if profile:
            path.ICCProfile = profile
        paths.append(path)
    return Sequence(paths)


def _dimensions(recipe: Recipe, organisation: UID) -> Sequence:
    pointers = [("RowPositionInTotalImagePixelMatrix", "PlanePositionSlideSequence")]
    pointers.append(("ColumnPositionInTotalImagePixelMatrix", "PlanePositionSlideSequence"))
    if recipe.focal_planes > 1:
        pointers.append(("ZOffsetInSlideCoordinateSystem", "PlanePositionSlideSequence"))
    if recipe.optical_paths > 1:
        pointers.append(("OpticalPathIdentifier", "OpticalPathIdentificationSequence"))
    return Sequence(
        _item(
            DimensionOrganizationUID=organisation,
            DimensionIndexPointer=Tag(pointer),
            FunctionalGroupPointer=Tag(group),
        )
        for pointer, group in pointers
    )


def _per_frame(recipe: Recipe, places: list[Place]) -> Sequence:
    items = []
    for place in places:
        row = place.tile_row * recipe.tile_rows
        column = place.tile_column * recipe.tile_columns
        index = [place.tile_row + 1, place.tile_column + 1]
        if recipe.focal_planes > 1:
            index.append(place.focal_plane + 1)
        if recipe.optical_paths > 1:
            index.append(place.optical_path + 1)
        position = _item(
            ColumnPositionInTotalImagePixelMatrix=column + 1,
            RowPositionInTotalImagePixelMatrix=row + 1,
            XOffsetInSlideCoordinateSystem=f"{_ORIGIN_MM[0] - row * recipe.spacing_mm:.6f}",
            YOffsetInSlideCoordinateSystem=f"{_ORIGIN_MM[1] - column * recipe.spacing_mm:.6f}",
            # micrometres, unlike its two neighbours
            ZOffsetInSlideCoordinateSystem=f"{place.focal_plane * _PLANE_DISTANCE_MM * 1000:.3f}",
        )
        path = _item(OpticalPathIdentifier=str(place.optical_path + 1))
        items.append(
            _item(
                FrameContentSequence=[_item(DimensionIndexValues=index)],
                PlanePositionSlideSequence=[position],
                OpticalPathIdentificationSequence=[path],
            )
        )
    sequence = Sequence(items)
    if recipe.undefined_length:
        for item in items:
            item.is_undefined_length_sequence_item = True
    return sequence


def header(recipe: Recipe, places: list[Place], profile: bytes) -> Dataset:
    """Return everything in front of the pixel data, file meta information included.

    Parameters
    ----------
    places : list of Place
        One per frame, in the order of the frames.
    profile : bytes
        ICC profile of every optical path; empty: none.
    """
    names = ("study", "series", "instance", "frame of reference", "dimensions")
    study, series, instance, reference, dimensions = (
        generate_uid(entropy_srcs=[repr(recipe), name]) for name in names
    )
    ds = _item(
        ImageType=["DERIVED", "PRIMARY", "VOLUME", "NONE"],
        SOPClassUID=_WHOLE_SLIDE,
        SOPInstanceUID=instance,
        StudyInstanceUID=study,
        SeriesInstanceUID=series,
        FrameOfReferenceUID=reference,
        StudyDate="20260102",
        StudyTime="030405",
        ContentDate="20260102",
        ContentTime="030405",
        AcquisitionDateTime="20260102030405",
        AccessionNumber="",
        StudyID="1",
        SeriesNumber=1,
        InstanceNumber=1,
        Modality="SM",
        Manufacturer="nearline",
        ManufacturerModelName="synthetic slide",
        DeviceSerialNumber="1",
        SoftwareVersions="1",
        ReferringPhysicianName="",
        PatientName="Slide^Synthetic",
        PatientID="SYNTHETIC",
        PatientBirthDate="",
        PatientSex="O",
        PositionReferenceIndicator="SLIDE_CORNER",
        VolumetricProperties="VOLUME",
        AcquisitionContextSequence=[],
        ContainerIdentifier="SLIDE-1",
        IssuerOfTheContainerIdentifierSequence=[],
        ContainerTypeCodeSequence=[_code("433466003", "SCT", "Microscope slide")],
        SpecimenDescriptionSequence=[
            _item(
                SpecimenIdentifier="SPECIMEN-1",
                SpecimenUID=generate_uid(entropy_srcs=[repr(recipe), "specimen"]),
                IssuerOfTheSpecimenIdentifierSequence=[],
                SpecimenPreparationSequence=[],
            )
        ],
        SpecimenLabelInImage="NO",
        BurnedInAnnotation="NO",
        FocusMethod="AUTO",
        ExtendedDepthOfField="NO",
        ImagedVolumeWidth=recipe.columns * recipe.spacing_mm,
        ImagedVolumeHeight=recipe.rows * recipe.spacing_mm,
        ImagedVolumeDepth=1.0,
        TotalPixelMatrixColumns=recipe.columns,
        TotalPixelMatrixRows=recipe.rows,
        TotalPixelMatrixFocalPlanes=recipe.focal_planes,
        TotalPixelMatrixOriginSequence=[
            _item(
                XOffsetInSlideCoordinateSystem=f"{_ORIGIN_MM[0]:.6f}",
                YOffsetInSlideCoordinateSystem=f"{_ORIGIN_MM[1]:.6f}",
            )
        ],
        ImageOrientationSlide=["0", "-1", "0", "-1", "0", "0"],
        NumberOfOpticalPaths=recipe.optical_paths,
        OpticalPathSequence=_optical_paths(recipe, profile),
        DimensionOrganizationType=recipe.organisation,
        DimensionOrganizationSequence=[_item(DimensionOrganizationUID=dimensions)],
        SamplesPerPixel=recipe.samples_per_pixel,
        PhotometricInterpretation=recipe.photometric_interpretation,
        NumberOfFrames=len(places),
        Rows=recipe.tile_rows,
        Columns=recipe.tile_columns,
        BitsAllocated=recipe.bits,
        BitsStored=recipe.bits,
        HighBit=recipe.bits - 1,
        PixelRepresentation=0,
        LossyImageCompression="01" if recipe.codec in ("jpeg", "jpeg2000") else "00",
    )
    if recipe.samples_per_pixel == 3:
        ds.PlanarConfiguration = 0
    if recipe.monochrome:
        inverse = recipe.photometric_interpretation == "MONOCHROME1"
        ds.PresentationLUTShape = "INVERSE" if inverse else "IDENTITY"
        ds.RescaleIntercept, ds.RescaleSlope = 0, 1
    measures = _item(
        PixelSpacing=[recipe.spacing_mm, recipe.spacing_mm],
        SliceThickness=0.001,
        SpacingBetweenSlices=_PLANE_DISTANCE_MM,
    )
    kind = _item(FrameType=["DERIVED", "PRIMARY", "VOLUME", "NONE"])
    ds.SharedFunctionalGroupsSequence = [
        _item(PixelMeasuresSequence=[measures], WholeSlideMicroscopyImageFrameTypeSequence=[kind])
    ]
    if recipe.organisation == "TILED_SPARSE":
        ds.DimensionIndexSequence = _dimensions(recipe, dimensions)
        ds.PerFrameFunctionalGroupsSequence = _per_frame(recipe, places)
        ds["PerFrameFunctionalGroupsSequence"].is_undefined_length = recipe.undefined_length
    ds.file_meta = _file_meta(recipe, instance)
    return ds
