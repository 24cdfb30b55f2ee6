"""What cannot be read says why, and never comes out as pixels."""

import shutil

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

import nearline as nl


@pytest.fixture
def copied(make, tmp_path):
    slide = make(codec="jpeg2000-lossless", offset_table="extended")
    path = tmp_path / "slide.dcm"
    shutil.copy(slide.path, path)
    return slide, path


def overwrite(path, offset, data):
    with path.open("r+b") as file:
        file.seek(int(offset))
        file.write(data)


def test_no_dicom_and_no_pixels(tmp_path):
    (tmp_path / "text").write_bytes(b"no DICOM at all" * 50)
    with pytest.raises(nl.NotDicom):
        nl.imread(tmp_path / "text")
    with pytest.raises(nl.NoPixels, match=r"nearline\.dcmread") as caught:
        nl.imread(get_testdata_file("reportsi.dcm"))
    assert isinstance(caught.value, ValueError)
    with pytest.raises(FileNotFoundError):
        nl.imread(tmp_path / "nothing.dcm")


def test_a_damaged_frame_is_named_and_the_others_are_read(copied):
    slide, path = copied
    expected = nl.imread(slide.path).get_stored_frames()
    overwrite(path, slide.item_offsets[4, 0] + 2, bytes(60))
    image = nl.imread(path)
    with pytest.raises(nl.DecodingFailed, match="Frame 5") as caught:
        image.get_stored_frames()
    assert str(path) in str(caught.value)
    with pytest.raises(nl.DecodingFailed, match="Frame 5"):
        image.get_total_pixel_matrix(dtype=np.uint8)
    assert np.array_equal(image.get_stored_frame(4), expected[3])
    assert np.array_equal(image.get_stored_frame(6), expected[5])


def test_a_lying_offset_table_is_noticed(copied):
    slide, path = copied
    overwrite(path, slide.item_offsets[7, 0] - 8, b"\0\0\0\0")
    with pytest.raises(nl.InvalidDicom, match="Frame 8"):
        nl.imread(path).get_stored_frames([8])


def test_a_truncated_file_is_noticed(copied):
    slide, path = copied
    with path.open("r+b") as file:
        file.truncate(int(slide.item_offsets[10, 0]) + 20)
    with pytest.raises((nl.TruncatedObject, nl.InvalidDicom)):
        nl.imread(path).get_stored_frames()


def test_an_untiled_image_has_no_matrix_and_says_what_to_use():
    image = nl.imread(get_testdata_file("CT_small.dcm"))
    assert not image.is_tiled
    with pytest.raises(nl.MissingFrames, match="get_frames") as caught:
        image.get_total_pixel_matrix()
    assert isinstance(caught.value, RuntimeError)


def test_tiles_without_positions_have_no_matrix(make, tmp_path):
    dataset = pydicom.dcmread(make(codec="native", organisation="TILED_SPARSE").path)
    del dataset.PerFrameFunctionalGroupsSequence
    dataset.save_as(tmp_path / "nowhere.dcm")
    image = nl.imread(tmp_path / "nowhere.dcm")
    assert image.is_tiled
    assert not image.is_indexable_as_total_pixel_matrix()
    with pytest.raises(nl.MissingFrames, match="where its tiles lie"):
        image.get_total_pixel_matrix()
    assert image.get_stored_frames().shape == (12, 32, 24, 3)


def test_an_unknown_decoder_is_refused(make):
    with pytest.raises(nl.InvalidOption, match="'fastest'"):
        nl.imread(make(codec="rle").path, decoder="fastest").get_frame(1)


def test_single_bit_frames_that_begin_within_a_byte(tmp_path):
    """highdicom reads a byte too few of such frames when it is lazy."""
    rng = np.random.default_rng(5)
    frames = rng.integers(0, 2, (7, 5, 3), np.uint8)
    dataset = pydicom.dcmread(get_testdata_file("liver.dcm"))
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = 5, 3, 7
    packed = np.packbits(frames.ravel(), bitorder="little").tobytes()
    dataset.PixelData = packed + b"\0" * (len(packed) % 2)
    groups = dataset.PerFrameFunctionalGroupsSequence
    dataset.PerFrameFunctionalGroupsSequence = [groups[i % len(groups)] for i in range(7)]
    dataset.save_as(tmp_path / "bits.dcm")
    image = nl.imread(tmp_path / "bits.dcm")
    assert np.array_equal(image.get_stored_frames(), frames)
    assert np.array_equal(image.get_stored_frame(4), frames[3])
