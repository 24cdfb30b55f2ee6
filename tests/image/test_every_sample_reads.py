"""Every sample file: what highdicom or pydicom reads, we read alike; the rest we refuse."""

import warnings
from pathlib import Path

import data_store
import highdicom
import numpy as np
import pydicom
import pydicom.data
import pytest

import nearline as nl
from oracles.pixels import assert_same

FOLDERS = (
    Path(pydicom.data.__file__).parent / "test_files",
    Path(data_store.__file__).parent,  # the package pydicom-data
    Path(__file__).parents[3] / "shared" / "data" / "dicom",
)


def samples():
    for folder in FOLDERS:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.stat().st_size < 30_000_000:
                with path.open("rb") as file:
                    if file.read(132)[128:] == b"DICM":
                        yield pytest.param(path, id=f"{path.parent.name}/{path.name}")


def attempt(read):
    """Return what `read` gives, or the exception."""
    try:
        return read()
    except Exception as error:  # noqa: BLE001 - of other libraries
        return error


def frames_of_pydicom(path):
    dataset = pydicom.dcmread(path)
    array = dataset.pixel_array
    many = int(dataset.get("NumberOfFrames") or 1) > 1
    array = array.astype(array.dtype.newbyteorder("="))
    return array if many else array[None]


@pytest.mark.parametrize("path", list(samples()))
def test_frames_are_those_of_the_reference_readers(path):
    with warnings.catch_warnings(), nl.settings(cache="off"):
        warnings.simplefilter("ignore")
        theirs = attempt(lambda: highdicom.imread(path))
        image = attempt(lambda: nl.imread(path, decoder="pydicom"))
        expected = theirs
        if not isinstance(theirs, Exception):
            expected = attempt(theirs.get_stored_frames)
        if isinstance(expected, Exception):
            expected = attempt(lambda: frames_of_pydicom(path))
        if isinstance(expected, Exception):
            # Damaged or without pixels. If we do read it, the test has nothing to compare with.
            if isinstance(image, Exception):
                assert isinstance(image, nl.NearlineError), image
            return
        assert_same(image.get_stored_frames(), expected)
        default = nl.imread(path)
        if "JPEG" not in default.transfer_syntax_uid.name:
            assert_same(default.get_stored_frames(), expected)
        assert np.array_equal(image.pixel_array, expected[0] if len(expected) == 1 else expected)
        if not isinstance(theirs, Exception):
            same_transforms(image, theirs)
            same_metadata(image, theirs)


def same_transforms(image, theirs):
    expected = attempt(lambda: theirs.get_frame(1))
    if isinstance(expected, Exception):
        return
    assert_same(image.get_frame(1), expected)


def same_metadata(image, theirs):
    for name in ("number_of_frames", "is_tiled", "dimension_index_pointers", "transfer_syntax_uid"):
        assert getattr(image, name) == getattr(theirs, name), name
    system = theirs.coordinate_system
    assert image.coordinate_system == (None if system is None else system.value)
    indexable = theirs.is_indexable_as_total_pixel_matrix()
    assert image.is_indexable_as_total_pixel_matrix() >= indexable
    assert sorted(image.get_source_image_uids()) == sorted(theirs.get_source_image_uids())
    pointers = theirs.dimension_index_pointers
    for some in [pointers, *([one] for one in pointers)] if pointers else []:
        assert image.are_dimension_indices_unique(some) == theirs.are_dimension_indices_unique(some)
    if indexable:
        expected = attempt(lambda: theirs.get_total_pixel_matrix(apply_icc_profile=False))
        if not isinstance(expected, Exception):
            assert_same(image.get_total_pixel_matrix(apply_icc_profile=False), expected)
