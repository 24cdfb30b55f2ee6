"""What cannot be read says what was found and what to do; the next call works."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pydicom
import pytest

import nearline as nl
from image.segmentation.drawn import written
from image.segmentation.equal import both
from image.segmentation.test_label_maps import NARROW
from made.files import as_bytes

BINARY = replace(NARROW, kind="BINARY", numbers=(1, 2, 3), overlapping=True, omit_empty=False)
FRACTIONAL = replace(BINARY, kind="FRACTIONAL", partial=True)


def changed(recipe, change):
    ds = pydicom.dcmread(BytesIO(written(recipe)))
    change(ds)
    return as_bytes(ds)


def refusal(error, content, method="get_volume", *args, **options):
    with pytest.raises(error) as caught:
        getattr(nl.segread(content), method)(*args, **options)
    assert str(caught.value).endswith(".")
    return str(caught.value)


@pytest.mark.parametrize("method", ["get_volume", "get_pixels_by_dimension_index_values"])
def test_unknown_segments_are_named_with_those_that_exist(method):
    args = ([[1]],) if "dimension" in method else ()
    content = written(BINARY)
    text = refusal(nl.UnknownSegment, content, method, *args, segment_numbers=[2, 9])
    assert "no segment 9" in text
    assert "1 (Structure 1), 2 (Structure 2), 3 (Structure 3)" in text
    text = refusal(nl.UnknownSegment, content, method, *args, segment_numbers=[])
    assert "none was found by its label" in text
    assert "3 (Structure 3)" in text
    assert "no segment 4" in refusal(nl.UnknownSegment, content, "get_segment_description", 4)


def test_long_lists_of_segments_are_cut():
    content = written(replace(BINARY, numbers=tuple(range(1, 41)), shape=(1, 2, 2)))
    text = refusal(nl.UnknownSegment, content, segment_numbers=[99])
    assert "and 10 more" in text


def test_segments_that_overlap_are_named_and_the_next_call_works():
    segmentation = nl.segread(written(BINARY))
    with pytest.raises(nl.OverlappingSegments, match=r"Segments \d and \d .*share pixels"):
        segmentation.get_volume(combine_segments=True)
    apart = segmentation.get_volume().array
    one, other = next(
        (a, b) for a, b in ((0, 1), (0, 2), (1, 2)) if (apart[..., a] & apart[..., b]).any()
    )
    with pytest.raises(nl.OverlappingSegments) as caught:
        segmentation.get_volume(
            segment_numbers=[other + 1, one + 1], combine_segments=True, relabel=True
        )
    named = {f"Segments {one + 1} and {other + 1}", f"Segments {other + 1} and {one + 1}"}
    assert any(str(caught.value).startswith(one) for one in named)
    highest = segmentation.get_volume(combine_segments=True, skip_overlap_checks=True).array
    assert np.array_equal(highest, (apart * [1, 2, 3]).max(axis=-1))


def test_a_crop_hides_no_overlap_unless_told_to():
    content = written(BINARY)
    apart = nl.segread(content).get_volume().array
    free = next(
        column for column in range(7) if (apart[:, :, column].astype(int).sum(axis=-1) <= 1).all()
    )
    crop = {"column_start": free, "column_end": free + 1, "as_indices": True}
    theirs, ours = both(content, "get_volume", combine_segments=True, **crop)
    assert isinstance(theirs, RuntimeError)
    assert isinstance(ours, nl.OverlappingSegments)
    nl.segread(content).get_volume(combine_segments=True, skip_overlap_checks=True, **crop)


def test_a_segment_asked_for_twice_is_not_combined_with_itself():
    text = refusal(
        nl.OverlappingSegments, written(BINARY), segment_numbers=[1, 1], combine_segments=True
    )
    assert "twice" in text


@pytest.mark.parametrize("crop", [{}, {"row_start": 1, "row_end": 2}])
def test_fractions_beyond_the_largest(crop):
    def change(ds):
        ds.MaximumFractionalValue = 3

    content = changed(FRACTIONAL, change)
    assert "(0062,000E) is 3" in refusal(nl.InvalidFractions, content, **crop)
    values = nl.segread(content).get_volume(rescale_fractional=False, **crop).array
    assert values.dtype == np.uint8


def test_fractions_between_all_and_nothing_are_no_labels():
    text = refusal(nl.InvalidFractions, written(FRACTIONAL), combine_segments=True)
    assert "combine_segments=False" in text


@pytest.mark.parametrize("dtype", [np.uint8, bool, np.int64])
def test_fractions_in_a_dtype_of_whole_numbers(dtype):
    assert "numpy.float32" in refusal(nl.InvalidTransform, written(FRACTIONAL), dtype=dtype)


def test_labels_that_the_dtype_cannot_hold():
    content = written(replace(BINARY, overlapping=False))
    text = refusal(nl.InvalidTransform, content, combine_segments=True, dtype=bool)
    assert "largest label is 3" in text


def test_a_fractional_segmentation_without_its_largest_value():
    def change(ds):
        del ds.MaximumFractionalValue

    assert "Maximum Fractional Value" in refusal(nl.InvalidDicom, changed(FRACTIONAL, change))


def test_an_unknown_type_of_segmentation():
    def change(ds):
        ds.SegmentationType = "GUESSED"

    assert "'GUESSED'" in refusal(nl.InvalidDicom, changed(BINARY, change))


def test_frames_that_do_not_say_which_segment_they_show():
    def change(ds):
        for group in ds.PerFrameFunctionalGroupsSequence:
            del group.SegmentIdentificationSequence

    assert "(0062,000B)" in refusal(nl.MissingFrames, changed(BINARY, change))


def test_two_frames_of_one_segment_at_one_place():
    def change(ds):
        groups = ds.PerFrameFunctionalGroupsSequence
        groups[1].PlanePositionSequence = groups[0].PlanePositionSequence

    content = changed(BINARY, change)
    text = refusal(nl.AmbiguousFrames, content)
    assert "of segment 1" in text
    assert nl.segread(content).get_volume(segment_numbers=[2]).array.shape[-1] == 1


def test_frames_without_geometry():
    def lose_positions(ds):
        for group in ds.PerFrameFunctionalGroupsSequence:
            del group.PlanePositionSequence

    def lose_frame_of_reference(ds):
        del ds.FrameOfReferenceUID

    assert "Image Position (Patient)" in refusal(nl.NoVolume, changed(BINARY, lose_positions))
    content = changed(BINARY, lose_frame_of_reference)
    assert "Frame of Reference UID" in refusal(nl.NoVolume, content)
    assert nl.segread(content).get_volume_geometry() is None


def test_positions_that_are_missing_where_they_must_not_be():
    def change(ds):
        ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices = 1
        for group in ds.PerFrameFunctionalGroupsSequence:
            position = group.PlanePositionSequence[0].ImagePositionPatient
            if position[2] == -297:
                position[2] = -290

    content = changed(BINARY, change)
    text = refusal(nl.NoVolume, content, allow_missing_positions=False)
    assert "not evenly spaced" in text
    assert nl.segread(content).get_volume().array.shape[0] == 11


def test_an_image_that_is_no_segmentation():
    from made import Phantom, ct_series

    ds = next(ct_series(Phantom(4, 4, 1, (1.0, 1.0, 1.0))))
    with pytest.raises(nl.WrongKind, match=r"CT Image Storage.*nearline\.imread"):
        nl.seg.Segmentation.from_dataset(ds)
    with pytest.raises(TypeError, match="Dataset"):
        nl.seg.Segmentation.from_dataset("seg.dcm")


def test_a_matrix_that_is_none():
    refusal(nl.MissingFrames, written(BINARY), "get_total_pixel_matrix")


def test_label_maps_have_no_frames_of_one_segment():
    with pytest.raises(nl.MissingFrames, match="label map"):
        next(nl.segread(written(NARROW)).iter_segments())
