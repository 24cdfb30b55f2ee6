"""The instances of a concatenation are one image again."""

import pickle
import random
from copy import deepcopy
from itertools import pairwise

import numpy as np
import pydicom
import pytest

import nearline as nl
from oracles.pixels import assert_same

CUTS = [0, 5, 6, 12]


@pytest.fixture(scope="module", params=["TILED_FULL", "TILED_SPARSE"])
def whole(request, make):
    return make(codec="native", organisation=request.param, icc_size=3000).path


@pytest.fixture(scope="module")
def parts(whole, tmp_path_factory):
    """Cut a slide of 12 frames into three instances, as PS3.3 C.7.6.16.1.1 says."""
    folder = tmp_path_factory.mktemp("parts")
    dataset = pydicom.dcmread(whole)
    size = len(dataset.PixelData) // 12
    paths = []
    for number, (first, stop) in enumerate(pairwise(CUTS), 1):
        part = deepcopy(dataset)
        part.NumberOfFrames = stop - first
        part.PixelData = dataset.PixelData[first * size : stop * size]
        if "PerFrameFunctionalGroupsSequence" in part:
            groups = dataset.PerFrameFunctionalGroupsSequence[first:stop]
            part.PerFrameFunctionalGroupsSequence = list(groups)
        part.ConcatenationUID = "1.2.3.4"
        part.SOPInstanceUIDOfConcatenationSource = dataset.SOPInstanceUID
        part.SOPInstanceUID = f"1.2.3.{number}"
        part.file_meta.MediaStorageSOPInstanceUID = part.SOPInstanceUID
        part.InConcatenationNumber = number
        part.InConcatenationTotalNumber = 3
        part.ConcatenationFrameOffsetNumber = first
        paths.append(folder / f"{number}.dcm")
        part.save_as(paths[-1])
    return paths


def test_pixels_frames_and_header_are_those_of_the_whole(whole, parts):
    expected = nl.imread(whole)
    shuffled = random.Random(3).sample(parts, 3)
    for image in (nl.imread(shuffled), pickle.loads(pickle.dumps(nl.imread(tuple(parts))))):
        assert image.number_of_frames == 12
        assert_same(image.pixel_array, expected.pixel_array)
        assert_same(
            image.get_total_pixel_matrix(3, 65, 2, 88),
            expected.get_total_pixel_matrix(3, 65, 2, 88),
        )
        assert_same(image.get_frames([12, 1, 6, 7]), expected.get_frames([12, 1, 6, 7]))
        assert image.get_raw_frame(7) == expected.get_raw_frame(7)
        assert image.NumberOfFrames == 12
        assert image.SOPInstanceUID == expected.SOPInstanceUID
        assert "ConcatenationUID" not in image
        assert len(image.get("PerFrameFunctionalGroupsSequence", [])) == len(
            expected.get("PerFrameFunctionalGroupsSequence", [])
        )


def test_a_part_alone_is_the_frames_that_it_holds(whole, parts):
    expected = nl.imread(whole)
    image = nl.imread(parts[1])
    assert_same(image.get_stored_frames(), expected.get_stored_frames([6]))
    with pytest.raises(nl.MissingFrames):
        image.get_total_pixel_matrix()


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ([0, 2], "frames 6 to 6"),
        ([1, 2], "frames 1 to 5"),
        ([0, 1], "3 instances, and 2 were named"),
    ],
)
def test_a_missing_part_is_named(parts, chosen, message):
    with pytest.raises(nl.MissingFrames, match=message):
        nl.imread([parts[i] for i in chosen])


def test_what_does_not_belong_together_is_refused(whole, parts, make):
    with pytest.raises(nl.InvalidDicom, match="each instance once"):
        nl.imread([*parts, parts[0]])
    with pytest.raises(nl.InvalidDicom, match="not part of a concatenation"):
        nl.imread([*parts, make(codec="rle").path])
    with pytest.raises(nl.InvalidDicom, match="empty list"):
        nl.imread([])
    assert np.array_equal(nl.imread([whole]).pixel_array, nl.imread(whole).pixel_array)


def test_parts_of_two_concatenations_are_not_joined(parts, tmp_path):
    other = pydicom.dcmread(parts[2])
    other.ConcatenationUID = "1.2.3.5"
    other.save_as(tmp_path / "other.dcm")
    with pytest.raises(nl.InvalidDicom, match="not instances of one concatenation"):
        nl.imread([parts[0], parts[1], tmp_path / "other.dcm"])
