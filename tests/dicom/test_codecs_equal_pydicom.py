"""Decoded frames equal what pydicom and highdicom make of the same bytes."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from highdicom.frame import decode_frame

from nearline.dicom.codecs.decode import decode
from nearline.errors import DecodingFailed
from oracles.sample_frames import SampleFrame, sample_frames

LOSSY_JPEG = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")


def highdicoms(frame: SampleFrame) -> np.ndarray[Any, Any] | None:
    """Decode as highdicom's Image.get_stored_frame does; None if it cannot."""
    layout = frame.format
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return decode_frame(
                frame.data,
                layout.transfer_syntax_uid,
                layout.rows,
                layout.columns,
                layout.samples_per_pixel,
                layout.bits_allocated,
                layout.bits_allocated,
                layout.photometric_interpretation,
                layout.pixel_representation,
                layout.planar_configuration,
                index=frame.index,
                pixel_keyword=layout.pixel_keyword,
            )
        except Exception:  # noqa: BLE001 - pydicom raises of every kind
            return None


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_lossless_frames_are_bit_equal() -> None:
    compared: Counter[str] = Counter()
    for frame in sample_frames():
        theirs = highdicoms(frame)
        if theirs is None or frame.syntax in LOSSY_JPEG or frame.is_swapped:
            continue
        ours = decode(frame.data, frame.format, index=frame.index)
        assert ours.flags.c_contiguous, frame
        assert ours.dtype == theirs.dtype.newbyteorder("="), frame
        np.testing.assert_array_equal(ours, theirs, err_msg=str(frame))
        compared[frame.syntax] += 1
    assert compared.keys() >= {
        "1.2.840.10008.1.2",
        "1.2.840.10008.1.2.1",
        "1.2.840.10008.1.2.2",
        "1.2.840.10008.1.2.5",
        "1.2.840.10008.1.2.4.80",
        "1.2.840.10008.1.2.4.81",
        "1.2.840.10008.1.2.4.90",
        "1.2.840.10008.1.2.4.91",
    }
    assert compared.total() > 100


def test_lossy_jpeg_differs_by_at_most_one_level_on_few_samples() -> None:
    samples = differing = 0
    for frame in sample_frames():
        theirs = highdicoms(frame) if frame.syntax in LOSSY_JPEG else None
        if theirs is None:
            continue
        ours = decode(frame.data, frame.format, index=frame.index)
        distance = np.abs(ours.astype(int) - theirs)
        assert distance.max() <= 1, frame
        samples += distance.size
        differing += np.count_nonzero(distance)
    assert samples > 2_000_000
    assert differing <= 1e-4 * samples


def test_pydicoms_own_path_is_bit_equal_to_highdicom() -> None:
    compared = 0
    for frame in sample_frames():
        theirs = highdicoms(frame)
        if theirs is None or frame.is_swapped:
            continue
        ours = decode(frame.data, frame.format, decoder="pydicom", index=frame.index)
        assert ours.flags.c_contiguous, frame
        np.testing.assert_array_equal(ours, theirs, err_msg=str(frame))
        compared += 1
    assert compared > 150


def test_bytes_in_big_endian_words_are_bit_equal_to_pydicom() -> None:
    compared = 0
    for frame in sample_frames():
        if frame.is_swapped:
            ours = decode(frame.data, frame.format, index=frame.index)
            theirs = decode(frame.data, frame.format, decoder="pydicom", index=frame.index)
            np.testing.assert_array_equal(ours, theirs, err_msg=str(frame))
            compared += 1
    assert compared


def test_every_sample_gives_pixels_or_a_fault_that_names_the_frame() -> None:
    faults = []
    for frame in sample_frames():
        try:
            array = decode(frame.data, frame.format, index=frame.index)
        except DecodingFailed as fault:
            faults.append((frame, str(fault)))
            continue
        assert array.shape == frame.format.shape
        assert array.dtype == frame.format.dtype
    for frame, sentence in faults:
        assert sentence.startswith(f"Frame {frame.index + 1} ({frame.syntax})")
    assert len(faults) < 0.1 * len(sample_frames())
