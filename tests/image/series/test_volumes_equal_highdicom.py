"""A series gives the volume that `highdicom.get_volume_from_series` gives."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian

import nearline as nl
from image.series.stored import SMALL, assert_same, datasets_of, is_refused, series, theirs, uids
from made import Phantom, ct_series
from nearline.errors import AmbiguousFrames, InvalidTransform, NoVolume, OutsideMatrix

SYNTAXES = ["native", "implicit", "rle", "jpegls", "jpeg2000", "htj2k"]
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
OBLIQUE = (0.8, 0.6, 0.0, -0.48, 0.64, 0.6)


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_every_encoding(syntax: str, signed: bool) -> None:
    slopes = ((1, 0),) if signed else ((1, -1024),)
    objects = series(syntax=syntax, signed=signed, slopes=slopes)
    assert_same(nl.open_series(objects, decoder="pydicom").get_volume(), theirs(objects))
    assert_same(nl.open_series(objects).get_volume(), theirs(objects))


@pytest.mark.parametrize("syntax", [DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_rare_encodings(syntax: str) -> None:
    def change(_: int, ds: Dataset) -> None:
        ds.file_meta.TransferSyntaxUID = syntax
        if syntax == ExplicitVRBigEndian:
            ds.PixelData = np.frombuffer(ds.PixelData, "<i2").astype(">i2").tobytes()

    objects = []
    for index, ds in enumerate(ct_series(SMALL)):
        change(index, ds)
        buffer = io.BytesIO()
        big = syntax == ExplicitVRBigEndian
        pydicom.dcmwrite(
            buffer, ds, little_endian=not big, implicit_vr=False, enforce_file_format=True
        )
        objects.append(buffer.getvalue())
    assert_same(nl.open_series(objects).get_volume(), theirs(objects))


def test_slices_may_be_encoded_differently() -> None:
    objects = [
        one
        for number, syntax in enumerate(("native", "implicit", "rle", "jpegls"))
        for one in series(syntax=syntax, shuffled=None)[number::4]
    ]
    assert_same(nl.open_series(objects).get_volume(), theirs(objects))


SAMPLES = Path(__file__).parents[4] / "shared" / "data" / "dicom" / "QIICR+dcmqi" / "data"


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not on this machine")
@pytest.mark.parametrize("name", ["23x38x3/image", "24x38x3/image", "ct-3slice"])
def test_real_series(name: str) -> None:
    folder = SAMPLES / "segmentations" / name
    objects = [path.read_bytes() for path in sorted(folder.iterdir())]
    assert_same(nl.open_series(folder).get_volume(), theirs(objects))


@pytest.mark.parametrize("orientation", [CORONAL, OBLIQUE])
def test_every_orientation(orientation: tuple[float, ...]) -> None:
    objects = series(orientation=orientation)
    found = nl.open_series(objects)
    assert_same(found.get_volume(), theirs(objects))
    geometry = theirs(objects).get_geometry()
    assert np.allclose(found.get_volume_geometry().affine, geometry.affine)
    assert found.get_volume_geometry().spatial_shape == geometry.spatial_shape


def test_each_slice_by_its_own_rescale() -> None:
    objects = series(slopes=((1, 0), (0.5, -1024), (2, 3)))
    for options in ({}, {"apply_modality_transform": False}, {"dtype": np.float32}):
        assert_same(nl.open_series(objects).get_volume(**options), theirs(objects, **options))


def window(index: int, ds: Dataset) -> None:
    ds.WindowCenter, ds.WindowWidth = 40 + index, 400 - index


def inverted(_: int, ds: Dataset) -> None:
    ds.PhotometricInterpretation = "MONOCHROME1"


@pytest.mark.parametrize("change", [None, window, inverted])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"apply_voi_transform": True},
        {"apply_voi_transform": True, "voi_output_range": (0, 255), "dtype": np.float32},
        {"apply_presentation_lut": False},
        {"apply_modality_transform": True, "dtype": np.int32},
    ],
)
def test_every_transform(change: Any, options: dict[str, Any]) -> None:
    objects = series(change=change, slopes=((2, -100),))
    assert_same(nl.open_series(objects).get_volume(**options), theirs(objects, **options))


def test_color() -> None:
    def color(index: int, ds: Dataset) -> None:
        rng = np.random.default_rng(index)
        pixels = rng.integers(0, 256, (ds.Rows, ds.Columns, 3), np.uint8)
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 3, "RGB"
        ds.PlanarConfiguration, ds.PixelRepresentation = 0, 0
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = 8, 8, 7
        del ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType
        ds.PixelData = pixels.tobytes()

    objects = series(change=color)
    options = {"dtype": np.uint8}
    volume = nl.open_series(objects).get_volume(**options)
    assert volume.array.shape[-1] == 3
    assert_same(volume, theirs(objects, **options))


def test_parts_of_a_volume() -> None:
    objects = series()
    whole, found = theirs(objects), nl.open_series(objects)
    for ours, wanted in (
        ({"slice_start": 2, "slice_end": 5}, whole[1:4]),
        ({"slice_start": 2, "slice_end": 5, "as_indices": True}, whole[2:5]),
        ({"slice_start": -3}, whole[-3:]),
        ({"row_start": 3, "row_end": 9, "column_start": 5}, whole[:, 2:8, 4:]),
        ({"row_end": -4, "column_end": 7, "as_indices": True}, whole[:, :-4, :7]),
    ):
        assert_same(found.get_volume(**ours), wanted)
    for outside in ({"slice_start": 9}, {"slice_end": 9}, {"row_end": 99}, {"slice_start": 0}):
        with pytest.raises(OutsideMatrix):
            found.get_volume(**outside)


@pytest.mark.parametrize("between", [None, 3.5])
def test_one_slice(between: float | None) -> None:
    def change(_: int, ds: Dataset) -> None:
        if between is not None:
            ds.SpacingBetweenSlices = between

    objects = series(Phantom(20, 24, 1), change=change)
    assert_same(nl.open_series(objects).get_volume(), theirs(objects))


@settings(max_examples=40, deadline=None)
@given(
    angles=st.tuples(*[st.floats(-3.1, 3.1)] * 3),
    spacing=st.tuples(*[st.floats(0.2, 9.0)] * 3),
    origin=st.tuples(*[st.floats(-500, 500)] * 3),
    slices=st.integers(2, 9),
    shuffled=st.integers(0, 1000),
)
def test_any_geometry_in_any_order(
    angles: Any, spacing: Any, origin: Any, slices: int, shuffled: int
) -> None:
    a, b = np.cos(angles), np.sin(angles)
    turn = (
        np.array([[a[0], -b[0], 0], [b[0], a[0], 0], [0, 0, 1]])
        @ np.array([[a[1], 0, b[1]], [0, 1, 0], [-b[1], 0, a[1]]])
        @ np.array([[1, 0, 0], [0, a[2], -b[2]], [0, b[2], a[2]]])
    )
    orientation = [round(float(one), 6) for one in np.concatenate((turn[:, 0], turn[:, 1]))]
    phantom = Phantom(4, 5, slices, tuple(round(one, 4) for one in spacing))
    objects = series(phantom, orientation=orientation, origin=origin, shuffled=shuffled)
    found = nl.open_series(objects)
    wanted = theirs(objects)
    assert_same(found.get_volume(), wanted)
    # The first object is the first slice.
    first = found.datasets[0].ImagePositionPatient
    assert np.allclose(wanted.affine[:3, 3], [float(one) for one in first])


def moved(offset: float) -> Any:
    def change(index: int, ds: Dataset) -> None:
        if index == 3:
            x, y, z = ds.ImagePositionPatient
            ds.ImagePositionPatient = [x, y, z + offset]

    return change


def test_tolerances() -> None:
    objects = series(change=moved(0.1))
    with pytest.raises(NoVolume, match="not evenly spaced") as error:
        nl.open_series(objects).get_volume()
    assert isinstance(error.value, ValueError)
    assert is_refused(objects)
    for options in ({"rtol": 0.1}, {"atol": 0.5}):
        assert_same(nl.open_series(objects).get_volume(**options), theirs(objects, **options))
    with pytest.raises(TypeError):
        nl.open_series(objects).get_volume(rtol=0.1, atol=0.1)


def tilted(index: int, ds: Dataset) -> None:
    if index == 2:
        ds.ImageOrientationPatient = [0.99999, 0.0, 0.00447, 0.0, 1.0, 0.0]


def test_orientations_within_a_tolerance() -> None:
    objects = series(change=tilted)
    with pytest.raises(NoVolume, match=r"ImageOrientationPatient.*1 have others"):
        nl.open_series(objects).get_volume()
    assert is_refused(objects)
    options = {"orientation_tol": 1e-4}
    assert_same(nl.open_series(objects).get_volume(**options), theirs(objects, **options))
    with pytest.raises(NoVolume, match="orientation_tol"):
        nl.open_series(objects).get_volume(orientation_tol=1e-9)
    assert is_refused(objects, orientation_tol=1e-9)


def spaced(index: int, ds: Dataset) -> None:
    if index == 1:
        ds.PixelSpacing = [0.9, 0.9]


def elsewhere(index: int, ds: Dataset) -> None:
    if index == 1:
        ds.FrameOfReferenceUID = "1.2.3"


def larger(index: int, ds: Dataset) -> None:
    if index == 1:
        ds.Rows, ds.Columns, ds.PixelData = 1, 4, b"\0" * 8


@pytest.mark.parametrize(
    ("change", "keyword"),
    [(spaced, "PixelSpacing"), (elsewhere, "FrameOfReferenceUID"), (larger, "Rows and Columns")],
)
def test_objects_that_differ_are_named(change: Any, keyword: str) -> None:
    objects = series(change=change)
    with pytest.raises(NoVolume, match=f"{keyword}.*: 6 have .*, and 1 have others"):
        nl.open_series(objects).get_volume()
    assert is_refused(objects)


def test_two_objects_at_one_place() -> None:
    objects = series()
    objects.append(objects[2])
    with pytest.raises(AmbiguousFrames) as error:
        nl.open_series(objects).get_volume()
    assert isinstance(error.value, ValueError)
    assert is_refused(objects)


def test_wrong_transforms() -> None:
    found = nl.open_series(series(slopes=((0.5, 0),)))
    with pytest.raises(InvalidTransform, match="floating point"):
        found.get_volume(dtype=np.int16)
    with pytest.raises(InvalidTransform):
        found.get_volume(apply_real_world_transform=True, apply_modality_transform=True)


def test_what_a_series_says_of_itself() -> None:
    objects = series()
    found = nl.open_series(objects)
    assert len(found) == found.number_of_slices == SMALL.slices
    wanted = theirs(objects)
    along = sorted(datasets_of(objects), key=lambda ds: -ds.ImagePositionPatient[2])
    assert uids(found.datasets) == uids(along)
    assert found.series_instance_uid == along[0].SeriesInstanceUID
    assert found.modality == "CT"
    assert found.skipped == []
    assert "7 slices of 20 x 24" in repr(found)
    assert wanted.affine[2, 0] < 0


def test_a_series_pickles(tmp_path: Any) -> None:
    for number, one in enumerate(series()):
        (tmp_path / f"{number}.dcm").write_bytes(one)
    found = nl.open_series(tmp_path)
    again = pickle.loads(pickle.dumps(found))
    assert again.urls == found.urls
    assert_same(again.get_volume(), found.get_volume())
