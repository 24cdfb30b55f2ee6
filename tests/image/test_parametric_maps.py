"""Parametric maps: integers as highdicom reads them, floating point as pydicom does."""

from __future__ import annotations

import io
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom.uid import ImplicitVRLittleEndian, RLELossless

import nearline as nl
from made import Phantom
from made.files import as_bytes
from made.maps import parametric_map
from nearline.errors import InvalidTransform, TransformMissing, WrongKind

PHANTOM = Phantom(20, 24, 5)
FLOATS = [np.float32, np.float64]
INTEGERS = [np.uint8, np.uint16]


def written(dtype: Any, **options: Any) -> bytes:
    values = np.random.default_rng(0).random((5, 20, 24)) * 200
    return as_bytes(parametric_map(PHANTOM, values.astype(dtype), **options))


def theirs_of(content: bytes) -> highdicom.pm.ParametricMap:
    return highdicom.pm.ParametricMap.from_file(io.BytesIO(content))


def stored(content: bytes) -> Any:
    return pydicom.dcmread(io.BytesIO(content)).pixel_array


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_read_as_in_highdicom(dtype: Any) -> None:
    content = written(dtype, slope=0.5, intercept=2.0)
    ours, theirs = nl.pmread(content), theirs_of(content)
    assert np.array_equal(ours.get_stored_frames(), theirs.get_stored_frames())
    assert ours.get_stored_frames().dtype == dtype
    for options in ({}, {"apply_real_world_transform": False}, {"dtype": np.float32}):
        assert np.array_equal(ours.get_frames(**options), theirs.get_frames(**options))
    volume, wanted = ours.get_volume(), theirs.get_volume()
    assert isinstance(volume, highdicom.Volume)
    assert np.array_equal(volume.array, wanted.array)
    assert np.array_equal(volume.affine, wanted.affine)
    part = {"slice_start": 2, "slice_end": 4, "row_start": 3, "column_end": -2}
    assert np.array_equal(ours.get_volume(**part).array, theirs.get_volume(**part).array)
    assert np.array_equal(ours.get_volume(**part).affine, theirs.get_volume(**part).affine)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("syntax", [None, ImplicitVRLittleEndian])
def test_floating_point_pixels_are_read(dtype: Any, syntax: Any) -> None:
    options = {} if syntax is None else {"transfer_syntax_uid": syntax}
    content = written(dtype, slope=0.5, intercept=2.0, **options)
    ours, wanted = nl.pmread(content), stored(content)
    assert wanted.dtype == dtype
    assert np.array_equal(ours.get_stored_frames(), wanted)
    assert ours.get_stored_frame(3).dtype == dtype
    assert np.array_equal(ours.pixel_array, wanted)
    real = wanted.astype(np.float64) * 0.5 + 2.0
    assert np.array_equal(ours.get_frames(), real)
    assert np.array_equal(ours.get_frames(apply_real_world_transform=False), wanted)
    geometry = theirs_of(content).get_volume_geometry()
    volume = ours.get_volume()
    assert np.array_equal(volume.affine, geometry.affine)
    # The frames stand in the order of highdicom's slices.
    order = [p.PlanePositionSequence[0].ImagePositionPatient[2] for p in _groups(content)]
    along = np.argsort(order) if geometry.affine[2, 0] > 0 else np.argsort(order)[::-1]
    assert np.array_equal(volume.array, real[along])


def _groups(content: bytes) -> Any:
    return pydicom.dcmread(io.BytesIO(content)).PerFrameFunctionalGroupsSequence


@pytest.mark.parametrize("dtype", FLOATS)
def test_floating_point_pixels_that_mean_themselves(dtype: Any) -> None:
    content = written(dtype)
    assert np.array_equal(nl.pmread(content).get_frames(dtype=dtype), stored(content))


def test_compressed_integers_read_as_in_highdicom() -> None:
    content = written(np.uint16, transfer_syntax_uid=RLELossless)
    assert np.array_equal(nl.pmread(content).get_frames(), theirs_of(content).get_frames())


def test_values_do_not_fit_into_integers() -> None:
    map_ = nl.pmread(written(np.float32, slope=0.5))
    with pytest.raises(InvalidTransform, match="floating point dtype"):
        map_.get_frames(dtype=np.int16)
    with pytest.raises(TransformMissing):
        map_.get_frames(real_world_value_map_selector="no such label")


def test_a_map_is_what_it_is_taken_for() -> None:
    content = written(np.float32)
    map_ = nl.pm.pmread(content, lazy_frame_retrieval=True)
    assert isinstance(map_, nl.pm.ParametricMap)
    assert isinstance(map_, nl.Image)
    assert isinstance(map_, pydicom.Dataset)
    assert type(nl.imread(content)) is nl.Image
    assert "ParametricMap" in repr(map_)
    assert "float32" in repr(map_)
    assert nl.pm.RealWorldValueMapping is highdicom.pm.RealWorldValueMapping
    again = nl.pm.ParametricMap.from_dataset(pydicom.dcmread(io.BytesIO(content)))
    assert np.array_equal(again.get_stored_frames(), map_.get_stored_frames())


def test_another_kind_of_image_is_refused() -> None:
    from made.ct import ct_series

    content = as_bytes(next(iter(ct_series(PHANTOM))))
    with pytest.raises(WrongKind, match="CT Image") as error:
        nl.pmread(content)
    assert isinstance(error.value, ValueError)
