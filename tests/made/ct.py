"""CT of the phantom: a series of single-frame objects, or one enhanced object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

import highdicom
import imagecodecs
import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

from made.phantom import Phantom

__all__ = [
    "SYNTAXES",
    "Syntax",
    "ct_series",
    "encode",
    "enhanced_ct",
    "write_enhanced_ct",
    "write_series",
]

Syntax = Literal["native", "implicit", "rle", "jpegls", "jpeg2000", "htj2k"]
SYNTAXES: dict[Syntax, pydicom.uid.UID] = {
    "native": ExplicitVRLittleEndian,
    "implicit": ImplicitVRLittleEndian,
    "rle": RLELossless,
    "jpegls": JPEGLSLossless,
    "jpeg2000": JPEG2000Lossless,
    "htj2k": HTJ2KLossless,
}

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
_INTERCEPT = -1024


def encode(values: NDArray[Any], syntax: Syntax) -> bytes:
    """Return one frame's bytes, before they are padded to an even length."""
    if syntax in ("native", "implicit"):
        return values.astype(values.dtype.newbyteorder("<")).tobytes()
    if syntax == "jpegls":
        # Signed samples are their own two's complement in JPEG-LS.
        return bytes(imagecodecs.jpegls_encode(values.view(f"u{values.itemsize}")))
    if syntax == "jpeg2000":
        return bytes(imagecodecs.jpeg2k_encode(values, level=0, reversible=True, codecformat="J2K"))
    if syntax == "htj2k":
        return bytes(imagecodecs.htj2k_encode(values, reversible=True))
    from pydicom.pixels.encoders.base import RLELosslessEncoder

    return RLELosslessEncoder.encode(
        values.tobytes(),
        rows=values.shape[0],
        columns=values.shape[1],
        samples_per_pixel=1,
        photometric_interpretation="MONOCHROME2",
        bits_allocated=8 * values.itemsize,
        bits_stored=8 * values.itemsize,
        pixel_representation=int(values.dtype.kind == "i"),
        number_of_frames=1,
    )


def _stored(
    phantom: Phantom, index: int, *, signed: bool, slope: float, intercept: float
) -> NDArray[Any]:
    values = np.round((phantom.hounsfield(index) - intercept) / slope)
    return values.astype(np.int16 if signed else np.uint16)


def _position(
    phantom: Phantom, orientation: Sequence[float], origin: Sequence[float], index: int
) -> list[float]:
    normal = np.cross(orientation[:3], orientation[3:])
    place = np.asarray(origin) + normal * phantom.spacing[0] * index
    return [round(float(value), 6) for value in place]


@cache
def _uid(*names: Any) -> pydicom.uid.UID:
    return generate_uid(entropy_srcs=["made", *map(str, names)])


def ct_series(
    phantom: Phantom,
    *,
    syntax: Syntax = "native",
    signed: bool = True,
    slopes: Sequence[tuple[float, float]] = ((1, 0),),
    orientation: Sequence[float] = AXIAL,
    origin: Sequence[float] = (-205.0, -190.0, -300.0),
    name: str = "ct",
    distinct: int | None = None,
) -> Iterator[Dataset]:
    """Yield single-frame CT objects, one per slice, from the feet upwards.

    Parameters
    ----------
    slopes : sequence of (slope, intercept)
        Rescale of the slices, in turn.
    orientation : sequence of float
        Image Orientation (Patient).
    origin : sequence of float
        Image Position (Patient) of the first slice, in mm.
    name : str
        Another name gives other UIDs.
    distinct : int, optional
        How many slices to encode; they repeat.
    """
    encoded: dict[int, bytes] = {}
    for index in range(phantom.slices):
        slope, intercept = slopes[index % len(slopes)]
        shown = index if distinct is None else index * distinct // phantom.slices
        if distinct is None or shown not in encoded:
            source = index if distinct is None else shown * phantom.slices // distinct
            values = _stored(phantom, source, signed=signed, slope=slope, intercept=intercept)
            encoded = {**({} if distinct is None else encoded), shown: encode(values, syntax)}
        ds = Dataset()
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = SYNTAXES[syntax]
        ds.file_meta.MediaStorageSOPClassUID = CTImageStorage
        ds.file_meta.MediaStorageSOPInstanceUID = _uid(name, "slice", index)
        ds.file_meta.ImplementationClassUID = "1.2.826.0.1.3680043.8.498.1"
        ds.SOPClassUID = CTImageStorage
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID
        ds.StudyInstanceUID = _uid("study")
        ds.SeriesInstanceUID = _uid(name, "series")
        ds.FrameOfReferenceUID = _uid("frame of reference")
        ds.PatientName, ds.PatientID = "Body^Made Up", "MADE-UP"
        ds.PatientBirthDate, ds.PatientSex = "", "O"
        ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = "20260102"
        ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = "030405"
        ds.StudyID, ds.AccessionNumber, ds.ReferringPhysicianName = "1", "", ""
        ds.Modality, ds.Manufacturer, ds.SeriesNumber = "CT", "nearline", 2
        ds.ManufacturerModelName, ds.SoftwareVersions, ds.DeviceSerialNumber = "made", "1", "1"
        ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        ds.InstanceNumber, ds.PositionReferenceIndicator = index + 1, ""
        ds.BodyPartExamined, ds.KVP, ds.PatientPosition = "ABDOMEN", "120", "HFS"
        ds.ImagePositionPatient = _position(phantom, orientation, origin, index)
        ds.ImageOrientationPatient = list(orientation)
        ds.SliceThickness = phantom.spacing[0]
        ds.PixelSpacing = list(phantom.spacing[1:])
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.Rows, ds.Columns = phantom.rows, phantom.columns
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 16, 15
        ds.PixelRepresentation = int(signed)
        ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = slope, intercept, "HU"
        ds.WindowCenter, ds.WindowWidth = 40, 400
        ds.LossyImageCompression = "00"
        frame = encoded[shown]
        ds.PixelData = frame if syntax in ("native", "implicit") else encapsulate([frame])
        ds["PixelData"].VR = "OW" if syntax in ("native", "implicit") else "OB"
        yield ds


