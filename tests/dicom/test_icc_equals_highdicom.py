"""Colours corrected by an ICC profile equal highdicom's, per tile and per region."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from highdicom.color import ColorManager
from PIL import ImageCms

from nearline.dicom.codecs.icc import IccTransform
from nearline.errors import InvalidDicom, InvalidTransform
from slides import icc_profile


def colours(seed: int = 0, rows: int = 64, columns: int = 48) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (rows, columns, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    "profile",
    [icc_profile(), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()],
    ids=["scanner", "sRGB"],
)
def test_corrected_colours_are_bit_equal(profile: bytes) -> None:
    array = colours()
    theirs = ColorManager(profile).transform_frame(array)
    ours = IccTransform(profile).apply(array)
    np.testing.assert_array_equal(ours, theirs)
    assert not ours.flags.writeable
    np.testing.assert_array_equal(array, colours())


def test_a_region_equals_its_tiles() -> None:
    transform, region = IccTransform(icc_profile()), colours(rows=96, columns=96)
    whole = transform.apply(region)
    for row in range(0, 96, 32):
        for column in range(0, 96, 32):
            window = np.s_[row : row + 32, column : column + 32]
            np.testing.assert_array_equal(transform.apply(region[window]), whole[window])


def test_one_transform_serves_many_threads() -> None:
    transform = IccTransform(icc_profile())
    tiles = [colours(seed) for seed in range(40)]
    alone = [transform.apply(tile) for tile in tiles]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(transform.apply, tiles * 5))
    for i, tile in enumerate(together):
        np.testing.assert_array_equal(tile, alone[i % 40])


def test_transform_pickles_as_its_profile() -> None:
    transform = IccTransform(icc_profile())
    data = pickle.dumps(transform)
    assert len(data) < len(icc_profile()) + 200
    copy = pickle.loads(data)
    assert copy == transform
    assert hash(copy) == hash(transform)
    np.testing.assert_array_equal(copy.apply(colours()), transform.apply(colours()))


def test_transforms_of_other_profiles_differ() -> None:
    other = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert IccTransform(icc_profile()) != IccTransform(other)


@pytest.mark.parametrize(
    "profile",
    [
        b"",
        b"\0" * 128,
        icc_profile()[:200],
        ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(),
    ],
    ids=["empty", "zeros", "cut", "Lab"],
)
def test_unusable_profile_is_named_with_its_tag(profile: bytes) -> None:
    with pytest.raises(InvalidDicom, match=r"\(0028,2000\).*apply_icc_profile=False"):
        IccTransform(profile)


@pytest.mark.parametrize(
    "array", [colours().astype(np.uint16), colours()[..., 0], colours()[..., :2]]
)
def test_other_pixels_than_8_bit_rgb_are_refused(array: np.ndarray) -> None:
    with pytest.raises(InvalidTransform, match="8-bit RGB"):
        IccTransform(icc_profile()).apply(array)


def test_an_empty_region_stays_empty() -> None:
    assert IccTransform(icc_profile()).apply(np.zeros((0, 5, 3), np.uint8)).shape == (0, 5, 3)
