"""Label maps where highdicom's reading is wrong: held against the array that was written."""

from __future__ import annotations

import highdicom
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from pydicom.uid import generate_uid

import nearline as nl
from made import Phantom, ct_series
from made.files import as_bytes
from made.segmentation import describe_segment
from oracles.pixels import assert_same

NUMBERS = (5, 258, 300)
BODY = Phantom(rows=9, columns=11, slices=4)


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    """What is written, in the order of the volume: from the head."""
    rng = np.random.default_rng(4)
    return rng.choice(np.array([0, *NUMBERS], np.uint16), BODY.shape)


@pytest.fixture(scope="module")
def data(labels: np.ndarray) -> bytes:
    seg = highdicom.seg.Segmentation(
        source_images=list(ct_series(BODY)),
        pixel_array=labels[::-1],
        segmentation_type="LABELMAP",
        segment_descriptions=[describe_segment(n, f"Structure {n}") for n in NUMBERS],
        series_instance_uid=generate_uid(),
        series_number=1,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="nearline",
        manufacturer_model_name="made",
        software_versions="1",
        device_serial_number="1",
    )
    return as_bytes(seg)


def test_numbers_above_255(data: bytes, labels: np.ndarray) -> None:
    seg = nl.segread(data)
    assert (seg.segment_numbers, seg.number_of_segments) == (list(NUMBERS), 3)
    assert_same(seg.get_volume(combine_segments=True).array, labels)
    channels = seg.get_volume(segment_numbers=[300, 5]).array
    assert_array_equal(channels, labels[..., None] == [300, 5])
    relabelled = seg.get_volume(combine_segments=True, relabel=True).array
    expected = np.select([labels == number for number in NUMBERS], [1, 2, 3], 0)
    assert_same(relabelled, expected.astype(np.uint8))


@pytest.mark.parametrize("asked", [[5, 258], [5, 300], [258, 300]])
def test_the_one_segment_that_is_not_asked_for_is_background(
    data: bytes, labels: np.ndarray, asked: list[int]
) -> None:
    volume = nl.segread(data).get_volume(segment_numbers=asked, combine_segments=True)
    assert_array_equal(volume.array, np.where(np.isin(labels, asked), labels, 0))
