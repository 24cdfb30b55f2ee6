"""Frames by source image and by dimension index, with every option, equal highdicom's."""

from io import BytesIO

import highdicom
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nearline as nl
from image.segmentation.drawn import Recipe, recipes, written
from image.segmentation.equal import assert_equal
from image.segmentation.options import SOME, leaves_one_label, segment_options
from made.files import as_bytes


def draw_options(data, recipe):
    options = data.draw(segment_options(recipe, mistakes=False))
    return {} if leaves_one_label(recipe, options) else options


@SOME
@given(st.data())
def test_source_instances(data):
    recipe = data.draw(recipes())
    content = written(recipe)
    uids = [str(uid) for *_, uid in nl.segread(content).get_source_image_uids()]
    for _ in range(4):
        options = draw_options(data, recipe)
        asked = data.draw(st.lists(st.sampled_from([*uids, "1.2.3"]), max_size=6))
        for name in ("ignore_spatial_locations", "assert_missing_frames_are_empty"):
            if data.draw(st.booleans()):
                options[name] = data.draw(st.booleans())
        assert_equal(content, "get_pixels_by_source_instance", asked, **options)


@SOME
@given(st.data())
def test_source_frames(data):
    recipe = data.draw(recipes())
    content = written(recipe)
    uids = [str(uid) for *_, uid in nl.segread(content).get_source_image_uids()]
    for _ in range(4):
        options = draw_options(data, recipe)
        uid = data.draw(st.sampled_from([*uids[:1], *uids[:1], "1.2.3"]))
        if data.draw(st.booleans()):
            most = recipe.shape[0]
            asked = data.draw(st.lists(st.integers(1, most + 1), max_size=6))
            options["source_frame_numbers"] = [*asked, 0] if most == 4 else asked
        for name in ("ignore_spatial_locations", "assert_missing_frames_are_empty"):
            if data.draw(st.booleans()):
                options[name] = data.draw(st.booleans())
        if "source_frame_numbers" not in options and not recipe.multi_frame and uid != "1.2.3":
            continue  # highdicom: TypeError from inside
        if options.get("assert_missing_frames_are_empty") and "source_frame_numbers" not in options:
            continue  # the same, where the source is unknown
        assert_equal(content, "get_pixels_by_source_frame", uid, **options)


@SOME
@given(st.data())
def test_dimension_indices(data):
    recipe = data.draw(recipes())
    content = written(recipe)
    pointers = nl.segread(content).get_default_dimension_index_pointers()
    for _ in range(4):
        options = draw_options(data, recipe)
        if data.draw(st.booleans()):
            options["assert_missing_frames_are_empty"] = data.draw(st.booleans())
        if data.draw(st.booleans()):
            options["dimension_index_pointers"] = data.draw(
                st.sampled_from(
                    [pointers, pointers[:1], [0x00200032], [0x0062000B], [], [0x00100010]]
                )
            )
        row = st.lists(st.integers(1, recipe.shape[0] + 1), min_size=1, max_size=2)
        same = st.integers(1, recipe.shape[0]).map(lambda one: [one] * len(pointers))
        asked = data.draw(st.lists(st.one_of(same, same, row), max_size=5))
        assert_equal(content, "get_pixels_by_dimension_index_values", asked, **options)


@SOME
@given(recipes())
def test_pointers_and_whether_they_are_unique(recipe):
    content = written(recipe)
    theirs, ours = highdicom.seg.segread(BytesIO(content)), nl.segread(content)
    assert ours.dimension_index_pointers == theirs.dimension_index_pointers
    pointers = theirs.get_default_dimension_index_pointers()
    assert ours.get_default_dimension_index_pointers() == pointers
    for some in (pointers, pointers[:1], theirs.dimension_index_pointers):
        expected = theirs.are_dimension_indices_unique(some)
        assert ours.are_dimension_indices_unique(some) == expected


def with_references(change):
    """A segmentation whose references to source images were changed in every frame."""
    recipe = Recipe(
        kind="BINARY",
        numbers=(1, 2),
        shape=(3, 8, 8),
        seed=1,
        overlapping=True,
        partial=False,
        syntax="1.2.840.10008.1.2.1",
        orientation=(1, 0, 0, 0, 1, 0),
        spacing=(1.0, 1.0, 1.0),
        backwards=False,
        omit_empty=False,
        largest=255,
        multi_frame=False,
    )
    ds = pydicom.dcmread(BytesIO(written(recipe)))
    for group in ds.PerFrameFunctionalGroupsSequence:
        change(group)
    return as_bytes(ds)


def preserve(value):
    def change(group):
        image = group.DerivationImageSequence[0].SourceImageSequence[0]
        if value is None:
            del image.SpatialLocationsPreserved
        else:
            image.SpatialLocationsPreserved = value

    return change


@pytest.mark.parametrize("value", ["NO", "REORIENTED_ONLY", None])
@pytest.mark.parametrize("ignore", [False, True])
def test_sources_whose_pixels_did_not_keep_their_places(value, ignore):
    content = with_references(preserve(value))
    uids = [str(uid) for *_, uid in nl.segread(content).get_source_image_uids()]
    found = assert_equal(
        content, "get_pixels_by_source_instance", uids, ignore_spatial_locations=ignore
    )
    assert (found is not None) == ignore


def test_a_segmentation_that_does_not_name_its_sources():
    content = with_references(lambda group: group.pop("DerivationImageSequence"))
    assert_equal(content, "get_pixels_by_source_instance", ["1.2.3"])
    with pytest.raises(nl.NoSourceReferences, match="Source Image Sequence"):
        nl.segread(content).get_pixels_by_source_instance(["1.2.3"])
