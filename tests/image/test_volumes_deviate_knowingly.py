"""Volumes and frames by source where highdicom cannot be the measure."""

from __future__ import annotations

from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian

import nearline as nl
from image.multi_frames import derive, multi_frame, put, write
from oracles.pixels import assert_same

ORDER = np.array([2, 0, 4, 1, 3])
POSITIONS = [(0.0, 0.0, float(z)) for z in ORDER]
SORTED = np.argsort(-ORDER)
"""Axial slices go downwards in a right-handed volume."""


def frames_of(ds: Any) -> Any:
    return np.frombuffer(ds.PixelData, np.int16).reshape(-1, ds.Rows, ds.Columns)[SORTED]


@pytest.mark.parametrize("uid", [ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_other_encodings_of_native_pixels(tmp_path: Path, uid: Any) -> None:
    ds = multi_frame(POSITIONS)
    expected = frames_of(ds)
    path = write(tmp_path / "mr.dcm", ds)
    ds = pydicom.dcmread(path)
    ds.file_meta.TransferSyntaxUID = uid
    if uid == ExplicitVRBigEndian:
        ds.PixelData = np.frombuffer(ds.PixelData, "<i2").astype(">i2").tobytes()
        ds["PixelData"].VR = "OW"
        ds = pydicom.Dataset(ds)
        ds.file_meta = pydicom.dcmread(path).file_meta
        ds.file_meta.TransferSyntaxUID = uid
    pydicom.dcmwrite(tmp_path / "other.dcm", ds, enforce_file_format=True)
    volume = nl.imread(tmp_path / "other.dcm").get_volume(dtype=np.int16, row_start=2)
    assert_same(volume.array, expected[:, 1:])


def test_a_concatenation_is_one_volume(tmp_path: Path) -> None:
    ds = multi_frame(POSITIONS)
    whole = nl.imread(write(tmp_path / "whole.dcm", ds)).get_volume()
    paths = []
    size = len(ds.PixelData) // len(ORDER)
    for number, (first, stop) in enumerate(pairwise([0, 2, 5]), 1):
        part = deepcopy(ds)
        part.NumberOfFrames = stop - first
        part.PixelData = ds.PixelData[first * size : stop * size]
        part.PerFrameFunctionalGroupsSequence = ds.PerFrameFunctionalGroupsSequence[first:stop]
        part.ConcatenationUID, part.SOPInstanceUID = "1.2.3.4", f"1.2.3.{number}"
        part.SOPInstanceUIDOfConcatenationSource = ds.SOPInstanceUID
        part.InConcatenationNumber, part.InConcatenationTotalNumber = number, 2
        part.ConcatenationFrameOffsetNumber = first
        paths.append(write(tmp_path / f"{number}.dcm", part))
    joined = nl.imread(paths).get_volume()
    assert_same(joined.array, whole.array)
    np.testing.assert_array_equal(joined.affine, whole.affine)


def test_a_real_world_map_is_asked_of_the_pixels_shown(tmp_path: Path) -> None:
    ds = multi_frame(POSITIONS, dtype=np.uint8)
    pixels = np.full((5, 6, 7), 10, np.uint8)
    pixels[:, 0] = 200
    ds.PixelData = pixels.tobytes()
    put(
        ds.SharedFunctionalGroupsSequence[0],
        "RealWorldValueMappingSequence",
        RealWorldValueSlope=2.0,
        RealWorldValueIntercept=1.0,
        RealWorldValueFirstValueMapped=0,
        RealWorldValueLastValueMapped=100,
    )
    image = nl.imread(write(tmp_path / "adc.dcm", ds))
    with pytest.raises(nl.InvalidTransform, match="from 0"):
        image.get_volume()
    assert (image.get_volume(row_start=2).array == 21).all()


def test_sources_count_that_only_frames_mention(tmp_path: Path) -> None:
    ds = multi_frame(POSITIONS)
    derive(ds, [[(f"1.2.{number}", None)] for number in range(5)])
    del ds.ReferencedSeriesSequence
    image = nl.imread(write(tmp_path / "derived.dcm", ds))
    found = image.get_pixels_by_source_instance(["1.2.3", "1.2.1"], dtype=np.int16)
    assert_same(found, image.get_stored_frames([4, 2]))


def test_places_matter_of_the_frames_asked_for_only(tmp_path: Path) -> None:
    ds = multi_frame(POSITIONS)
    derive(ds, [[("1.2.3", number)] for number in range(1, 6)])
    moved = ds.PerFrameFunctionalGroupsSequence[4].DerivationImageSequence[0]
    moved.SourceImageSequence[0].SpatialLocationsPreserved = "NO"
    image = nl.imread(write(tmp_path / "derived.dcm", ds))
    found = image.get_pixels_by_source_frame("1.2.3", [2, 1], dtype=np.int16)
    assert_same(found, image.get_stored_frames([2, 1]))
    with pytest.raises(nl.NoSourceReferences, match="frame 5"):
        image.get_pixels_by_source_frame("1.2.3", [1, 5])


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"slice_start": 6}, "slice_start=6 lies outside the 5 slices"),
        ({"slice_start": -6}, "slice_start=-6 lies outside"),
        ({"slice_start": 3, "slice_end": 3}, "leave no slice"),
        ({"row_start": 2, "row_end": 2}, "leave nothing of"),
        ({"row_start": -7}, "row_start=-7 lies outside"),
    ],
)
def test_what_lies_outside_is_refused(tmp_path: Path, asked: Any, says: str) -> None:
    image = nl.imread(write(tmp_path / "mr.dcm", multi_frame(POSITIONS)))
    with pytest.raises(nl.OutsideMatrix, match=says):
        image.get_volume(**asked)


@pytest.mark.parametrize(
    ("heights", "asked", "error", "says"),
    [
        ([0, 1, 3], {}, nl.NoVolume, "between 1 and 2 mm apart.*allow_missing_positions=True"),
        ([0, 1, 1], {}, nl.AmbiguousFrames, "frames 2, 3 do"),
        ([0, 1, 2.5], {"allow_missing_positions": True}, nl.NoVolume, "rtol or atol"),
    ],
)
def test_positions_that_make_no_volume_are_explained(
    tmp_path: Path, heights: Any, asked: Any, error: Any, says: str
) -> None:
    path = write(tmp_path / "mr.dcm", multi_frame([(0, 0, z) for z in heights]))
    image = nl.imread(path)
    with pytest.raises(error, match=says) as caught:
        image.get_volume(**asked)
    assert str(path) in str(caught.value)


def test_missing_slices_are_zero_where_they_are_allowed(tmp_path: Path) -> None:
    ds = multi_frame([(0, 0, z) for z in (0, 1, 3)])
    image = nl.imread(write(tmp_path / "mr.dcm", ds))
    volume = image.get_volume(allow_missing_positions=True, dtype=np.int16)
    assert volume.spatial_shape[0] == 4
    assert not volume.array[1].any()
    assert_same(volume.array[[3, 2, 0]], image.get_stored_frames())


def test_an_image_without_a_frame_of_reference_says_so(tmp_path: Path) -> None:
    ds = multi_frame(POSITIONS)
    del ds.FrameOfReferenceUID
    image = nl.imread(write(tmp_path / "mr.dcm", ds))
    assert image.get_volume_geometry() is None
    with pytest.raises(nl.NoVolume, match=r"\(0020,0052\) Frame of Reference UID"):
        image.get_volume()
