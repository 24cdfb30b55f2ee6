"""Enhanced multi-frame images, written by pydicom: whatever lies where, in whatever order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from made.ct import SYNTAXES, Syntax, encode

__all__ = ["AXIAL", "derive", "multi_frame", "put", "write"]

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"


def put(group: Dataset, sequence: str, **values: Any) -> None:
    """Add a functional group of one item."""
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    setattr(group, sequence, [item])


def multi_frame(
    positions: Sequence[Sequence[float]] | NDArray[Any],
    *,
    orientation: Sequence[float] = AXIAL,
    pixel_spacing: Sequence[float] = (0.5, 0.75),
    slice_spacing: float | None = None,
    rows: int = 6,
    columns: int = 7,
    dtype: Any = np.int16,
    per_frame: bool = False,
    seed: int = 0,
) -> Dataset:
    """Return a grey image with a frame at each position.

    Parameters
    ----------
    positions : sequence of (x, y, z)
        Of the frames, in the order of the object.
    slice_spacing : float, optional
        Spacing Between Slices; None: left out.
    per_frame : bool
        Whether orientation and spacing stand in each frame's groups.
    """
    dtype = np.dtype(dtype)
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = ENHANCED_MR, generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
    ds.FrameOfReferenceUID = generate_uid()
    ds.Modality, ds.PatientName, ds.PatientID = "MR", "Body^Made Up", "1"
    ds.NumberOfFrames, ds.Rows, ds.Columns = len(positions), rows, columns
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    bits = 8 * dtype.itemsize
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = bits, bits, bits - 1
    ds.PixelRepresentation = int(dtype.kind == "i")
    shared, frames = Dataset(), [Dataset() for _ in positions]
    for frame, position in zip(frames, positions, strict=True):
        text = [f"{float(value):.10g}"[:16] for value in position]
        put(frame, "PlanePositionSequence", ImagePositionPatient=text)
        put(frame, "FrameContentSequence", DimensionIndexValues=[1])
    for group in frames if per_frame else [shared]:
        cosines = [f"{value:.10f}"[:16] for value in orientation]
        put(group, "PlaneOrientationSequence", ImageOrientationPatient=cosines)
        put(group, "PixelMeasuresSequence", PixelSpacing=list(pixel_spacing), SliceThickness=1)
        if slice_spacing is not None:
            group.PixelMeasuresSequence[0].SpacingBetweenSlices = f"{slice_spacing:.10g}"
    ds.SharedFunctionalGroupsSequence = [shared]
    ds.PerFrameFunctionalGroupsSequence = frames
    limits = np.iinfo(dtype)
    random = np.random.default_rng(seed)
    pixels = random.integers(limits.min, limits.max, (len(positions), rows, columns), dtype)
    ds.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    ds["PixelData"].VR = "OW"
    return ds


def write(path: Path, ds: Dataset, syntax: Syntax = "native") -> Path:
    """Write an image of native pixels, encoded anew if need be."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = SYNTAXES[syntax]
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.ImplementationClassUID = "1.2.826.0.1.3680043.8.498.1"
    if SYNTAXES[syntax] != ExplicitVRLittleEndian and syntax != "implicit":
        dtype = f"{'i' if ds.PixelRepresentation else 'u'}{ds.BitsAllocated // 8}"
        pixels = np.frombuffer(ds.PixelData, dtype).reshape(-1, ds.Rows, ds.Columns)
        ds.PixelData = encapsulate([encode(frame, syntax) for frame in pixels])
        ds["PixelData"].VR = "OB"
    ds.save_as(path, enforce_file_format=True)
    return path


def derive(
    ds: Dataset, sources: Sequence[Sequence[tuple[str, int | None]]], preserved: str | None = "YES"
) -> None:
    """Say of each frame which (SOP Instance UID, frame number) it was derived from."""
    for frame, its_sources in zip(ds.PerFrameFunctionalGroupsSequence, sources, strict=True):
        items = []
        for uid, number in its_sources:
            item = Dataset()
            item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = ENHANCED_MR, uid
            if number is not None:
                item.ReferencedFrameNumber = number
            if preserved is not None:
                item.SpatialLocationsPreserved = preserved
            items.append(item)
        put(frame, "DerivationImageSequence", SourceImageSequence=items)
    mentioned = Dataset()
    mentioned.SeriesInstanceUID = generate_uid()
    mentioned.ReferencedInstanceSequence = []
    for uid in dict.fromkeys(uid for its_sources in sources for uid, _ in its_sources):
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = ENHANCED_MR, uid
        mentioned.ReferencedInstanceSequence.append(item)
    ds.ReferencedSeriesSequence = [mentioned]
