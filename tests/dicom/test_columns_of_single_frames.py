"""An object of one frame has the columns that functional groups would give it."""

import numpy as np
import pydicom
import pytest

from dicom.memory_reader import MemoryReader
from dicom.written import image, native
from nearline.dicom.frame_index import FrameIndex, build
from nearline.dicom.header_reading import read_header
from oracles.samples import samples

KEYWORDS = (
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SpacingBetweenSlices",
    "SliceThickness",
    "RescaleIntercept",
    "RescaleSlope",
)


def classic_images():
    for path in samples():
        try:
            dataset = pydicom.dcmread(path, stop_before_pixels=True)
            frames = int(dataset.get("NumberOfFrames") or 1)
        except Exception:  # noqa: BLE001 - some are broken on purpose
            continue
        groups = {"SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"}
        if "Rows" in dataset and frames == 1 and not any(name in dataset for name in groups):
            yield path, dataset


def test_samples_say_what_pydicom_reads():
    compared = 0
    for path, dataset in classic_images():
        reader = MemoryReader(path.read_bytes())
        try:
            index = build(reader, read_header(reader))
        except ValueError:
            continue
        for keyword in KEYWORDS:
            value = dataset.get(keyword)
            column = index.columns.get(keyword)
            if value is None or value == "":
                assert column is None
                continue
            expected = np.atleast_1d(np.asarray(value, float))
            assert column is not None, (path, keyword)
            assert len(column) == 1
            np.testing.assert_array_equal(np.ravel(column), expected)
            compared += 1
        assert index.facts.get("SeriesInstanceUID", "") == str(dataset.get("SeriesInstanceUID", ""))
    assert compared > 50


@pytest.mark.parametrize("syntax", ["explicit", "implicit", "big endian"])
def test_columns_are_kept_with_the_index(syntax):
    dataset = image(bits=16)
    dataset.ImagePositionPatient = [1, -2.5, 3]
    dataset.PixelSpacing = [0.5, 0.25]
    dataset.RescaleSlope = 2
    # Of six cosines, five: not what the attribute means.
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1]
    reader = MemoryReader(native(dataset, bytes(48), syntax))
    found = FrameIndex.from_bytes(build(reader, read_header(reader)).to_bytes()).columns
    np.testing.assert_array_equal(found["ImagePositionPatient"], [[1, -2.5, 3]])
    np.testing.assert_array_equal(found["PixelSpacing"], [[0.5, 0.25]])
    np.testing.assert_array_equal(found["RescaleSlope"], [2])
    assert set(found) == {"ImagePositionPatient", "PixelSpacing", "RescaleSlope"}


def test_frames_of_several_have_no_columns_of_the_header():
    dataset = image(2, bits=16)
    dataset.ImagePositionPatient = [1, 2, 3]
    reader = MemoryReader(native(dataset, bytes(96)))
    assert not set(build(reader, read_header(reader)).columns)
