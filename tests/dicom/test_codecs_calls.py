"""How decoders are called: any buffer, any thread, into given memory, and counted."""

from __future__ import annotations

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset

from nearline.dicom.codecs.decode import FrameFormat, decode, make_decoder
from nearline.errors import InvalidDicom, InvalidOption
from nearline.traffic import traffic

BASELINE, NATIVE = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.1"


def jpeg(seed: int = 0) -> tuple[FrameFormat, bytes]:
    rng = np.random.default_rng(seed)
    array = rng.integers(0, 256, (32, 48, 3)).astype(np.uint8)
    encoded = imagecodecs.jpeg8_encode(array, level=90)
    return FrameFormat(BASELINE, 32, 48, 3, "YBR_FULL_422", 0, 8, 8, 7, 0), encoded


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("decoder", ["default", "pydicom"])
def test_any_buffer_will_do(kind: Any, decoder: Any) -> None:
    layout, data = jpeg()
    np.testing.assert_array_equal(
        decode(kind(data), layout, decoder=decoder), decode(data, layout, decoder=decoder)
    )


def test_frames_are_decoded_into_given_memory() -> None:
    for layout, data in (
        jpeg(),
        (FrameFormat(NATIVE, 2, 3, 3, "RGB", 1, 8, 8, 7, 0), bytes(range(18))),
    ):
        decoder = make_decoder(layout)
        out = np.zeros(layout.shape, layout.dtype)
        assert decoder(data, out=out) is out
        np.testing.assert_array_equal(out, decoder(data))


@pytest.mark.parametrize(
    "out",
    [
        np.zeros((48, 32, 3), np.uint8),
        np.zeros((32, 48, 3), np.uint16),
        np.zeros((32, 48, 6), np.uint8)[..., ::2],
    ],
)
def test_memory_of_another_shape_is_refused(out: np.ndarray) -> None:
    layout, data = jpeg()
    with pytest.raises(InvalidOption, match="uint8 and shape"):
        make_decoder(layout)(data, out=out)


@pytest.mark.parametrize("decoder", ["default", "pydicom"])
def test_one_decoder_serves_many_threads(decoder: Any) -> None:
    frames = [jpeg(seed) for seed in range(24)]
    alone = [decode(data, layout, decoder=decoder) for layout, data in frames]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda one: decode(one[1], one[0], decoder=decoder), frames))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_decoded_frames_are_counted() -> None:
    layout, data = jpeg()
    with traffic() as counted:
        decode(data, layout)
        make_decoder(layout)(data)
    assert counted.decoded_frames == 2


def test_decoders_are_prepared_once_for_equal_formats() -> None:
    layout, _ = jpeg()
    assert make_decoder(layout) is make_decoder(pickle.loads(pickle.dumps(layout)))


def test_results_are_the_callers_own() -> None:
    layout = FrameFormat(NATIVE, 2, 3, 1, "MONOCHROME2", 0, 8, 8, 7, 0)
    data = bytearray(range(6))
    array = decode(data, layout)
    data[:] = bytes(6)
    assert array.tolist() == [[0, 1, 2], [3, 4, 5]]
    array[0, 0] = 9


@given(
    rows=st.integers(1, 9),
    columns=st.integers(1, 9),
    frames=st.integers(1, 9),
    seed=st.integers(0, 99),
)
def test_single_bits_are_found_wherever_a_frame_begins(
    rows: int, columns: int, frames: int, seed: int
) -> None:
    bits = np.random.default_rng(seed).integers(0, 2, (frames, rows, columns), np.uint8)
    packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
    layout = FrameFormat(NATIVE, rows, columns, 1, "MONOCHROME2", 0, 1, 1, 0, 0)
    for index in range(frames):
        first = index * layout.native_bits
        data = packed[first // 8 : -(-(first + layout.native_bits) // 8)]
        np.testing.assert_array_equal(decode(data, layout, index=index), bits[index])


@given(st.integers(1, 6), st.integers(1, 6), st.sampled_from(["f4", "f8"]))
def test_floating_point_frames_are_taken_as_they_are(rows: int, columns: int, kind: str) -> None:
    values = np.random.default_rng(rows).normal(size=(rows, columns)).astype(kind)
    values[0, 0] = np.nan
    keyword = {"f4": "FloatPixelData", "f8": "DoubleFloatPixelData"}[kind]
    ds = Dataset()
    ds.Rows, ds.Columns, ds.SamplesPerPixel = rows, columns, 1
    ds.PhotometricInterpretation, ds.BitsAllocated = "MONOCHROME2", 8 * values.itemsize
    layout = FrameFormat.from_dataset(ds, NATIVE)
    assert layout.pixel_keyword == keyword
    np.testing.assert_array_equal(decode(values.tobytes(), layout), values)


@pytest.mark.parametrize("keyword", ["Rows", "Columns", "SamplesPerPixel", "BitsAllocated"])
def test_missing_attribute_is_named(keyword: str) -> None:
    ds = Dataset()
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.BitsAllocated, ds.BitsStored = 2, 2, 1, 8, 8
    delattr(ds, keyword)
    with pytest.raises(InvalidDicom, match=keyword):
        FrameFormat.from_dataset(ds, NATIVE)


def test_importing_decoders_imports_no_codec_and_no_pydicom() -> None:
    script = (
        "import sys, nearline.dicom.codecs.decode, nearline.dicom.codecs.icc;"
        "print([m for m in ('imagecodecs', 'pydicom', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
