"""An image is a pydicom Dataset of its header, in every way that users rely on."""

import copy
import pickle

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileMetaDataset

import nearline as nl


@pytest.fixture(params=["first opening", "known object"])
def image(request, make):
    slide = make(codec="rle", organisation="TILED_SPARSE", icc_size=3000)
    if request.param == "known object":
        nl.imread(slide.path)
    with nl.traffic() as cost:
        found = nl.imread(slide.path)
    assert cost.parsed_headers == (request.param == "first opening")
    return found


@pytest.fixture
def header(make):
    path = make(codec="rle", organisation="TILED_SPARSE", icc_size=3000).path
    return pydicom.dcmread(path, stop_before_pixels=True)


def test_elements_are_those_of_the_file(image, header):
    assert isinstance(image, pydicom.Dataset)
    assert image.Rows == 32
    assert image[0x0028, 0x0010].value == 32
    assert image["Rows"].value == 32
    assert "Rows" in image
    assert (0x0028, 0x0010) in image
    assert "PixelData" not in image
    assert image.get("NoSuchThing", 5) == 5
    assert image.get("PixelSpacing") is None
    assert len(image) == len(header)
    assert list(image.keys()) == list(header.keys())
    assert [one.tag for one in image] == [one.tag for one in header]
    assert image.OpticalPathSequence[0].OpticalPathIdentifier == "1"
    assert len(image.PerFrameFunctionalGroupsSequence) == image.number_of_frames
    assert str(image) == str(header)
    assert image.file_meta == header.file_meta
    assert isinstance(image.file_meta, FileMetaDataset)
    assert image == header or header == image or image.to_json() == header.to_json()
    seen = []
    image.walk(lambda _, one: seen.append(one.tag))
    assert len(seen) > len(header)


def test_a_missing_attribute_is_an_attribute_error(image):
    with pytest.raises(AttributeError, match="NoSuchThing"):
        _ = image.NoSuchThing
    with pytest.raises(AttributeError):
        _ = image.PatientSpeciesDescription
    assert not hasattr(image, "_pixel_rep_of_nothing")
    with pytest.raises(KeyError):
        _ = image[0x0009, 0x0001]


def test_elements_can_be_set_and_deleted_and_pixels_stay(image):
    before = image.get_stored_frame(1)
    image.PatientName = "Some^One"
    image.add_new(0x00100020, "LO", "id")
    del image.SpecimenDescriptionSequence
    assert image.PatientID == "id"
    assert "SpecimenDescriptionSequence" not in image
    assert np.array_equal(image.get_stored_frame(1), before)


def test_setting_comes_before_reading_too(make):
    path = make(codec="rle", organisation="TILED_SPARSE", icc_size=3000).path
    nl.imread(path)
    image = nl.imread(path)
    image.PatientName = "Some^One"
    assert image.Rows == 32
    image = nl.imread(path)
    image.file_meta = None
    assert image.file_meta is None
    assert image.Rows == 32


@pytest.mark.parametrize("touched", [False, True])
@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one)), lambda one: one.copy()],
    ids=["copy", "deepcopy", "pickle", "Dataset.copy"],
)
def test_copies_are_images_with_the_same_elements_and_pixels(image, copied, touched):
    if touched:
        image.PatientName = "Some^One"
    other = copied(image)
    assert type(other) is nl.Image
    assert other.get("PatientName") == image.get("PatientName")
    assert list(other.keys()) == list(image.keys())
    region = (3, 40, 5, 60, np.uint8)
    assert np.array_equal(
        other.get_total_pixel_matrix(*region), image.get_total_pixel_matrix(*region)
    )
    assert other.url == image.url


def test_deep_copies_do_not_share_elements(image):
    other = copy.deepcopy(image)
    other.PatientName = "Other^One"
    assert image.get("PatientName") != "Other^One"


def test_the_header_can_be_saved(image, header, tmp_path):
    image.save_as(tmp_path / "header.dcm")
    again = pydicom.dcmread(tmp_path / "header.dcm")
    assert again.to_json() == header.to_json()


def test_repr_is_short_and_tells_nothing_of_the_patient(image):
    image.PatientName = "Secret^Name"
    shown = repr(image)
    assert "Secret" not in shown
    assert "70 x 90" in shown
    assert "RLE Lossless" in shown
    assert len(shown.splitlines()) == 1
    assert "Secret" in str(image)


def test_an_image_can_be_made_of_a_dataset_in_memory(make):
    path = make(codec="rle", organisation="TILED_SPARSE", icc_size=3000).path
    dataset = pydicom.dcmread(path)
    image = nl.Image.from_dataset(dataset)
    assert np.array_equal(image.pixel_array, dataset.pixel_array)
    assert np.array_equal(nl.Image.from_file(path, True).pixel_array, dataset.pixel_array)
