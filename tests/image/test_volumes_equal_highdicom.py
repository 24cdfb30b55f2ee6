"""Volumes have highdicom's arrays, types, affines and errors, whatever lies where."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file
from pydicom.sr.coding import Code

import nearline as nl
from image.multi_frames import AXIAL, multi_frame, put, write
from oracles.outcomes import outcome
from oracles.samples import samples

BUILTINS = (ValueError, TypeError, RuntimeError, IndexError, KeyError)
OF_ARGUMENTS = (nl.InvalidOption, nl.OutsideMatrix, nl.InvalidTransform, nl.TransformMissing)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
OBLIQUE = (0.8, 0.6, 0.0, -0.48, 0.64, -0.6)


def assert_same_volume(ours: Any, theirs: Any) -> None:
    if isinstance(theirs, Exception):
        assert isinstance(ours, nl.NearlineError), (ours, theirs)
        kinds = tuple(one for one in BUILTINS if isinstance(theirs, one))
        # Of several faults, each library names the one that it meets first.
        first = "position" in str(theirs) or isinstance(ours, nl.OutsideMatrix)
        if not (isinstance(ours, OF_ARGUMENTS) and first):
            assert isinstance(ours, kinds or Exception), (ours, theirs)
        return
    if isinstance(ours, Exception):
        raise AssertionError(f"highdicom gives a volume, we say: {ours}") from ours
    assert type(ours) is type(theirs)
    if theirs is None:
        return
    np.testing.assert_array_equal(ours.affine, theirs.affine)
    assert ours.spatial_shape == theirs.spatial_shape
    assert ours.coordinate_system == theirs.coordinate_system
    if isinstance(theirs, highdicom.Volume):
        assert ours.array.dtype == theirs.array.dtype
        np.testing.assert_array_equal(ours.array, theirs.array)
        assert ours.frame_of_reference_uid == theirs.frame_of_reference_uid
        assert ours.channel_descriptors == theirs.channel_descriptors


def normal_of(orientation: Any) -> Any:
    return np.cross(orientation[:3], orientation[3:])


@st.composite
def images(draw: st.DrawFn) -> pydicom.Dataset:
    orientation = draw(st.sampled_from([AXIAL, SAGITTAL, OBLIQUE]))
    spacing = draw(st.sampled_from([1.0, 0.7, 3.3333]))
    steps = draw(st.permutations(range(draw(st.integers(1, 6)))))
    steps = [*steps, *draw(st.lists(st.integers(0, 8), max_size=1))]
    if draw(st.integers(0, 2)) == 0:
        steps = [one for one in steps if one != 2] or [0]
    wobble = np.array([draw(st.sampled_from([0.0, 0.0, 0.0, 0.004, 0.3])) for _ in steps])
    origin = np.array([-100.5, 20.25, 3.0])
    positions = origin + np.outer((np.array(steps) + wobble) * spacing, normal_of(orientation))
    ds = multi_frame(
        positions,
        orientation=orientation,
        slice_spacing=draw(st.sampled_from([None, None, spacing, 2 * spacing])),
        dtype=draw(st.sampled_from([np.int16, np.uint16, np.uint8])),
        per_frame=draw(st.booleans()),
        seed=draw(st.integers(0, 9)),
    )
    where = draw(st.sampled_from(["no", "shared", "own"]))
    groups = {"no": [], "shared": ds.SharedFunctionalGroupsSequence}
    for number, group in enumerate(groups.get(where, ds.PerFrameFunctionalGroupsSequence)):
        put(
            group,
            "PixelValueTransformationSequence",
            RescaleSlope=draw(st.sampled_from([1, 2, 0.5])) + number,
            RescaleIntercept=draw(st.sampled_from([0, -1024])),
            RescaleType="HU",
        )
        put(group, "FrameVOILUTSequence", WindowCenter=40 + number, WindowWidth=400)
    if draw(st.integers(0, 3)) == 0:
        ds.PhotometricInterpretation = "MONOCHROME1"
    return ds


def ends(length: int) -> st.SearchStrategy[int | None]:
    return st.none() | st.integers(-length - 1, length + 2)


calls = st.fixed_dictionaries(
    {},
    optional={
        # With slice_start=1, highdicom raises for any slice_end.
        "slice_start": st.sampled_from([None, 2, 3, -1, -2, -3]),
        "slice_end": st.sampled_from([None, 2, 4, 6, -1]),
        "row_start": st.sampled_from([None, 1, 2, 5, 0, -1, -6, 9]),
        "row_end": st.sampled_from([None, 3, 6, 7, -1, 9]),
        "column_start": st.sampled_from([None, 1, 3, 7, -2]),
        "column_end": st.sampled_from([None, 5, 8, -1]),
        "as_indices": st.booleans(),
        "dtype": st.sampled_from([np.float64, np.float32, np.int32, np.uint8]),
        "apply_modality_transform": st.sampled_from([None, True, False]),
        "apply_voi_transform": st.sampled_from([None, True, False]),
        "voi_output_range": st.sampled_from([(0.0, 1.0), (0.0, 255.0)]),
        "apply_presentation_lut": st.booleans(),
        "apply_real_world_transform": st.sampled_from([None, True, False]),
        "allow_missing_positions": st.booleans(),
        "rtol": st.sampled_from([None, 0.5]),
        "atol": st.sampled_from([None, None, 0.2]),
        "perpendicular_tol": st.sampled_from([None, 0.01, -1.0]),
    },
)


@settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(ds=images(), keywords=calls, syntax=st.sampled_from(["native", "native", "rle"]))
def test_volumes_equal_highdicoms(ds: Any, keywords: dict[str, Any], syntax: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "mr.dcm", ds, syntax)
        ours, theirs = nl.imread(path), highdicom.imread(path)
        tolerances = {"rtol", "atol", "perpendicular_tol", "allow_missing_positions"}
        chosen = {key: value for key, value in keywords.items() if key in tolerances}
        whole = outcome(lambda: theirs.get_volume_geometry(**chosen))
        assert_same_volume(outcome(lambda: ours.get_volume_geometry(**chosen)), whole)
        expected = outcome(lambda: theirs.get_volume(**keywords))
        if isinstance(expected, highdicom.Volume) and 0 in expected.array.shape:
            expected = ValueError("highdicom gives a volume of nothing")
        found = outcome(lambda: ours.get_volume(**keywords))
        if reaches_outside(keywords, ds, whole) and isinstance(expected, highdicom.Volume):
            assert isinstance(found, nl.OutsideMatrix)
        elif not refuses_types(found, expected, keywords):
            assert_same_volume(found, expected)


def reaches_outside(keywords: dict[str, Any], ds: Any, whole: Any) -> bool:
    """Whether highdicom counts from the end beyond the start, or past it, and we refuse."""
    slices = whole.spatial_shape[0] if isinstance(whole, highdicom.VolumeGeometry) else 99
    start = keywords.get("slice_start") or 0
    return (keywords.get("row_start") or 0) < -ds.Rows or start < -slices


def refuses_types(ours: Any, theirs: Any, keywords: dict[str, Any]) -> bool:
    """Whether we refuse an integer type that highdicom lets a falling rescale overflow."""
    refused = isinstance(ours, nl.InvalidTransform) and "reach from" in str(ours)
    return refused and np.dtype(keywords["dtype"]).kind != "f" and not isinstance(theirs, Exception)


def test_all_samples_make_the_volumes_that_highdicom_makes_of_them() -> None:
    compared = 0
    for path in samples():
        theirs = outcome(lambda path=path: highdicom.imread(path, lazy_frame_retrieval=True))
        if isinstance(theirs, Exception) or "SegmentSequence" in theirs:
            continue
        try:
            ours = nl.imread(path, decoder="pydicom")
        except nl.InvalidDicom:
            continue
        if ours.SOPClassUID == "1.2.840.10008.5.1.4.1.1.481.2" and ours.number_of_frames == 1:
            # highdicom takes a dose of one plane for an enhanced object, and finds no place.
            continue
        geometry = outcome(theirs.get_volume_geometry)
        assert_same_volume(outcome(ours.get_volume_geometry), geometry)
        if geometry is not None and np.prod(geometry.spatial_shape) > 5_000_000:
            continue
        volume = outcome(lambda theirs=theirs: theirs.get_volume(dtype=np.float32))
        assert_same_volume(outcome(lambda ours=ours: ours.get_volume(dtype=np.float32)), volume)
        compared += isinstance(volume, highdicom.Volume)
    assert compared >= 10


def test_the_first_slice_can_be_named(tmp_path: Path) -> None:
    """highdicom raises for slice_start=1 with any slice_end."""
    path = write(tmp_path / "mr.dcm", multi_frame([(0, 0, z) for z in (2, 0, 3, 1)]))
    volume = nl.imread(path).get_volume(slice_start=1, slice_end=3)
    expected = highdicom.imread(path).get_volume(slice_start=0, slice_end=2, as_indices=True)
    assert_same_volume(volume, expected)


def test_real_world_values_and_their_range(tmp_path: Path) -> None:
    ds = multi_frame([(0, 0, z) for z in range(3)], dtype=np.uint8)
    for number, group in enumerate(ds.PerFrameFunctionalGroupsSequence, 1):
        put(
            group,
            "RealWorldValueMappingSequence",
            LUTLabel="ADC",
            RealWorldValueSlope=0.5 * number,
            RealWorldValueIntercept=-3.0,
            RealWorldValueFirstValueMapped=0,
            RealWorldValueLastValueMapped=255,
        )
        units = pydicom.Dataset()
        units.CodeValue, units.CodingSchemeDesignator = "mm2/s", "UCUM"
        units.CodeMeaning = "square millimetres per second"
        group.RealWorldValueMappingSequence[0].MeasurementUnitsCodeSequence = [units]
    path = write(tmp_path / "adc.dcm", ds)
    ours, theirs = nl.imread(path), highdicom.imread(path)
    for keywords in (
        {},
        {"real_world_value_map_selector": "ADC", "dtype": np.float32},
        {"real_world_value_map_selector": Code("mm2/s", "UCUM", "mm2/s")},
        {"real_world_value_map_selector": "T2", "apply_real_world_transform": True},
        {"apply_real_world_transform": False},
        {"dtype": np.uint16},
    ):
        assert_same_volume(
            outcome(lambda keywords=keywords: ours.get_volume(**keywords)),
            outcome(lambda keywords=keywords: theirs.get_volume(**keywords)),
        )


@pytest.mark.parametrize(
    "name", ["color3d_jpeg_baseline.dcm", "examples_ybr_color.dcm", "examples_palette.dcm"]
)
def test_colour_that_lies_nowhere_makes_no_volume(name: str) -> None:
    image = nl.imread(get_testdata_file(name))
    assert image.get_volume_geometry() is None
    with pytest.raises(nl.NoVolume, match="nowhere in space"):
        image.get_volume()


@pytest.mark.parametrize("photometric", ["RGB", "PALETTE COLOR"])
def test_colour_has_a_channel_axis(tmp_path: Path, photometric: str) -> None:
    ds = multi_frame([(0, 0, z) for z in (1, 0, 2)], dtype=np.uint8, columns=9)
    ds.PhotometricInterpretation = photometric
    if photometric == "RGB":
        ds.SamplesPerPixel, ds.PlanarConfiguration, ds.Columns = 3, 0, 3
    else:
        for number, colour in enumerate(("Red", "Green", "Blue")):
            setattr(ds, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 8])
            table = np.roll(np.arange(256), 40 * number).astype(np.uint8)
            setattr(ds, f"{colour}PaletteColorLookupTableData", table.tobytes())
    path = write(tmp_path / "colour.dcm", ds)
    ours, theirs = nl.imread(path), highdicom.imread(path)
    for keywords in (
        {"dtype": np.uint8},
        {"dtype": np.float64, "row_start": 2, "column_end": 3, "slice_start": 2},
        {"apply_palette_color_lut": False, "dtype": np.uint8},
    ):
        volume = outcome(lambda keywords=keywords: ours.get_volume(**keywords))
        assert_same_volume(volume, outcome(lambda keywords=keywords: theirs.get_volume(**keywords)))


@pytest.mark.parametrize("organisation", ["TILED_FULL", "TILED_SPARSE"])
@pytest.mark.parametrize(
    "keywords",
    [
        {},
        {"row_start": 3, "row_end": 60, "column_start": 20, "column_end": -1, "dtype": np.uint8},
        {"row_start": 30, "as_indices": True, "slice_start": 0, "slice_end": 1},
        {"slice_start": 2},
        {"row_start": 500},
        {"apply_icc_profile": False, "column_start": -5},
    ],
)
def test_a_slide_is_one_slice(make: Any, organisation: str, keywords: dict[str, Any]) -> None:
    path = make(codec="native", organisation=organisation, icc_size=3000).path
    ours, theirs = nl.imread(path), highdicom.imread(path)
    assert_same_volume(ours.get_volume_geometry(), theirs.get_volume_geometry())
    assert_same_volume(
        outcome(lambda: ours.get_volume(**keywords)), outcome(lambda: theirs.get_volume(**keywords))
    )
