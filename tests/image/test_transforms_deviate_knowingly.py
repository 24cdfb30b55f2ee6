"""Where highdicom gives wrong values or fails needlessly, and what is right instead."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydicom import Dataset

from nearline.errors import InvalidTransform
from nearline.image.transforms.transform import make_transform


def grey(bits: int = 16, stored: int = 12, signed: bool = False) -> Dataset:
    ds = Dataset()
    ds.Rows = ds.Columns = 4
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = bits, stored, stored - 1
    ds.PixelRepresentation = int(signed)
    return ds


def table(values: Any, first: int = 0) -> Dataset:
    item, data = Dataset(), np.asarray(values, np.uint16)
    item.add_new("LUTDescriptor", "US", [len(data) % 65536, first, 16])
    item.add_new("LUTData", "OW", data.tobytes())
    return item


def apply(ds: Dataset, values: Any, dtype: Any = np.float64, **keywords: Any) -> list[float]:
    frame = np.atleast_2d(np.asarray(values, np.int16 if ds.PixelRepresentation else np.uint16))
    return make_transform(ds, output_dtype=dtype, **keywords)(frame)[0].tolist()


@pytest.mark.parametrize("slope", [-1.0, 2.0, 3.0, -2.0])
def test_voi_table_after_a_rescale_is_asked_for_the_rescaled_value(slope: float) -> None:
    ds = grey(signed=True)
    ds.RescaleSlope, ds.RescaleIntercept = slope, 10.0
    values = np.linspace(0, 900, 10).astype(int)
    ds.VOILUTSequence = [table(values, first=4)]
    stored = np.arange(-12, 12)
    entry = (slope * stored + 10 - 4).astype(int).clip(0, 9)
    expected = (values[entry] / 900).tolist()
    assert apply(ds, stored, apply_voi_transform=True) == pytest.approx(expected)


def test_voi_table_after_a_fractional_rescale_is_refused() -> None:
    ds = grey()
    ds.RescaleSlope, ds.RescaleIntercept = 1.5, 0.5
    ds.VOILUTSequence = [table([0, 5])]
    with pytest.raises(InvalidTransform, match="whole numbers"):
        apply(ds, [1], apply_voi_transform=True)


def test_falling_rescale_that_overflows_an_integer_type_is_refused() -> None:
    ds = grey()
    ds.PhotometricInterpretation = "MONOCHROME1"
    with pytest.raises(InvalidTransform, match="reach from 0 to 4095"):
        apply(ds, [1], np.uint8)
    assert apply(ds, [1, 4095], np.uint16) == [4094, 0]


def test_table_of_65536_entries_is_read() -> None:
    ds = grey(stored=16)
    ds.ModalityLUTSequence = [table(np.arange(65536)[::-1])]
    assert apply(ds, [0, 1, 65535]) == [65535, 65534, 0]


def test_voi_lut_function_of_the_callers_own_window_counts() -> None:
    window = Dataset()
    window.WindowCenter, window.WindowWidth, window.VOILUTFunction = 100, 50, "SIGMOID"
    got = apply(grey(), [100, 125], apply_voi_transform=True, voi_transform_selector=window)
    assert got == pytest.approx([0.5, 1 / (1 + np.exp(-2))])


def test_window_of_one_value_is_a_threshold() -> None:
    ds = grey()
    ds.WindowCenter, ds.WindowWidth = 10, 1
    # PS3.3 C.11.2.1.2: at most c - 0.5 is the least value, the rest the greatest.
    assert apply(ds, [9, 10], apply_voi_transform=True) == [0, 1]
    ds.WindowCenter = 10.5
    assert apply(ds, [9, 10, 11], apply_voi_transform=True) == [0, 0, 1]
    ds.PhotometricInterpretation = "MONOCHROME1"
    assert apply(ds, [9, 10, 11], apply_voi_transform=True) == [1, 1, 0]


def test_profile_of_a_grey_image_is_left_alone() -> None:
    ds = grey()
    ds.ICCProfile = b"not even a profile"
    assert apply(ds, [3, 4]) == [3, 4]


def test_voi_table_of_equal_values_gives_the_least_output() -> None:
    ds = grey()
    ds.VOILUTSequence = [table([7, 7, 7])]
    assert apply(ds, [0, 2], apply_voi_transform=True) == [0, 0]
