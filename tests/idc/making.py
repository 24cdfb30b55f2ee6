"""Files of any SOP class: headers by pydicom or highdicom, encoded by DCMTK, OpenJPEG or CharLS.

Images have three frames, or three instances where the class has one each; 37 rows and 53 columns,
so that a frame has an odd number of bytes.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, UID_dictionary, generate_uid

from made import Phantom, ct_series, parametric_map
from made.annotations import annotations, group, polygons
from made.reports import planar, report
from nearline.testing.slides import Recipe, write_slide
from servers.daemon import missing

__all__ = ["class_uid", "made"]

ROWS, COLUMNS, FRAMES = 37, 53, 3
PHANTOM = Phantom(ROWS, COLUMNS, FRAMES)

_NAMES = {entry[0]: uid for uid, entry in UID_dictionary.items() if entry[1] == "SOP Class"}

ONE_FRAME = {
    "CT Image": (16, True),
    "MR Image": (16, False),
    "Positron Emission Tomography Image": (16, True),
    "Computed Radiography Image": (16, False),
    "Digital X-Ray Image Storage - For Presentation": (16, False),
    "Digital X-Ray Image Storage - For Processing": (16, False),
    "Digital Mammography X-Ray Image Storage - For Processing": (16, False),
    "Digital Mammography X-Ray Image Storage - For Presentation": (16, False),
    "Secondary Capture Image": (8, False),
    "Ultrasound Image": (8, False),
}
"""Bits and whether they are signed, of classes whose instances hold one frame."""

SEVERAL_FRAMES = {
    "Breast Tomosynthesis Image": (16, False),
    "Breast Projection X-Ray Image Storage - For Processing": (16, False),
    "Breast Projection X-Ray Image Storage - For Presentation": (16, False),
    "Ultrasound Multi-frame Image": (8, False),
    "Multi-frame Grayscale Byte Secondary Capture Image": (8, False),
    "Nuclear Medicine Image": (16, False),
    "X-Ray Angiographic Image": (8, False),
    "X-Ray Radiofluoroscopic Image": (8, False),
    "RT Dose": (32, False),
}


def class_uid(name: str) -> str:
    """Return the UID of a SOP class, with or without "Storage" at the end of its name."""
    return str(_NAMES.get(name) or _NAMES.get(f"{name} Storage") or _LATER[name])


_LATER = {"Label Map Segmentation": "1.2.840.10008.5.1.4.1.1.66.7"}
"""Classes that pydicom's dictionary lacks."""


def _began(name: str, number: int = 0) -> Dataset:
    ds = Dataset()
    ds.SOPClassUID = class_uid(name)
    ds.SOPInstanceUID = generate_uid(entropy_srcs=[name, str(number)])
    ds.StudyInstanceUID = generate_uid(entropy_srcs=["study"])
    ds.SeriesInstanceUID = generate_uid(entropy_srcs=[name])
    ds.PatientName, ds.PatientID, ds.Modality = "Nobody^Made", "1", "OT"
    ds.StudyDate, ds.StudyTime, ds.AccessionNumber = "20260101", "101010", ""
    ds.InstanceNumber = number + 1
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds


