"""nibabel and SimpleITK place exported volumes where highdicom's affine says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import highdicom
import nibabel
import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st

import nearline as nl
from made import Phantom, write_segmentation, write_series
from nearline.errors import InvalidOption
from nearline.image.export.montage import chosen_slices, grey_levels, mosaic
from nearline.image.export.nifti import write_nifti

PHANTOM = Phantom(16, 24, 6, (2.5, 0.8, 0.6))
OBLIQUE = (0.8, 0.6, 0.0, -0.48, 0.64, 0.6)


@pytest.fixture(scope="module", params=["series", "segment"])
def volume(request: Any, tmp_path_factory: pytest.TempPathFactory) -> highdicom.Volume:
    folder = tmp_path_factory.mktemp("volume")
    if request.param == "series":
        write_series(folder, PHANTOM, orientation=OBLIQUE)
        return nl.open_series(folder).get_volume(dtype=np.int16, row_start=3, column_end=20)
    made = write_segmentation(folder / "seg.dcm", PHANTOM)
    return nl.segread(made.path).get_volume(segment_numbers=[1]).squeeze_channel()


def places(volume: highdicom.Volume) -> list[tuple[tuple[int, ...], np.ndarray]]:
    """Corners and some place within, and where highdicom says that they are (LPS, mm)."""
    last = np.array(volume.spatial_shape) - 1
    indices = [(0, 0, 0), tuple(last.tolist()), (1, 5, 7), (2, 0, 3)]
    points = volume.map_indices_to_reference(np.array(indices))
    return list(zip(indices, points, strict=True))


@pytest.mark.parametrize("name", ["v.nii", "v.nii.gz", "V.NII.GZ"])
def test_nifti_files(volume: highdicom.Volume, tmp_path: Path, name: str) -> None:
    write_nifti(volume, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    image = nibabel.load(tmp_path / name)
    stored = np.asarray(image.dataobj)
    assert np.array_equal(stored, volume.array)
    assert stored.dtype == volume.array.dtype
    for index, point in places(volume):
        right, front, up = (image.affine @ [*index, 1])[:3]
        assert np.allclose([-right, -front, up], point, atol=1e-3)
    image = SimpleITK.ReadImage(tmp_path / name)
    for index, point in places(volume):
        assert np.allclose(image.TransformIndexToPhysicalPoint(index), point, atol=1e-3)
        assert image.GetPixel(*index) == volume.array[index]


def test_simpleitk_images(volume: highdicom.Volume) -> None:
    image = volume.to_simpleitk()
    for index, point in places(volume):
        assert np.allclose(image.TransformIndexToPhysicalPoint(index), point, atol=1e-6)
        assert image.GetPixel(*index) == volume.array[index]


def test_a_volume_is_highdicoms(volume: highdicom.Volume) -> None:
    assert nl.Volume is highdicom.Volume
    assert nl.VolumeGeometry is highdicom.VolumeGeometry
    assert isinstance(volume, nl.Volume)


def test_what_nifti_cannot_hold(tmp_path: Path) -> None:
    made = write_segmentation(tmp_path / "seg.dcm", PHANTOM)
    channels = nl.segread(made.path).get_volume(segment_numbers=[1, 2])
    with pytest.raises(InvalidOption, match="channels"):
        write_nifti(channels, tmp_path / "v.nii")
    with pytest.raises(InvalidOption, match=r"must end in \.nii"):
        write_nifti(channels.squeeze_channel(), tmp_path / "v.mha")
    assert [path.name for path in tmp_path.iterdir()] == ["seg.dcm"]


# --- mosaics ----------------------------------------------------------------


@given(touched=st.lists(st.booleans(), min_size=1, max_size=40), most=st.integers(1, 25))
def test_slices_are_chosen_among_those_touched(touched: list[bool], most: int) -> None:
    mask = np.zeros((len(touched), 2, 2), bool)
    mask[:, 1, 1] = touched
    chosen = chosen_slices(mask, most)
    candidates = np.flatnonzero(touched) if any(touched) else np.arange(len(touched))
    assert len(chosen) == min(most, len(candidates))
    assert chosen == sorted(set(chosen))
    assert set(chosen) <= set(candidates.tolist())


@settings(deadline=None)
@given(count=st.integers(1, 12), aspect=st.sampled_from([0.5, 1.0, 2.5]))
def test_every_tile_stands_in_the_mosaic(count: int, aspect: float) -> None:
    grey = np.stack([np.full((6, 8), 10 * one + 10, np.uint8) for one in range(count)])
    mask = np.zeros(grey.shape, bool)
    picture = mosaic(grey, mask, aspect)
    assert picture.dtype == np.uint8
    assert set(np.unique(picture)) - {0} == set(np.unique(grey))
    assert (picture[..., 0] == picture[..., 2]).all()
    mask[0, 2:5, 3:6] = True
    assert (mosaic(grey, mask, aspect)[..., 0] != mosaic(grey, mask, aspect)[..., 2]).any()


def test_windows_map_to_black_and_white() -> None:
    values = np.array([-500.0, -160.0, 40.0, 240.0, 900.0])
    assert grey_levels(values, (-160.0, 240.0)).tolist() == [0, 0, 127, 255, 255]
    spread = grey_levels(np.arange(1000), None)
    assert spread[0] == 0
    assert spread[-1] == 255
    assert grey_levels(np.zeros(4), None).tolist() == [0, 0, 0, 0]


def test_series_are_matched_to_other_geometries(tmp_path: Path) -> None:
    from nearline.errors import NoVolume
    from nearline.image.segmentation.source_volume import matched

    write_series(tmp_path, PHANTOM)
    series = nl.open_series(tmp_path)
    whole = series.get_volume(dtype=np.float32)
    wanted = whole.get_geometry()[1:4].flip_spatial(1).permute_spatial_axes([0, 2, 1])
    found = matched(series, wanted)
    assert np.allclose(found.affine, wanted.affine)
    assert np.array_equal(found.array, whole.match_geometry(wanted).array)
    elsewhere = highdicom.VolumeGeometry(
        np.diag([2.5, 0.8, 0.6, 1.0]), (2, 4, 4), "PATIENT", whole.frame_of_reference_uid
    )
    with pytest.raises(NoVolume):
        matched(series, elsewhere)
