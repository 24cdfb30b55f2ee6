"""Bytes that big endian holds in 16-bit words are read frame by frame as pydicom reads them."""

import io

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.data import get_testdata_file

import nearline as nl

NAME = "SC_rgb_small_odd_big_endian.dcm"


def with_frames(frames: np.ndarray) -> bytes:
    """Return pydicom's own sample with other frames, of shape (n, rows, columns, 3)."""
    dataset = pydicom.dcmread(get_testdata_file(NAME))
    count, dataset.Rows, dataset.Columns = frames.shape[:3]
    dataset.NumberOfFrames = count
    whole = frames.tobytes()
    words = np.frombuffer(whole + b"\0" * (len(whole) % 2), "u2").byteswap()
    dataset["PixelData"].value = words.tobytes()
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("decoder", ["default", "pydicom"])
def test_pydicoms_sample_of_odd_length(decoder):
    path = get_testdata_file(NAME)
    image = nl.imread(path, decoder=decoder)
    assert np.array_equal(image.get_stored_frame(1), pydicom.dcmread(path).pixel_array)


@given(
    shape=st.tuples(st.integers(1, 7), st.integers(1, 5), st.integers(1, 5)),
    decoder=st.sampled_from(["default", "pydicom"]),
)
def test_every_frame_of_every_size(shape, decoder):
    frames = np.random.default_rng(sum(shape)).integers(0, 256, (*shape, 3), np.uint8)
    content = with_frames(frames)
    theirs = pydicom.dcmread(io.BytesIO(content)).pixel_array
    assert np.array_equal(theirs.reshape(frames.shape), frames)
    with nl.settings(cache="off"):
        image = nl.imread(content, decoder=decoder)
        assert np.array_equal(image.get_stored_frames(), frames)
        for number in range(shape[0], 0, -1):
            assert np.array_equal(image.get_stored_frame(number), frames[number - 1])
