"""`to_highdicom` gives highdicom's own objects, over bytes that are fetched once."""

from __future__ import annotations

import copy
import gc
import pickle

import highdicom
import numpy as np
import pydicom
import pytest

import nearline as nl
from made.annotations import annotations, encoded, group, points
from made.maps import parametric_map
from made.phantom import Phantom
from made.segmentation import write_segmentation
from oracles.samples import sample
from slides import Recipe, write_slide


@pytest.fixture(scope="module")
def slide(tmp_path_factory):
    recipe = Recipe(rows=1000, columns=900, tile_rows=128, tile_columns=128, icc_size=3000)
    return write_slide(tmp_path_factory.mktemp("slide") / "slide.dcm", recipe)


def put(web, name, content):
    web.put(name, content)
    return web.url(name)


def test_an_image_reads_its_frames_lazily(web, slide):
    image = nl.imread(put(web, "/slide.dcm", slide.path))
    web.clear_log()
    theirs = image.to_highdicom()
    assert type(theirs) is highdicom.Image
    # Of what follows, the header was read before, and few of the frames are asked for.
    assert web.sent < slide.path.stat().st_size / 2
    expected = highdicom.imread(slide.path).get_total_pixel_matrix(300, 700, 100, 500)
    np.testing.assert_array_equal(theirs.get_total_pixel_matrix(300, 700, 100, 500), expected)


def test_what_one_has_read_the_other_does_not_fetch(web, slide):
    image = nl.imread(put(web, "/slide.dcm", slide.path))
    assert image.get_total_pixel_matrix().shape
    web.clear_log()
    image.to_highdicom().get_total_pixel_matrix()
    assert not web.requests


def test_the_image_outlives_highdicoms_object(web, slide):
    image = nl.imread(put(web, "/slide.dcm", slide.path))
    theirs = image.to_highdicom()
    theirs.get_frame(60)
    del theirs
    gc.collect()
    assert image.get_frame(3).shape == (128, 128, 3)
    revived = pickle.loads(pickle.dumps(image)).to_highdicom()
    np.testing.assert_array_equal(
        revived.get_frame(5), copy.copy(image).to_highdicom().get_frame(5)
    )


def test_a_segmentation(web, tmp_path):
    made = write_segmentation(tmp_path / "seg.dcm", Phantom(16, 48, 40))
    segmentation = nl.segread(put(web, "/seg.dcm", made.path))
    theirs = segmentation.to_highdicom()
    assert type(theirs) is highdicom.seg.Segmentation
    expected = highdicom.seg.segread(made.path).get_volume(segment_numbers=[1])
    np.testing.assert_array_equal(theirs.get_volume(segment_numbers=[1]).array, expected.array)
    assert type(nl.imread(web.url("/seg.dcm")).to_highdicom()) is highdicom.Image


def test_a_parametric_map(web, tmp_path):
    path = tmp_path / "map.dcm"
    # highdicom fails on floating point frames that it reads lazily.
    phantom = Phantom(8, 32, 24)
    shape = phantom.slices, phantom.rows, phantom.columns
    values = np.random.default_rng(2).integers(0, 9000, shape).astype(np.uint16)
    parametric_map(phantom, values).save_as(path)
    theirs = nl.pmread(put(web, "/map.dcm", path)).to_highdicom()
    assert type(theirs) is highdicom.pm.ParametricMap
    expected = highdicom.pm.sop.pmread(path).get_frame(2)
    np.testing.assert_array_equal(theirs.get_frame(2), expected)


def test_annotations(web):
    places = np.random.default_rng(1).uniform(1, 100, (50, 2)).astype(np.float32)
    content = encoded(annotations([group(1, "POINT", points(places))]))
    theirs = nl.annread(put(web, "/ann.dcm", content)).to_highdicom()
    assert type(theirs) is highdicom.ann.MicroscopyBulkSimpleAnnotations
    found = theirs.get_annotation_group(number=1).get_graphic_data("2D")
    np.testing.assert_array_equal(np.concatenate(found), places)


def test_an_object_deflated_as_a_whole(web):
    path = sample("image_dfl.dcm")
    theirs = nl.imread(put(web, "/deflated.dcm", path)).to_highdicom()
    expected = pydicom.dcmread(path).pixel_array
    np.testing.assert_array_equal(theirs.get_stored_frame(1), expected)


def test_what_highdicom_cannot_read_is_said_so(web):
    path = sample("ExplVR_BigEnd.dcm")
    image = nl.imread(put(web, "/big.dcm", path))
    with pytest.raises(nl.NearlineError, match=r"big\.dcm cannot be read by highdicom"):
        image.to_highdicom()
