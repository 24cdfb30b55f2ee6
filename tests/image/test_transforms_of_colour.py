"""Colour and palette images: ICC profiles, optical paths, palettes whole and segmented."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import highdicom
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from nearline.errors import (
    InvalidDicom,
    InvalidLookupTable,
    InvalidTransform,
    NearlineError,
    TransformMissing,
)
from nearline.image.transforms.palette import expand_segments
from nearline.image.transforms.transform import color_transform, make_transform
from slides import icc_profile

SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
ROWS, COLUMNS, FRAMES = 4, 6, 2


def image(photometric: str, dtype: Any = np.uint8, seed: int = 0) -> Dataset:
    samples = 3 if photometric == "RGB" else 1
    bits = 8 * np.dtype(dtype).itemsize
    ds = Dataset()
    ds.file_meta = Dataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = SLIDE
    ds.SOPInstanceUID, ds.StudyInstanceUID, ds.SeriesInstanceUID = (generate_uid() for _ in "123")
    ds.NumberOfFrames, ds.Rows, ds.Columns = FRAMES, ROWS, COLUMNS
    ds.SamplesPerPixel, ds.PlanarConfiguration = samples, 0
    ds.PhotometricInterpretation, ds.PixelRepresentation = photometric, 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = bits, bits, bits - 1
    shape = (FRAMES, ROWS, COLUMNS, samples)
    pixels = np.random.default_rng(seed).integers(0, 1 << bits, shape).astype(dtype)
    ds.PixelData = pixels.tobytes()
    return ds


def optical_path(identifier: str, profile: bytes | None) -> Dataset:
    item = Dataset()
    item.OpticalPathIdentifier = identifier
    if profile is not None:
        item.ICCProfile = profile
    return item


def with_palette(ds: Dataset, first: int, count: int, bits: int, seed: int = 1) -> Dataset:
    dtype = np.uint8 if bits == 8 else np.uint16
    tables = np.random.default_rng(seed).integers(0, 1 << bits, (3, count)).astype(dtype)
    for color, table in zip(("Red", "Green", "Blue"), tables, strict=True):
        descriptor = [count % 65536, first, bits]
        ds.add_new(f"{color}PaletteColorLookupTableDescriptor", "US", descriptor)
        data = table.tobytes()
        setattr(ds, f"{color}PaletteColorLookupTableData", data + b"\0" * (len(data) % 2))
    return ds


def frames_of(ds: Dataset) -> highdicom.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return highdicom.Image.from_dataset(ds)


def assert_equal(ds: Dataset, dtype: Any = np.float64, **keywords: Any) -> None:
    theirs = frames_of(ds)
    for index in range(FRAMES):
        transform = make_transform(ds, frame_index=index, output_dtype=dtype, **keywords)
        stored = theirs.get_stored_frame(index, as_index=True)
        ours = pickle.loads(pickle.dumps(transform))(stored)
        expected = theirs.get_frame(index, as_index=True, dtype=dtype, **keywords)
        assert ours.dtype == expected.dtype
        assert ours.shape == (ROWS, COLUMNS, *transform.output_shape_suffix)
        np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("apply", [None, True, False])
def test_profile_of_the_image_is_applied(apply: bool | None, dtype: Any) -> None:
    ds = image("RGB")
    ds.ICCProfile = icc_profile()
    assert_equal(ds, dtype, apply_icc_profile=apply)


def test_profile_of_the_only_optical_path_is_applied() -> None:
    ds = image("RGB")
    ds.OpticalPathSequence = [optical_path("1", icc_profile())]
    assert_equal(ds, np.uint8)
    transform = make_transform(ds, output_dtype=np.uint8)
    assert transform.is_only_icc
    assert transform.applies_to_all_frames
    assert transform.icc == color_transform(icc_profile(), output_dtype=np.uint8).icc


def two_paths() -> Dataset:
    ds = image("RGB")
    ds.OpticalPathSequence = [optical_path("A", None), optical_path("B", icc_profile())]
    return ds


def path_groups(identifier: str) -> Dataset:
    groups, item = Dataset(), Dataset()
    item.OpticalPathIdentifier = identifier
    groups.OpticalPathIdentificationSequence = [item]
    return groups


def test_each_frame_takes_the_profile_of_its_optical_path() -> None:
    ds = two_paths()
    ds.PerFrameFunctionalGroupsSequence = [path_groups("A"), path_groups("B")]
    assert_equal(ds, np.uint8)
    assert make_transform(ds, frame_index=0).icc is None
    second = make_transform(ds, frame_index=1)
    assert second.icc is not None
    assert not second.applies_to_all_frames


def test_shared_optical_path_counts_for_all_frames() -> None:
    ds = two_paths()
    ds.SharedFunctionalGroupsSequence = [path_groups("B")]
    assert_equal(ds, np.uint8)


def test_optical_path_can_be_told_and_groups_be_given() -> None:
    ds = two_paths()
    assert make_transform(ds, optical_path="B").icc is not None
    groups = [path_groups("B"), path_groups("A")]
    assert make_transform(ds, frame_index=0, per_frame=groups.__getitem__).icc is not None
    assert make_transform(ds, frame_index=1, per_frame=groups.__getitem__).icc is None


def test_frame_without_an_optical_path_is_said() -> None:
    with pytest.raises(InvalidDicom, match="2 optical paths"):
        make_transform(two_paths())
    with pytest.raises(InvalidDicom, match="'C'"):
        make_transform(two_paths(), optical_path="C")
    assert make_transform(two_paths(), apply_icc_profile=False).icc is None


def test_groups_of_frames_are_not_touched_without_need() -> None:
    def never(_index: int) -> Dataset:
        raise AssertionError

    ds = image("RGB")
    ds.ICCProfile = icc_profile()
    make_transform(ds, per_frame=never)
    grey = image("MONOCHROME2")
    grey.RescaleSlope, grey.RescaleIntercept = 2, 0
    make_transform(grey, per_frame=never, apply_real_world_transform=False)


def test_colour_needs_no_dataset() -> None:
    transform = color_transform(None, output_dtype=np.uint8)
    assert transform.color_output
    tile = np.zeros((2, 2, 3), np.uint8)
    assert transform(tile) is tile
    with pytest.raises(TransformMissing, match="ICC"):
        color_transform(None, apply_icc_profile=True)


@pytest.mark.parametrize(
    "keywords",
    [
        {"apply_real_world_transform": True},
        {"apply_modality_transform": True},
        {"apply_voi_transform": True},
        {"apply_palette_color_lut": True},
        {"apply_palette_color_lut": False},
        {"apply_palette_color_lut": False, "apply_icc_profile": False},
        {"apply_voi_transform": None},
        {"apply_icc_profile": True},
        {"apply_presentation_lut": False},
        {"apply_presentation_lut": 1},
        {"voi_transform_selector": 1.5},
        {"voi_output_range": (2.0, 1.0)},
    ],
    ids=str,
)
@pytest.mark.parametrize("photometric", ["RGB", "PALETTE COLOR", "MONOCHROME2"])
def test_what_a_kind_of_image_cannot_have_is_refused_as_in_highdicom(
    photometric: str, keywords: dict[str, Any]
) -> None:
    ds = image(photometric)
    if photometric == "PALETTE COLOR":
        with_palette(ds, 0, 256, 8)
    try:
        expected = frames_of(ds).get_frame(1, **keywords)
    except (ValueError, TypeError, RuntimeError) as fault:
        kinds = tuple(
            one for one in (ValueError, TypeError, RuntimeError) if isinstance(fault, one)
        )
        with pytest.raises(kinds) as caught:
            make_transform(ds, **keywords)
        assert isinstance(caught.value, NearlineError)
    else:
        stored = frames_of(ds).get_stored_frame(1)
        np.testing.assert_array_equal(make_transform(ds, **keywords)(stored), expected)


@pytest.mark.parametrize(("first", "count"), [(0, 256), (10, 100), (0, 255), (200, 56), (250, 300)])
@pytest.mark.parametrize(("bits", "dtype"), [(8, np.uint8), (8, np.float32), (16, np.uint16)])
def test_palettes_are_applied(first: int, count: int, bits: int, dtype: Any) -> None:
    assert_equal(with_palette(image("PALETTE COLOR"), first, count, bits), dtype)


def test_palette_of_all_16_bit_values_is_applied() -> None:
    ds = with_palette(image("PALETTE COLOR", np.uint16), 0, 65536, 16)
    assert_equal(ds, np.float64)


def test_palette_is_followed_by_its_profile() -> None:
    ds = with_palette(image("PALETTE COLOR"), 0, 256, 8)
    ds.ICCProfile = icc_profile()
    assert_equal(ds, np.uint8)
    assert_equal(ds, np.float64)
    assert_equal(ds, np.float64, apply_icc_profile=False)


def test_palette_left_out_gives_its_indices() -> None:
    ds = with_palette(image("PALETTE COLOR"), 0, 256, 8)
    transform = make_transform(
        ds, output_dtype=np.uint8, apply_palette_color_lut=False, apply_icc_profile=False
    )
    indices = np.arange(4, dtype=np.uint8).reshape(2, 2)
    assert transform(indices) is indices
    assert not transform.color_output


def test_palette_of_16_bits_does_not_fit_into_8() -> None:
    with pytest.raises(InvalidTransform, match="uint16"):
        make_transform(with_palette(image("PALETTE COLOR"), 0, 256, 16), output_dtype=np.uint8)


@pytest.mark.parametrize("damage", ["missing", "short", "differs", "bits"])
def test_broken_palette_is_named(damage: str) -> None:
    ds = with_palette(image("PALETTE COLOR"), 0, 256, 8)
    if damage == "missing":
        del ds.GreenPaletteColorLookupTableData
    elif damage == "short":
        ds.BluePaletteColorLookupTableData = b"\0" * 20
    elif damage == "differs":
        ds.GreenPaletteColorLookupTableDescriptor = [256, 1, 8]
    else:
        for color in ("Red", "Green", "Blue"):
            setattr(ds, f"{color}PaletteColorLookupTableDescriptor", [256, 0, 12])
    with pytest.raises(InvalidLookupTable):
        make_transform(ds)


@st.composite
def segmented(draw: st.DrawFn, bits: int) -> tuple[list[int], list[int], int]:
    """Draw a table with repeating segments, the same written out, and its number of entries."""
    value = st.integers(1, (1 << bits) - 1)
    first = [0, 3, *draw(st.lists(value, min_size=3, max_size=3))]
    words, plain, starts, count = list(first), list(first), [(0, first)], 3
    for _ in range(draw(st.integers(0, 6))):
        kind = draw(st.sampled_from([0, 1, 2]))
        if kind == 2:
            at, repeated = draw(st.sampled_from(starts))
            words += [2, 1, at * 2, 0] if bits == 16 else [2, 1, at, 0, 0, 0]
            plain += repeated
            count += repeated[1]
            continue
        length = draw(st.integers(1, 9))
        entries = (
            draw(st.lists(value, min_size=length, max_size=length)) if kind == 0 else [draw(value)]
        )
        starts.append((len(words), [kind, length, *entries]))
        words += [kind, length, *entries]
        plain += [kind, length, *entries]
        count += length
    return words, plain, count


def with_segments(words: list[int], count: int, bits: int) -> Dataset:
    ds = image("PALETTE COLOR")
    data = np.array(words, f"u{bits // 8}").tobytes()
    for color in ("Red", "Green", "Blue"):
        ds.add_new(f"{color}PaletteColorLookupTableDescriptor", "US", [count, 0, bits])
        keyword = f"Segmented{color}PaletteColorLookupTableData"
        setattr(ds, keyword, data + b"\0" * (len(data) % 2))
    return ds


@settings(max_examples=300, deadline=None)
@given(st.data(), st.sampled_from([8, 16]))
def test_segmented_palettes_equal_pydicom(data: st.DataObject, bits: int) -> None:
    # pydicom takes the offset of a repeated segment for words where the standard says bytes, so
    # it is given the table written out.
    words, plain, count = data.draw(segmented(bits))
    stored = np.arange(24, dtype=np.uint8).reshape(ROWS, COLUMNS).clip(max=count - 1)
    dtype = np.uint8 if bits == 8 else np.uint16
    ours = make_transform(with_segments(words, count, bits), output_dtype=dtype)(stored)
    theirs = apply_color_lut(stored, with_segments(plain, count, bits))
    np.testing.assert_array_equal(ours, theirs)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), st.sampled_from([np.uint8, np.uint16]), st.integers(1, 400))
def test_any_segments_expand_or_are_refused(data: bytes, dtype: Any, count: int) -> None:
    words = np.frombuffer(data[: len(data) // 2 * 2], dtype)
    try:
        table = expand_segments(words, count)
    except InvalidLookupTable:
        return
    assert len(table) <= count
    assert table.dtype == words.dtype
