"""`im.pixels[...]` is what indexing the whole array would give."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nearline as nl

SLIDES = {
    "colour": {"codec": "jpeg2000-lossless", "icc_size": 3000},
    "grey": {"codec": "jpegls", "photometric": "MONOCHROME2", "bits": 16},
    "inverted": {"codec": "native", "photometric": "MONOCHROME1"},
    "sparse": {"codec": "rle", "organisation": "TILED_SPARSE", "shuffled": True},
}
STACKS = ["emri_small.dcm", "SC_rgb_rle_2frame.dcm", "CT_small.dcm", "examples_palette.dcm"]


def axis(length):
    edges = st.none() | st.integers(-length - 3, length + 3)
    steps = st.sampled_from([None, 1, 2, 7, 40, -1, -3, -50])
    return st.integers(-length, length - 1) | st.builds(slice, edges, edges, steps)


@st.composite
def keys(draw, shape):
    entries = [draw(axis(n)) for n in shape[: draw(st.integers(0, len(shape)))]]
    if draw(st.booleans()):
        entries.insert(draw(st.integers(0, len(entries))), ...)
    if draw(st.booleans()):
        entries.insert(draw(st.integers(0, len(entries))), None)
    return tuple(entries)


often = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def wholes(make):
    found = {}
    for name, recipe in SLIDES.items():
        image = nl.imread(make(**recipe).path)
        found[name] = image, image.get_total_pixel_matrix(dtype=image.pixels.dtype)
    for name in STACKS:
        image = nl.imread(sample(name))
        frames = image.get_frames(dtype=image.pixels.dtype)
        found[name] = image, frames if len(frames) > 1 else frames[0]
    return lambda name: found[name]


def sample(name):
    from pydicom.data import get_testdata_file

    return get_testdata_file(name)


@often
@given(st.data())
def test_any_basic_index(wholes, data):
    image, whole = wholes(data.draw(st.sampled_from([*SLIDES, *STACKS])))
    key = data.draw(keys(whole.shape))
    try:
        expected = whole[key]
    except IndexError:  # an Ellipsis may move an integer to a shorter axis
        with pytest.raises(IndexError):
            image.pixels[key]
        return
    found = image.pixels[key]
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("name", [*SLIDES, *STACKS])
def test_shape_and_type_are_told_without_reading(wholes, name):
    image, whole = wholes(name)
    pixels = image.pixels
    with nl.traffic() as cost:
        assert pixels.shape == whole.shape
        assert pixels.dtype == whole.dtype
        assert pixels.ndim == whole.ndim
        assert pixels.size == whole.size
        assert pixels.nbytes == whole.nbytes
        assert len(pixels) == len(whole)
        assert str(whole.shape) in repr(pixels)
    assert cost.decoded_frames == cost.requests == 0
    assert np.array_equal(np.asarray(pixels), whole)
    assert np.asarray(pixels, dtype=np.float32).dtype == np.float32


def test_the_example_of_the_documentation(wholes):
    image, _ = wholes("colour")
    region = image.get_total_pixel_matrix(
        row_start=15, row_end=51, column_start=17, column_end=70, dtype=np.uint8
    )
    assert np.array_equal(image.pixels[14:50, 16:69], region)


def test_wide_strides_read_only_the_tiles_that_they_hit(make):
    image = nl.imread(make(codec="rle", seed=5).path)
    with nl.traffic() as cost:
        assert image.pixels[::64, ::72].shape == (2, 2, 3)
    assert cost.decoded_frames == 4


def test_integers_outside_are_index_errors(wholes):
    image, whole = wholes("colour")
    for key in [70, -71, (0, 90), (0, 0, 3), (0, 0, 0, 0)]:
        with pytest.raises(IndexError):
            image.pixels[key]
        with pytest.raises(IndexError):
            whole[key]


def test_whole_arrays_above_the_limit_are_refused_with_a_remedy(make):
    path = make(codec="rle").path
    with nl.settings(max_array_size=5000):
        image = nl.imread(path)
    assert image.pixels[:10, :10].shape == (10, 10, 3)
    for read in (lambda: np.asarray(image.pixels), lambda: image.pixel_array):
        with pytest.raises(nl.TooLarge, match="max_array_size") as caught:
            read()
        assert isinstance(caught.value, (MemoryError, ValueError))
    with pytest.raises(nl.InvalidOption, match="always a copy"):
        np.asarray(image.pixels, copy=False)


def test_pixel_array_is_read_once(make):
    image = nl.imread(make(codec="rle").path)
    assert image.pixel_array is image.pixel_array
    assert image.pixel_array.shape == (12, 32, 24, 3)
    assert nl.imread(sample("CT_small.dcm")).pixel_array.shape == (128, 128)
