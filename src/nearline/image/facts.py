"""What reading pixels needs to know of an image: small, derived once, kept beside its bytes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nearline.dicom.artefact import Unreadable, pack, unpack
from nearline.dicom.codecs.frame_format import FrameFormat
from nearline.image.transforms.options import Color, color_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from nearline.dicom.byte_reader import Buffer

__all__ = ["Concatenated", "Facts", "Matrix"]

_KIND = "image facts"
_VERSION = 1

_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"

# Tags of per-frame transforms as their little-endian bytes. That they occur by chance in some
# other value only means that the Dataset is asked, which knows.
_PER_FRAME_TRANSFORMS = (
    b"\x28\x00\x45\x91",  # (0028,9145) Pixel Value Transformation Sequence
    b"\x40\x00\x96\x90",  # (0040,9096) Real World Value Mapping Sequence
)
_TRANSFORMS = (
    "ModalityLUTSequence",
    "PixelValueTransformationSequence",
    "RealWorldValueMappingSequence",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """The total pixel matrix of a tiled image.

    Attributes
    ----------
    rows, columns : int
        Its size.
    organization : str
        Dimension Organization Type: "TILED_FULL", "TILED_SPARSE" or empty.
    focal_planes : int
        Total Pixel Matrix Focal Planes; 0 where the image does not say.
    optical_paths : tuple of str
        Optical path identifiers, or the segment numbers of a segmentation.
    segments : bool
        Whether `optical_paths` lists segments.
    """

    rows: int
    columns: int
    organization: str = ""
    focal_planes: int = 0
    optical_paths: tuple[str, ...] = ("1",)
    segments: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Concatenated:
    """An instance that holds part of an image (PS3.3 C.7.6.16.1.1).

    Attributes
    ----------
    uid : str
        Concatenation UID.
    number : int
        In-concatenation Number: 1-based.
    total : int
        In-concatenation Total Number; 0 where the instance does not say.
    frame_offset : int
        Concatenation Frame Offset Number: frames before this part's first one.
    """

    uid: str
    number: int
    total: int
    frame_offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What an image is.

    Attributes
    ----------
    sop_class_uid, sop_instance_uid : str
        Which image it is.
    format : FrameFormat
        How a frame is encoded.
    number_of_frames : int
        Frames in this object.
    color : {"monochrome", "palette", "color"}
        By Photometric Interpretation.
    plain : bool
        No rescaling, real world value mapping or inversion: by default the
        values of a frame are those stored.
    palette_bits : int
        Bits of an entry of the palette; 0 without one.
    profiles : tuple of bytes
        Distinct ICC profiles.
    profile_of_path : tuple of (int or None)
        Index into `profiles` for each of the matrix's optical paths; one entry
        for an image without a matrix.
    matrix : Matrix or None
        None for an image that is not tiled.
    concatenated : Concatenated or None
        Which part of a concatenation this is.
    """

    sop_class_uid: str
    sop_instance_uid: str
    format: FrameFormat
    number_of_frames: int
    color: Color
    plain: bool
    palette_bits: int = 0
    profiles: tuple[bytes, ...] = ()
    profile_of_path: tuple[int | None, ...] = (None,)
    matrix: Matrix | None = None
    concatenated: Concatenated | None = None

    @classmethod
    def from_dataset(
        cls, dataset: Dataset, format_: FrameFormat, functional_groups: Buffer | None
    ) -> Facts:
        """Derive the facts from a header.

        Parameters
        ----------
        dataset : Dataset
            The header.
        format_ : FrameFormat
            How its frames are encoded.
        functional_groups : bytes-like or None
            The encoded Per-frame Functional Groups Sequence.
        """
        matrix = _matrix(dataset)
        profiles, profile_of_path = _profiles(dataset, matrix)
        color = color_of(format_.photometric_interpretation)
        return cls(
            sop_class_uid=str(dataset.get("SOPClassUID", "")),
            sop_instance_uid=str(dataset.get("SOPInstanceUID", "")),
            format=format_,
            number_of_frames=int(dataset.get("NumberOfFrames") or 1),
            color=color,
            plain=color == "color" or _plain(dataset, color, functional_groups),
            palette_bits=_palette_bits(dataset) if color == "palette" else 0,
            profiles=profiles,
            profile_of_path=profile_of_path,
            matrix=matrix,
            concatenated=_concatenated(dataset),
        )

    def to_bytes(self) -> bytes:
        """Encode, to be kept beside the object's bytes."""
        head = asdict(self)
        del head["profiles"]
        arrays = {
            f"profile{i}": np.frombuffer(one, np.uint8) for i, one in enumerate(self.profiles)
        }
        return pack(_KIND, _VERSION, head, arrays)

    @classmethod
    def from_bytes(cls, data: Buffer) -> Facts:
        """Decode what `to_bytes` wrote.

        Raises
        ------
        Unreadable
            Written by another version, or damaged.
        """
        head, arrays = unpack(_KIND, _VERSION, memoryview(data))
        try:
            format_ = FrameFormat(**head.pop("format"))
            matrix, concatenated = head.pop("matrix"), head.pop("concatenated")
            if matrix is not None:
                matrix["optical_paths"] = tuple(matrix["optical_paths"])
            head["profile_of_path"] = tuple(head["profile_of_path"])
            return cls(
                format=format_,
                profiles=tuple(one.tobytes() for one in arrays.values()),
                matrix=None if matrix is None else Matrix(**matrix),
                concatenated=None if concatenated is None else Concatenated(**concatenated),
                **head,
            )
        except (KeyError, TypeError) as error:
            raise Unreadable("The facts kept of an image are damaged.") from error


