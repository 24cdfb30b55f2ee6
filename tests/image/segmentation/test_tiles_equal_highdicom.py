"""Tiled segmentations, full and sparse, equal highdicom's reading of them."""

from io import BytesIO

import highdicom
from hypothesis import given
from hypothesis import strategies as st

import nearline as nl
from image.segmentation.equal import assert_equal
from image.segmentation.options import MANY, SOME, crops, leaves_one_label, segment_options
from image.segmentation.tiled import COLUMNS, ROWS, tiled, tiled_recipes


def drawn(data):
    recipe, full = data.draw(tiled_recipes()), data.draw(st.booleans())
    return recipe, tiled(recipe, full=full)


@MANY
@given(st.data())
def test_regions_and_volumes(data):
    recipe, content = drawn(data)
    for method in ("get_total_pixel_matrix", "get_total_pixel_matrix", "get_volume"):
        options = data.draw(segment_options(recipe))
        if leaves_one_label(recipe, options):
            continue
        crop = data.draw(crops({"row": ROWS, "column": COLUMNS}))
        if any(crop.get(f"{one}_start", 1) == crop.get(f"{one}_end") for one in ("row", "column")):
            continue
        if data.draw(st.booleans()):
            crop = {name: value - (value > 0) for name, value in crop.items()}
            options["as_indices"] = True
        assert_equal(content, method, **options, **crop)


@SOME
@given(st.data())
def test_frames_by_source_and_dimension(data):
    recipe, content = drawn(data)
    options = data.draw(segment_options(recipe, mistakes=False))
    if leaves_one_label(recipe, options):
        options = {}
    segmentation = nl.segread(content)
    uid = str(segmentation.get_source_image_uids()[0][2])
    for ignore in (False, True):
        assert_equal(
            content,
            "get_pixels_by_source_frame",
            uid,
            [2, 1],
            ignore_spatial_locations=ignore,
            assert_missing_frames_are_empty=True,
            **options,
        )
    pointers = segmentation.get_default_dimension_index_pointers()
    for some in (pointers, pointers[:2]):
        values = [[1] * len(some), [1, 2, 2, 1, 1][: len(some)], [2, 1, 1, 2, 1][: len(some)]]
        assert_equal(
            content,
            "get_pixels_by_dimension_index_values",
            values,
            some,
            assert_missing_frames_are_empty=True,
            **options,
        )


@SOME
@given(st.data())
def test_what_it_says_of_itself(data):
    _, content = drawn(data)
    theirs, ours = highdicom.seg.segread(BytesIO(content)), nl.segread(content)
    pointers = theirs.dimension_index_pointers
    assert ours.dimension_index_pointers == pointers
    for some in filter(None, (pointers, pointers[:1], pointers[:2], pointers[-2:])):
        assert ours.are_dimension_indices_unique(some) == theirs.are_dimension_indices_unique(some)
    assert ours.is_tiled
    assert ours.is_indexable_as_total_pixel_matrix()
    expected, geometry = theirs.get_volume_geometry(), ours.get_volume_geometry()
    assert (geometry.affine == expected.affine).all()
    assert geometry.spatial_shape == expected.spatial_shape
