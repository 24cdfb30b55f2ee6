"""Whether nearline reads a file as a second reader does."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

import nearline as nl

__all__ = ["assert_read"]

LOSSY = {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.91"}
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
NOT_HIGHDICOM = {"1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"}
"""Syntaxes that highdicom does not read; pydicom is asked instead."""

SERIES = {"CT Image", "MR Image", "Positron Emission Tomography Image"}
REPORTS = {"Enhanced SR", "Comprehensive SR", "Comprehensive 3D SR"}


def assert_read(name: str, paths: Sequence[Path]) -> None:
    """Compare what we and another reader make of the objects of one SOP class."""
    for path in paths:
        theirs = pydicom.dcmread(path)
        assert _elements(nl.dcmread(path)) == _elements(theirs)
        if any(keyword in theirs for keyword in ("PixelData", "FloatPixelData")):
            _assert_pixels(path, theirs)
    if name == "Microscopy Bulk Simple Annotations":
        _assert_annotations(paths[0])
    elif name in REPORTS:
        _assert_report(paths[0])
    elif name in SERIES and len(paths) > 1:
        _assert_series(paths)
    elif name in ("Segmentation", "Label Map Segmentation"):
        _assert_segmentation(paths[0])
    elif name == "Parametric Map":
        ours, theirs = nl.pmread(paths[0]), highdicom.imread(paths[0])
        assert_array_equal(ours.get_frames(), theirs.get_frames())


def _elements(dataset: Any) -> dict[str, Any]:
    found: dict[str, Any] = dataset.to_json_dict()
    found.pop("FFFCFFFC", None)  # padding behind everything, without a meaning (PS3.10 7.2)
    return found


def _expected(path: Path, theirs: Any) -> tuple[NDArray[Any], bool]:
    """Return all frames as another reader decodes them, and whether every bit must be the same."""
    syntax = theirs.file_meta.TransferSyntaxUID
    if syntax == JPEG_EXTENDED:
        plain = path.with_suffix(".plain")
        subprocess.run(["dcmdjpeg", str(path), str(plain)], check=True)
        values = pydicom.dcmread(plain).pixel_array
    else:
        try:
            return highdicom.imread(path).get_stored_frames(), True
        except (ValueError, AttributeError):  # what highdicom lacks or cannot read
            values = theirs.pixel_array
    return values if theirs.get("NumberOfFrames", 1) > 1 else values[np.newaxis], False


def _assert_pixels(path: Path, theirs: Any) -> None:
    expected, exactly = _expected(path, theirs)
    ours = nl.imread(path)
    found = ours.get_stored_frames()
    assert found.shape == expected.shape
    lossy = theirs.file_meta.TransferSyntaxUID in LOSSY
    distance = np.abs(found.astype(np.float64) - expected).max(initial=0)
    assert distance <= (1 if lossy else 0)
    if exactly:
        same = nl.imread(path, decoder="pydicom").get_stored_frames()
        assert same.dtype == expected.dtype
        assert_array_equal(same, expected)


def _assert_report(path: Path) -> None:
    try:
        theirs = highdicom.sr.srread(path)
    except AttributeError:
        # Not a document that highdicom accepts: ours says so, and `dcmread` has read it.
        with pytest.raises(nl.InvalidDicom, match="highdicom cannot read it"):
            nl.srread(path)
    else:
        ours = nl.srread(path)
        assert isinstance(ours, type(theirs))
        assert ours.to_json_dict() == theirs.to_json_dict()


def _assert_annotations(path: Path) -> None:
    ours, theirs = nl.annread(path), highdicom.ann.annread(path)
    kind = theirs.annotation_coordinate_type
    for mine, other in zip(
        ours.get_annotation_groups(), theirs.get_annotation_groups(), strict=True
    ):
        assert mine.label == other.label
        for one, two in zip(mine.get_graphic_data(kind), other.get_graphic_data(kind), strict=True):
            assert_array_equal(one, two)


def _assert_series(paths: Sequence[Path]) -> None:
    ours = nl.open_series([str(path) for path in paths]).get_volume()
    datasets = [pydicom.dcmread(path) for path in paths]
    if datasets[0].file_meta.TransferSyntaxUID == JPEG_EXTENDED:
        return  # without highdicom[libjpeg] nobody else makes a volume of these
    theirs = highdicom.get_volume_from_series(datasets)
    assert_array_equal(ours.array, theirs.array)
    assert_array_equal(ours.affine, theirs.affine)


def _assert_segmentation(path: Path) -> None:
    ours = nl.segread(path)
    if ours.file_meta.TransferSyntaxUID in NOT_HIGHDICOM:
        # highdicom reads such a file from a Dataset that pydicom has inflated.
        theirs = highdicom.seg.Segmentation.from_dataset(pydicom.dcmread(path))
    else:
        theirs = highdicom.seg.segread(path)
    assert ours.segment_numbers == theirs.segment_numbers
    if theirs.is_tiled:
        one, two = ours.get_total_pixel_matrix(), theirs.get_total_pixel_matrix()
    elif theirs.get_volume_geometry() is None:
        return
    else:
        one, two = ours.get_volume().array, theirs.get_volume().array
    assert_array_equal(one, two)
