"""Regions, frames and their transforms are those of highdicom, for any arguments."""

import highdicom
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nearline as nl
from oracles.pixels import assert_close_jpeg, assert_same
from oracles.readers import region_by_wsidicom

SLIDES = {
    "full": {"codec": "jpeg2000-lossless", "icc_size": 3000},
    "sparse": {"codec": "rle", "organisation": "TILED_SPARSE", "icc_size": 3000, "shuffled": True},
    "holes": {"codec": "rle", "organisation": "TILED_SPARSE", "missing": 0.3},
    "grey": {"codec": "native", "photometric": "MONOCHROME2", "bits": 16},
    "inverted": {"codec": "jpegls", "photometric": "MONOCHROME1"},
}

bounds = st.one_of(st.none(), st.integers(-95, 95), st.integers(1, 60), st.integers(30, 91))
three = st.sampled_from([None, True, False])
transforms = st.fixed_dictionaries(
    {},
    optional={
        "apply_real_world_transform": three,
        "apply_modality_transform": three,
        "apply_voi_transform": three,
        "apply_presentation_lut": st.booleans(),
        "apply_palette_color_lut": three,
        "apply_icc_profile": three,
        "dtype": st.sampled_from([np.uint8, np.uint16, np.int32, np.float32, np.float64]),
    },
)
often = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def pairs(make):
    """Ours and highdicom's image of each slide, by its name."""
    found = {
        name: (
            nl.imread(make(**recipe).path),
            highdicom.imread(make(**recipe).path, lazy_frame_retrieval=True),
        )
        for name, recipe in SLIDES.items()
    }
    return lambda name: found[name]


def fault(read):
    """Return the builtin classes of what `read` raises; none if it raises nothing."""
    try:
        read()
    except Exception as error:  # noqa: BLE001 - whatever highdicom raises
        return {
            one
            for one in type(error).__mro__
            if one.__module__ == "builtins" and one not in (Exception, BaseException, object)
        }
    return set()


def same_or_both_refuse(ours, theirs, *alone):
    """Call both; arrays must be equal, errors must share a builtin base class.

    Where an argument list has several faults, either may be told: `alone` are
    calls of highdicom that have one each.
    """
    kinds = fault(theirs)
    if not kinds:
        assert_same(ours(), theirs())
        return
    for one in alone:
        kinds |= fault(one)
    with pytest.raises(tuple(kinds)):
        ours()


@often
@given(
    name=st.sampled_from(sorted(SLIDES)),
    region=st.tuples(bounds, bounds, bounds, bounds),
    as_indices=st.booleans(),
    keywords=transforms,
)
def test_any_region_with_any_transforms(pairs, name, region, as_indices, keywords):
    ours, theirs = pairs(name)
    rows, columns = 70, 90
    # highdicom forgets to check starts far before the matrix.
    if (region[0] or 0) < -rows or (region[2] or 0) < -columns:
        return
    ends = _ends(region[:2], rows, as_indices), _ends(region[2:], columns, as_indices)
    if any(last < first for first, last in ends):
        # A reversed region of a sparse slide passes highdicom's count of tiles as missing ones.
        with pytest.raises(ValueError, match=r"negative size|lies outside|numbered from 1"):
            ours.get_total_pixel_matrix(*region, as_indices=as_indices)
        return
    if name in ("sparse", "holes") and _is_empty(region, as_indices):
        # Of tiles missing under no pixel at all, highdicom's count depends on where that is.
        assert 0 in ours.get_total_pixel_matrix(*region, as_indices=as_indices).shape
        return
    same_or_both_refuse(
        lambda: ours.get_total_pixel_matrix(*region, as_indices=as_indices, **keywords),
        lambda: theirs.get_total_pixel_matrix(*region, as_indices=as_indices, **keywords),
        lambda: theirs.get_frame(1, **keywords),
        lambda: theirs.get_total_pixel_matrix(*region, as_indices=as_indices),
    )