def _with_pixels(ds: Dataset, frames: int, bits: int, signed: bool) -> Dataset:
    rng = np.random.default_rng(bits + frames)
    ds.Rows, ds.Columns, ds.SamplesPerPixel = ROWS, COLUMNS, 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated = bits
    ds.BitsStored = 12 if bits == 16 else bits
    ds.HighBit, ds.PixelRepresentation = ds.BitsStored - 1, int(signed)
    if frames > 1:
        ds.NumberOfFrames = frames
    top = 1 << (ds.BitsStored - 1 if signed else min(ds.BitsStored, 20))
    smooth = np.add.outer(np.arange(ROWS), np.arange(COLUMNS)) * 7 % top
    noise = rng.integers(0, top // 16, (frames, ROWS, COLUMNS))
    values = (smooth + noise + np.arange(frames)[:, None, None]) % top - (top // 4 if signed else 0)
    data = values.astype(f"<{'i' if signed else 'u'}{bits // 8}").tobytes()
    ds.PixelData = data + b"\0" * (len(data) % 2)
    ds["PixelData"].VR = "OW" if bits > 8 else "OB"
    return ds


def _one_frame_each(name: str) -> list[Dataset]:
    bits, signed = ONE_FRAME[name]
    if name == "CT Image":
        return list(ct_series(PHANTOM))
    found = []
    for number in range(FRAMES):
        ds = _with_pixels(_began(name, number), 1, bits, signed)
        if name in ("MR Image", "Positron Emission Tomography Image"):
            ds.FrameOfReferenceUID = generate_uid(entropy_srcs=["frame of reference"])
            ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
            ds.ImagePositionPatient = [-10, 5, 2.5 * number]
            ds.PixelSpacing, ds.SliceThickness = [0.5, 0.5], 2.5
            ds.RescaleSlope, ds.RescaleIntercept = 0.5 + number, number
        found.append(ds)
    return found


def _several_frames(name: str) -> list[Dataset]:
    ds = _with_pixels(_began(name), FRAMES, *SEVERAL_FRAMES[name])
    if name == "RT Dose":
        ds.DoseGridScaling = 0.001
        ds.FrameIncrementPointer = 0x3004000C
        ds.GridFrameOffsetVector = [0.0, 2.5, 5.0]
    return [ds]


def _slide(folder: Path) -> list[Dataset]:
    path = folder / "slide.dcm"
    size = {"rows": 2 * ROWS, "columns": 2 * COLUMNS, "tile_rows": ROWS, "tile_columns": COLUMNS}
    write_slide(path, Recipe(codec="native", **size))
    return [pydicom.dcmread(path)]


def _segmentation(kind: str, syntax: str) -> list[Dataset]:
    series = list(ct_series(PHANTOM))
    masks = PHANTOM.label_volume() > 0
    if not masks.any():
        masks[:, 5:20, 7:30] = True
    description = highdicom.seg.SegmentDescription(
        segment_number=1,
        segment_label="Organ",
        segmented_property_category=highdicom.sr.CodedConcept("123037004", "SCT", "Structure"),
        segmented_property_type=highdicom.sr.CodedConcept("10200004", "SCT", "Liver"),
        algorithm_type="MANUAL",
    )
    return [
        highdicom.seg.Segmentation(
            source_images=series,
            pixel_array=masks.astype(np.uint8),
            segmentation_type=kind,
            segment_descriptions=[description],
            series_instance_uid=highdicom.UID(),
            series_number=2,
            sop_instance_uid=highdicom.UID(),
            instance_number=1,
            manufacturer="nearline",
            manufacturer_model_name="tests",
            software_versions="1",
            device_serial_number="1",
            transfer_syntax_uid=syntax,
            omit_empty_frames=False,
        )
    ]


def _annotations() -> Dataset:
    rng = np.random.default_rng(1)
    return annotations([group(number, "POLYGON", polygons(rng, 5)) for number in (1, 2, 3)])


def _report(kind: type[Any]) -> Dataset:
    # The first of three groups has a region of one image, which every kind of document allows.
    rng = np.random.default_rng(2)
    found: Dataset = report([planar(rng, 3 * number) for number in range(3)], kind)
    return found


def _document(name: str) -> list[Dataset]:
    ds = _began(name)
    ds.Modality = "SR"
    ds.ValueType, ds.ContinuityOfContent = "CONTAINER", "SEPARATE"
    item = Dataset()
    item.RelationshipType, item.ValueType, item.TextValue = "CONTAINS", "TEXT", "an odd length"
    ds.ContentSequence = [item, item]
    return [ds]


def _data(name: str) -> list[Dataset]:
    """Return an object of any other class: nested sequences, numbers, and a large value."""
    ds = _began(name)
    inner = Dataset()
    inner.ReferencedSOPClassUID, inner.ReferencedSOPInstanceUID = ds.SOPClassUID, "1.2.3"
    outer = Dataset()
    outer.StudyInstanceUID = "1.2.3.4"
    outer.ReferencedSOPSequence = [inner, inner]
    ds.ReferencedSeriesSequence = [outer]
    ds.PixelSpacing, ds.ContentLabel = [0.5, 0.25], "ODD"
    if name == "Encapsulated STL":
        ds.EncapsulatedDocument = bytes(range(256)) * 1201
    block = ds.private_block(0x0099, "nearline tests", create=True)
    block.add_new(0x01, "OB", bytes(range(250)) * 1200)
    return [ds]


def _datasets(name: str, syntax: str, folder: Path) -> list[Dataset]:
    special: dict[str, Callable[[], list[Any]]] = {
        "VL Whole Slide Microscopy Image": lambda: _slide(folder),
        "Segmentation": lambda: _segmentation("BINARY", ExplicitVRLittleEndian),
        "Label Map Segmentation": lambda: _segmentation("LABELMAP", ExplicitVRLittleEndian),
        "Parametric Map": lambda: [parametric_map(PHANTOM)],
        "Microscopy Bulk Simple Annotations": lambda: [_annotations()],
        "Comprehensive 3D SR": lambda: [_report(highdicom.sr.Comprehensive3DSR)],
        "Comprehensive SR": lambda: [_report(highdicom.sr.ComprehensiveSR)],
        "Enhanced SR": lambda: [_report(highdicom.sr.EnhancedSR)],
    }
    if name == "Segmentation" and syntax == "JPEG-LS Lossless":
        return _segmentation("FRACTIONAL", ExplicitVRLittleEndian)
    if name in special:
        return special[name]()
    if name in ONE_FRAME:
        return _one_frame_each(name)
    if name in SEVERAL_FRAMES:
        return _several_frames(name)
    return _document(name) if name.endswith(" SR") or "Document" in name else _data(name)


_DCMTK = {
    "Explicit VR Little Endian": ("dcmconv", "+te"),
    "Implicit VR Little Endian": ("dcmconv", "+ti"),
    "Explicit VR Big Endian": ("dcmconv", "+tb"),
    "Deflated Explicit VR Little Endian": ("dcmconv", "+td"),
    "JPEG Baseline": ("dcmcjpeg", "+eb"),
    "JPEG Extended": ("dcmcjpeg", "+ee"),
    "JPEG Lossless": ("dcmcjpeg", "+e1"),
    "JPEG-LS Lossless": ("dcmcjpls", "+el"),
}
"""Program and option that write a transfer syntax."""


def made(name: str, syntax: str, folder: Path) -> list[Path]:
    """Write the objects of one SOP class in one transfer syntax, all encoded by others' programs.

    Skips, or fails in CI, where DCMTK is not installed.
    """
    if shutil.which("dcmconv") is None:
        missing("dcmtk")
    paths = []
    for number, ds in enumerate(_datasets(name, syntax, folder)):
        plain, path = folder / f"plain{number}.dcm", folder / f"{number}.dcm"
        if syntax.startswith("JPEG 2000"):
            uid = UID(
                "1.2.840.10008.1.2.4.90" if "Lossless" in syntax else "1.2.840.10008.1.2.4.91"
            )
            ds.compress(uid, **({} if uid.endswith("90") else {"j2k_cr": [4]}))
            ds.save_as(path, enforce_file_format=True)
        else:
            ds.save_as(plain, enforce_file_format=True)
            command = [*_DCMTK[syntax], str(plain), str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
        paths.append(path)
    return paths
