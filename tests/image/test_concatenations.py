"""The instances of a concatenation are one image again."""

import pickle
import random
from copy import deepcopy
from itertools import pairwise

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

import nearline as nl
from nearline.image.opened import open_image
from nearline.image.side_by_side import side_by_side
from nearline.opening import open_reader
from nearline.testing import RangeServer, faults
from oracles.pixels import assert_same

CUTS = [0, 5, 6, 12]


@pytest.fixture(scope="module", params=["TILED_FULL", "TILED_SPARSE"])
def whole(request, make):
    return make(codec="native", organisation=request.param, icc_size=3000).path


@pytest.fixture(scope="module")
def parts(whole, tmp_path_factory):
    return cut(pydicom.dcmread(whole), CUTS, tmp_path_factory.mktemp("parts"))


def cut(dataset, cuts, folder):
    """Cut a native slide into instances, as PS3.3 C.7.6.16.1.1 says."""
    size = len(dataset.PixelData) // cuts[-1]
    paths = []
    for number, (first, stop) in enumerate(pairwise(cuts), 1):
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
        part.InConcatenationTotalNumber = len(cuts) - 1
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


@pytest.fixture(scope="module")
def large(make, tmp_path_factory):
    """A slide of 16 frames of 192 KiB, and its four parts, which no first read brings whole."""
    size = {"rows": 1024, "columns": 1024, "tile_rows": 256, "tile_columns": 256}
    path = make(codec="native", **size).path
    folder = tmp_path_factory.mktemp("large")
    return path, cut(pydicom.dcmread(path), [0, 4, 8, 12, 16], folder)


@pytest.mark.parametrize("cache", ["memory", "off"])
def test_parts_are_opened_and_read_side_by_side(large, cache):
    path, parts = large
    expected = nl.imread(path).get_total_pixel_matrix(dtype=np.uint8)
    with (
        RangeServer({f"/{one.name}": one for one in parts}) as server,
        nl.settings(cache=cache),
    ):
        server.misbehave(None, faults.stall(0.3))
        urls = [server.url(f"/{one.name}") for one in parts]
        nl.imread(urls[0])
        alone = len(server.chain())
        server.clear_log()
        with nl.settings(cache="off"):
            nl.imread(urls)
        assert len(server.chain()) == alone
        image = nl.imread(urls)
        server.clear_log()
        found = image.get_total_pixel_matrix(dtype=np.uint8)
        assert len(server.chain()) == 1
        assert {request.path for request in server.requests} == {f"/{p.name}" for p in parts}
    assert_same(found, expected)


def test_what_is_begun_ahead_is_bounded_and_all_is_read(large):
    path, parts = large
    with (
        RangeServer({f"/{one.name}": one for one in parts}) as server,
        nl.settings(cache="off", max_bytes_in_flight=300_000),
    ):
        image = nl.imread([server.url(f"/{one.name}") for one in parts])
        found = image.get_total_pixel_matrix(dtype=np.uint8)
    assert_same(found, nl.imread(path).get_total_pixel_matrix(dtype=np.uint8))


def test_a_part_that_is_not_there_is_named_while_others_are_slow(large):
    _, parts = large
    with RangeServer({f"/{one.name}": one for one in parts[1:]}) as server:
        server.misbehave(f"/{parts[1].name}", faults.stall())
        with pytest.raises(nl.NotFound, match=parts[0].name):
            nl.imread([server.url(f"/{one.name}") for one in parts])


def test_references_to_source_images_are_joined(tmp_path):
    dataset = pydicom.dcmread(get_testdata_file("liver.dcm"))
    whole = tmp_path / "whole.dcm"
    count = int(dataset.NumberOfFrames)
    dataset.save_as(whole)
    pixels = dataset.Rows * dataset.Columns // 8
    assert dataset.Rows * dataset.Columns % 8 == 0
    assert len(dataset.PixelData) == count * pixels
    paths = cut(dataset, [0, 1, count], tmp_path)
    expected = open_image(open_reader(whole), "default")[0].columns.references
    found = nl.imread(paths)._opened.columns.references
    assert len(expected.frame_index) >= count
    for name in ("frame_index", "sop_instance_uid", "frame_number", "spatial_locations_preserved"):
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name
    assert nl.imread(paths).get_source_image_uids() == nl.imread(whole).get_source_image_uids()


def test_results_keep_their_order_and_the_first_exception_is_raised():
    assert side_by_side(lambda n: n * n, range(50)) == [n * n for n in range(50)]
    assert side_by_side(str, []) == []
    with pytest.raises(ZeroDivisionError):
        side_by_side(lambda n: 1 // n, [3, 0, 5])