def write_series(folder: Path, phantom: Phantom, **options: Any) -> list[Path]:
    """Write `ct_series` as files whose names do not sort like the slices; return them in order."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index, ds in enumerate(ct_series(phantom, **options)):
        path = folder / f"{(index * 7919) % 10_007:05d}.dcm"
        ds.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def _source_of(group: Dataset) -> str:
    source = group.ConversionSourceAttributesSequence[0]
    return str(source.ReferencedSOPInstanceUID)


def enhanced_ct(
    phantom: Phantom,
    *,
    syntax: Syntax = "native",
    signed: bool = True,
    slopes: Sequence[tuple[float, float]] = ((1, 0),),
    distinct: int | None = None,
    extended: bool = False,
    **options: Any,
) -> Dataset:
    """Return all slices as one legacy-converted enhanced CT, whose header highdicom writes.

    Parameters
    ----------
    distinct : int, optional
        How many slices to encode; they repeat.
    extended : bool
        An Extended Offset Table instead of the Basic one; encapsulated only.
    **options
        Of `ct_series`.
    """
    # The converter looks at no pixel: tiny ones are quicker to copy.
    tiny = Phantom(2, 2, phantom.slices, phantom.spacing, phantom.seed)
    sources = list(ct_series(tiny, signed=signed, slopes=slopes, **options))
    ds = highdicom.legacy.LegacyConvertedEnhancedCTImage(
        legacy_datasets=sources,
        series_instance_uid=_uid("enhanced series", options.get("name", "")),
        series_number=3,
        sop_instance_uid=_uid("enhanced", options.get("name", ""), syntax, signed),
        instance_number=1,
    )
    ds.Rows, ds.Columns = phantom.rows, phantom.columns
    ds.file_meta.TransferSyntaxUID = SYNTAXES[syntax]
    pool = phantom.slices if distinct is None else distinct
    frames = []
    for index in range(pool):
        source = index * phantom.slices // pool
        slope, intercept = slopes[source % len(slopes)]
        values = _stored(phantom, source, signed=signed, slope=slope, intercept=intercept)
        frames.append(encode(values, syntax))
    # The converter has an order of its own, from the head.
    slice_of = {str(source.SOPInstanceUID): index for index, source in enumerate(sources)}
    order = [slice_of[str(_source_of(group))] for group in ds.PerFrameFunctionalGroupsSequence]
    frames = [frames[index * pool // phantom.slices] for index in order]
    if syntax in ("native", "implicit"):
        ds.PixelData = b"".join(frames)
        ds["PixelData"].VR = "OW"
    elif extended:
        padded = [frame + bytes(len(frame) % 2) for frame in frames]
        ds.PixelData, ds.ExtendedOffsetTable, ds.ExtendedOffsetTableLengths = encapsulate_extended(
            padded
        )
        ds["PixelData"].VR = "OB"
    else:
        ds.PixelData = encapsulate(frames)
        ds["PixelData"].VR = "OB"
    return ds


def write_enhanced_ct(path: Path, phantom: Phantom, **options: Any) -> Path:
    """Write `enhanced_ct`."""
    enhanced_ct(phantom, **options).save_as(path, enforce_file_format=True)
    return path