def _ends(bounds_, length, as_indices):
    """First position and the one behind the last, 0-based, wherever they lie."""

    def position(bound, otherwise):
        if bound is None:
            return otherwise
        return bound + length if bound < 0 else bound - (not as_indices)

    return position(bounds_[0], 0), position(bounds_[1], length)


def _is_empty(region, as_indices):
    axes = [
        (*_ends(region[:2], 70, as_indices), 70),
        (*_ends(region[2:], 90, as_indices), 90),
    ]
    inside = all(0 <= first < n and 0 <= last <= n for first, last, n in axes)
    return inside and any(first == last for first, last, _ in axes)


@often
@given(
    name=st.sampled_from(sorted(SLIDES)),
    numbers=st.none() | st.lists(st.integers(-1, 14), min_size=1, max_size=4),
    as_indices=st.booleans(),
    keywords=transforms,
)
def test_any_frames_with_any_transforms(pairs, name, numbers, as_indices, keywords):
    ours, theirs = pairs(name)
    same_or_both_refuse(
        lambda: ours.get_stored_frames(numbers, as_indices),
        lambda: theirs.get_stored_frames(numbers, as_indices),
    )
    same_or_both_refuse(
        lambda: ours.get_frames(numbers, as_indices, **keywords),
        lambda: theirs.get_frames(numbers, as_indices, **keywords),
        lambda: theirs.get_frame(1, **keywords),
        lambda: theirs.get_stored_frames(numbers, as_indices),
    )
    if numbers:
        same_or_both_refuse(
            lambda: ours.get_frame(numbers[0], as_indices, **keywords),
            lambda: theirs.get_frame(numbers[0], as_indices, **keywords),
            lambda: theirs.get_frame(1, **keywords),
        )
        same_or_both_refuse(
            lambda: ours.get_stored_frame(numbers[0], as_indices),
            lambda: theirs.get_stored_frame(numbers[0], as_indices),
        )
        same_or_both_refuse(
            lambda: np.frombuffer(ours.get_raw_frame(numbers[0], as_indices), np.uint8),
            lambda: np.frombuffer(theirs.get_raw_frame(numbers[0], as_indices), np.uint8),
        )


@pytest.mark.parametrize("name", sorted(SLIDES))
def test_the_whole_of_each_slide(pairs, name):
    ours, theirs = pairs(name)
    assert_same(ours.pixel_array, theirs.pixel_array)
    same_or_both_refuse(ours.get_total_pixel_matrix, theirs.get_total_pixel_matrix)


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_jpeg_slides_by_the_rule_and_bit_for_bit_with_pydicoms_decoder(make, subsampling):
    path = make(codec="jpeg", subsampling=subsampling).path
    theirs = highdicom.imread(path, lazy_frame_retrieval=True)
    exact = nl.imread(path, decoder="pydicom")
    region = {"row_start": 3, "row_end": 68, "column_start": 5, "column_end": 80}
    expected = theirs.get_total_pixel_matrix(**region, dtype=np.uint8)
    assert_same(exact.get_total_pixel_matrix(**region, dtype=np.uint8), expected)
    assert_close_jpeg(
        nl.imread(path).get_total_pixel_matrix(**region, dtype=np.uint8), expected, share=1e-3
    )


@pytest.mark.parametrize(
    "recipe",
    [
        {"codec": "jpeg2000-lossless"},
        {"codec": "jpeg2000-lossless", "organisation": "TILED_SPARSE", "shuffled": True},
        {"codec": "jpeg", "subsampling": "4:2:2"},
    ],
)
def test_regions_are_those_of_wsidicom(make, recipe):
    slide = make(**recipe)
    rows, columns = slice(7, 66), slice(11, 85)
    ours = nl.imread(slide.path).get_total_pixel_matrix(
        rows.start,
        rows.stop,
        columns.start,
        columns.stop,
        np.uint8,
        as_indices=True,
        apply_icc_profile=False,
    )
    assert_same(ours, region_by_wsidicom(slide.path, rows, columns))
