"""Optical paths, focal planes and gaps: chosen, filled or refused, and never mixed up."""

import highdicom
import numpy as np
import pytest

import nearline as nl
from oracles.pixels import assert_same

LAYERED = {"photometric": "MONOCHROME2", "codec": "rle", "optical_paths": 2, "focal_planes": 3}


def assembled(slide, path, plane):
    """Put a plane together from highdicom's frames, by the slide's own list of places."""
    recipe = slide.recipe
    frames = highdicom.imread(slide.path).get_stored_frames()
    height, width = recipe.tile_rows, recipe.tile_columns
    out = np.zeros((recipe.rows + height, recipe.columns + width, *frames.shape[3:]), frames.dtype)
    for place, frame in zip(slide.places, frames, strict=True):
        if (place.optical_path, place.focal_plane) == (path, plane):
            top, left = place.tile_row * height, place.tile_column * width
            out[top : top + height, left : left + width] = frame
    return out[: recipe.rows, : recipe.columns]


@pytest.mark.parametrize("organisation", ["TILED_FULL", "TILED_SPARSE"])
def test_each_path_and_plane_is_read_by_its_name(make, organisation):
    slide = make(**LAYERED, organisation=organisation)
    image = nl.imread(slide.path)
    assert len(image.optical_paths) == 2
    assert image.number_of_focal_planes == 3
    for i, path in enumerate(image.optical_paths):
        for plane in range(3):
            expected = assembled(slide, i, plane)
            found = image.get_total_pixel_matrix(
                dtype=np.uint8, optical_path=path, focal_plane=plane + 1
            )
            assert_same(found, expected)
            found = image.get_total_pixel_matrix(
                5, 60, dtype=np.uint8, optical_path=path, focal_plane=plane, as_indices=True
            )
            assert_same(found, expected[5:60])
            chosen = image.pixels.select(optical_path=path, focal_plane=plane)
            assert_same(chosen[10:50:3, ::-1], expected[10:50:3, ::-1])


@pytest.mark.parametrize("organisation", ["TILED_FULL", "TILED_SPARSE"])
def test_without_a_choice_the_error_names_the_choices(make, organisation):
    path = make(**LAYERED, organisation=organisation).path
    image = nl.imread(path)
    for read in (image.get_total_pixel_matrix, lambda: image.pixels[3, 3]):
        with pytest.raises(nl.AmbiguousFrames, match=r"optical_path=.*focal_plane= 1 to 3"):
            read()
    with pytest.raises(RuntimeError):
        highdicom.imread(path).get_total_pixel_matrix()
    with pytest.raises(nl.InvalidOption, match="'no such path'"):
        image.get_total_pixel_matrix(optical_path="no such path", focal_plane=1)
    for plane in (0, 4, -1):
        with pytest.raises(nl.InvalidOption, match="focal plane"):
            image.get_total_pixel_matrix(optical_path="1", focal_plane=plane)


def test_gaps_of_a_sparse_slide_are_refused_or_filled(make):
    slide = make(codec="rle", organisation="TILED_SPARSE", missing=0.4, shuffled=True)
    image = nl.imread(slide.path)
    with pytest.raises(nl.MissingFrames, match="allow_missing_positions"):
        image.get_total_pixel_matrix()
    with pytest.raises(nl.MissingFrames):
        image.pixels[...]
    with pytest.raises(RuntimeError):
        highdicom.imread(slide.path).get_total_pixel_matrix()
    found = image.get_total_pixel_matrix(dtype=np.uint8, allow_missing_positions=True)
    assert_same(found, assembled(slide, 0, 0))


def test_profiles_belong_to_their_paths(make):
    slide = make(codec="rle", icc_size=3000, optical_paths=2)
    image = nl.imread(slide.path)
    first, second = image.optical_paths
    whole = [
        image.get_total_pixel_matrix(dtype=np.uint8, optical_path=path) for path in (first, second)
    ]
    raw = [
        image.get_total_pixel_matrix(dtype=np.uint8, optical_path=path, apply_icc_profile=False)
        for path in (first, second)
    ]
    for i in (0, 1):
        profile = image.OpticalPathSequence[i].get("ICCProfile")
        expected = raw[i]
        if profile:
            expected = highdicom.color.ColorManager(profile).transform_frame(raw[i])
        assert_same(whole[i], expected)
        assert_same(raw[i], assembled(slide, i, 0))
