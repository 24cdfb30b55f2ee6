"""The oracles agree with each other where nobody of ours takes part, and notice differences."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.pixels import convert_color_space

from oracles.pixels import assert_close_jpeg, assert_same, jpeg_by_pillow
from oracles.readers import region_by_highdicom, region_by_wsidicom
from oracles.samples import samples
from slides import write_slide


@pytest.fixture(scope="module")
def slide(tmp_path_factory):
    """One slide for all."""
    path = tmp_path_factory.mktemp("slide") / "s.dcm"
    return write_slide(path, rows=700, columns=600, subsampling="4:2:0", photometric=None)


def test_highdicom_wsidicom_and_pillow_read_the_same_region(slide):
    rows, columns = slice(100, 420), slice(37, 333)
    by_highdicom = region_by_highdicom(slide.path, rows, columns, apply_icc_profile=False)
    by_wsidicom = region_by_wsidicom(slide.path, rows, columns)
    # Eosin in our tissue is close to one of the colours that round differently.
    assert_close_jpeg(by_wsidicom, by_highdicom, share=5e-4)
    tile = jpeg_by_pillow(slide.encoded(1))
    assert_same(by_wsidicom[: 256 - 100, 256 - 37 :], tile[100:, : 333 - 256])


def test_one_level_too_much_is_noticed():
    theirs = np.zeros((1000, 1000, 3), np.uint8)

    def differing(samples, channel=1, level=1):
        ours = theirs.copy()
        ours[..., channel].reshape(-1)[:samples] = level
        return ours

    assert_close_jpeg(differing(30), theirs)
    for wrong in (differing(31), differing(1, level=2), differing(1, channel=0)):
        with pytest.raises(AssertionError):
            assert_close_jpeg(wrong, theirs)


def test_green_rounds_differently_for_few_colours_only():
    cb, cr = np.meshgrid(np.arange(256), np.arange(256), indexing="ij")
    colours = np.stack([np.full_like(cb, 128), cb, cr], axis=-1).astype(np.uint8)
    by_pydicom = convert_color_space(colours, "YBR_FULL", "RGB").astype(int)
    blue, red = cb - 128, cr - 128
    whole = np.stack([91881 * red, -22554 * blue - 46802 * red, 116130 * blue], axis=-1)
    by_libjpeg = np.clip(128 + ((whole + 32768) >> 16), 0, 255)
    differs = by_pydicom != by_libjpeg
    assert differs.sum(axis=(0, 1)).tolist() == [0, 42, 0]


def test_other_types_are_not_the_same():
    with pytest.raises(AssertionError):
        assert_same(np.zeros(3, np.uint8), np.zeros(3, np.uint16))


def test_there_are_samples():
    assert len(samples()) > 50