def _shared_groups(dataset: Dataset) -> Dataset | None:
    groups = dataset.get("SharedFunctionalGroupsSequence")
    return groups[0] if groups else None


def _plain(dataset: Dataset, color: Color, functional_groups: Buffer | None) -> bool:
    if color == "palette" or dataset.get("ICCProfile") is not None:
        return False
    if any("ICCProfile" in path for path in dataset.get("OpticalPathSequence") or ()):
        return False
    if "PresentationLUTShape" in dataset:
        if dataset.PresentationLUTShape == "INVERSE":
            return False
    elif dataset.get("PhotometricInterpretation") == "MONOCHROME1":
        return False
    shared = _shared_groups(dataset)
    if any(name in dataset or (shared is not None and name in shared) for name in _TRANSFORMS):
        return False
    # Grey slides must have these two, as 1 and 0 (PS3.3 C.8.12.4.1).
    if dataset.get("RescaleSlope", 1) != 1 or dataset.get("RescaleIntercept", 0) != 0:
        return False
    if "SegmentSequence" in dataset:
        # Frames of segments carry no such groups (PS3.3 A.51.5), and there may be many of them.
        return True
    groups = bytes(functional_groups or b"")
    return not any(tag in groups for tag in _PER_FRAME_TRANSFORMS)


def _palette_bits(dataset: Dataset) -> int:
    descriptor = dataset.get("RedPaletteColorLookupTableDescriptor")
    return int(descriptor[2]) if descriptor else 0


def _matrix(dataset: Dataset) -> Matrix | None:
    names = ("TotalPixelMatrixRows", "TotalPixelMatrixColumns", "NumberOfFrames")
    if any(dataset.get(name) is None for name in names):
        return None
    segments = (
        dataset.get("SOPClassUID") == _SEGMENTATION
        and dataset.get("SegmentationType") != "LABELMAP"
        and bool(dataset.get("SegmentSequence"))
    )
    return Matrix(
        rows=int(dataset.TotalPixelMatrixRows),
        columns=int(dataset.TotalPixelMatrixColumns),
        organization=str(dataset.get("DimensionOrganizationType") or ""),
        focal_planes=int(dataset.get("TotalPixelMatrixFocalPlanes") or 0),
        optical_paths=_segments(dataset) if segments else _optical_paths(dataset),
        segments=segments,
    )


def _segments(dataset: Dataset) -> tuple[str, ...]:
    return tuple(str(item.SegmentNumber) for item in dataset.SegmentSequence)


def _shared_path(dataset: Dataset) -> str | None:
    shared = _shared_groups(dataset)
    items = shared.get("OpticalPathIdentificationSequence") if shared is not None else None
    return str(items[0].OpticalPathIdentifier) if items else None


def _optical_paths(dataset: Dataset) -> tuple[str, ...]:
    items = dataset.get("OpticalPathSequence") or ()
    paths = tuple(str(item.get("OpticalPathIdentifier", i)) for i, item in enumerate(items, 1))
    shared = _shared_path(dataset)
    # In a TILED_FULL image every path of the sequence has its frames, whatever is shared.
    if shared is not None and dataset.get("DimensionOrganizationType") != "TILED_FULL":
        return (shared,)
    return paths or ("1",)


def _profiles(
    dataset: Dataset, matrix: Matrix | None
) -> tuple[tuple[bytes, ...], tuple[int | None, ...]]:
    paths = matrix.optical_paths if matrix is not None else (_shared_path(dataset) or "1",)
    whole = dataset.get("ICCProfile")
    if whole:
        return (bytes(whole),), (0,) * len(paths)
    items = list(dataset.get("OpticalPathSequence") or ())
    by_path = {str(item.get("OpticalPathIdentifier")): item.get("ICCProfile") for item in items}
    if len(items) == 1:
        by_path = dict.fromkeys(paths, items[0].get("ICCProfile"))
    distinct = list(dict.fromkeys(bytes(one) for one in by_path.values() if one))
    chosen: list[int | None] = []
    for path in paths:
        profile = by_path.get(path)
        chosen.append(distinct.index(bytes(profile)) if profile else None)
    return tuple(distinct), tuple(chosen)


def _concatenated(dataset: Dataset) -> Concatenated | None:
    uid = dataset.get("ConcatenationUID")
    if not uid:
        return None

    def number(keyword: str) -> int:
        value: Any = dataset.get(keyword)
        return int(value or 0)

    return Concatenated(
        uid=str(uid),
        number=number("InConcatenationNumber"),
        total=number("InConcatenationTotalNumber"),
        frame_offset=number("ConcatenationFrameOffsetNumber"),
    )
