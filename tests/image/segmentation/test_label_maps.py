"""Label maps: what highdicom 0.28 gets wrong is right here, the rest is equal; palettes too."""

from dataclasses import replace

import highdicom
import numpy as np
import pytest

import nearline as nl
from image.segmentation.drawn import Recipe, common, describe, written
from image.segmentation.equal import assert_equal, both
from image.segmentation.tiled import slide
from made.files import as_bytes

WIDE = Recipe(
    kind="LABELMAP",
    numbers=(1, 7, 290, 291, 300),
    shape=(4, 9, 7),
    seed=3,
    overlapping=False,
    partial=False,
    syntax="1.2.840.10008.1.2.1",
    orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
    spacing=(1.0, 1.0, 1.0),
    backwards=False,
    omit_empty=True,
    largest=255,
    multi_frame=False,
)
NARROW = replace(WIDE, numbers=(2, 5, 9))


def test_one_label_left_out_is_not_shown():
    content = written(NARROW)
    theirs, ours = both(content, "get_volume", segment_numbers=[2, 9], combine_segments=True)
    assert 5 in theirs.array  # highdicom's mistake
    every = nl.segread(content).get_volume(combine_segments=True).array
    assert np.array_equal(ours.array, np.where(every == 5, 0, every))


@pytest.mark.parametrize("numbers", [[290, 291], [300], [1, 300, 7], [291, 1, 7, 290, 300]])
@pytest.mark.parametrize("relabel", [False, True])
def test_labels_above_255(numbers, relabel):
    content = written(WIDE)
    every = nl.segread(content).get_volume(combine_segments=True).array
    assert every.dtype == np.uint16
    assert np.array_equal(np.unique(every), np.unique(WIDE.pixels))
    made = nl.segread(content).get_volume(
        segment_numbers=numbers, combine_segments=True, relabel=relabel
    )
    expected = np.zeros_like(every)
    for place, number in enumerate(numbers, 1):
        expected[every == number] = place if relabel else number
    assert np.array_equal(made.array, expected)
    apart = nl.segread(content).get_volume(segment_numbers=numbers).array
    assert np.array_equal(apart, every[..., np.newaxis] == numbers)
    assert apart.dtype == np.uint8


def test_labels_above_255_equal_highdicom_where_it_reads_them():
    content = written(WIDE)
    assert_equal(content, "get_volume", combine_segments=True)
    assert_equal(content, "get_pixels_by_dimension_index_values", [[1], [2]], combine_segments=True)


def test_the_number_of_segments_leaves_out_the_background_once():
    segmentation = nl.segread(written(NARROW))
    assert segmentation.segment_numbers == [2, 5, 9]
    assert segmentation.number_of_segments == 3  # highdicom: 2


def coloured(profile: bool) -> bytes:
    rng = np.random.default_rng(0)
    numbers = (1, 2, 3, 4)
    palette = highdicom.PaletteColorLUTTransformation.from_combined_lut(
        np.array([[0, 0, 0], [255, 0, 9], [10, 200, 30], [1, 2, 250], [90, 90, 0]], np.uint8)
    )
    extra = {}
    if profile:
        from nearline.testing.slides import icc_profile

        extra["icc_profile"] = icc_profile()
    return as_bytes(
        highdicom.seg.Segmentation(
            source_images=[slide()],
            pixel_array=rng.choice([0, *numbers], (1, 20, 27)).astype(np.uint8),
            segmentation_type="LABELMAP",
            segment_descriptions=[describe(one, coloured=False) for one in numbers],
            tile_pixel_array=True,
            tile_size=(8, 8),
            palette_color_lut_transformation=palette,
            **extra,
            **common(("palette", profile)),
        )
    )


@pytest.mark.parametrize("profile", [False, True])
@pytest.mark.parametrize("numbers", [None, [1, 3], [4], [2, 3, 4]])
@pytest.mark.parametrize("dtype", [None, np.uint8, np.float32])
def test_palettes(profile, numbers, dtype):
    content = coloured(profile)
    for icc in (None, False):
        for method in ("get_total_pixel_matrix", "get_volume"):
            found = assert_equal(
                content,
                method,
                segment_numbers=numbers,
                combine_segments=True,
                apply_palette_color_lut=True,
                apply_icc_profile=icc,
                dtype=dtype,
            )
            assert found is not None


@pytest.mark.parametrize(
    "options",
    [
        {"apply_palette_color_lut": True},
        {"apply_palette_color_lut": True, "combine_segments": True, "relabel": True},
        {"apply_palette_color_lut": None},
        {
            "apply_palette_color_lut": True,
            "combine_segments": True,
            "apply_icc_profile": True,
        },
    ],
)
def test_palettes_that_cannot_be_applied(options):
    assert assert_equal(coloured(False), "get_total_pixel_matrix", **options) is None


def test_a_palette_where_there_is_none():
    options = {"apply_palette_color_lut": True, "combine_segments": True}
    assert assert_equal(written(NARROW), "get_volume", **options) is None
    binary = written(replace(NARROW, kind="BINARY", numbers=(1, 2)))
    with pytest.raises(nl.InvalidTransform, match="Only label maps"):
        nl.segread(binary).get_volume(**options)
