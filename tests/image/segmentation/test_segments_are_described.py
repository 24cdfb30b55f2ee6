"""What a segmentation says of its segments equals highdicom's; samples of others too."""

from dataclasses import replace
from io import BytesIO
from itertools import product

import highdicom
import numpy as np
import pydicom
import pytest
from highdicom.seg import SegmentAlgorithmTypeValues, SegmentDescription

import nearline as nl
from image.segmentation.drawn import CATEGORIES, TYPES, written
from image.segmentation.equal import assert_equal
from image.segmentation.test_label_maps import NARROW
from oracles.samples import samples

CONTENT = written(replace(NARROW, kind="BINARY", numbers=tuple(range(1, 8))))

SEGMENTATIONS = [
    path
    for path in samples()
    if str(pydicom.dcmread(path, specific_tags=["SOPClassUID"], force=True).get("SOPClassUID", ""))
    in ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
]


BIG_ENDIAN = "_expb"
"""What highdicom cannot read is held against the same pixels in little endian."""


def readers(content):
    return highdicom.seg.segread(BytesIO(content)), nl.segread(content)


def test_filters():
    theirs, ours = readers(CONTENT)
    for label, category, kind, algorithm in product(
        [None, "Structure 1", "Structure 9"],
        [None, *CATEGORIES],
        [None, TYPES[0]],
        [None, "MANUAL", SegmentAlgorithmTypeValues.AUTOMATIC],
    ):
        filters = {
            "segmented_property_category": category,
            "segmented_property_type": kind,
            "algorithm_type": algorithm,
        }
        expected = theirs.get_segment_numbers(segment_label=label, **filters)
        assert ours.get_segment_numbers(segment_label=label, **filters) == expected
        tracked = theirs.get_tracking_ids(**filters)
        assert sorted(ours.get_tracking_ids(**filters)) == sorted(tracked)
    for identifier, uid in theirs.get_tracking_ids():
        by_id = theirs.get_segment_numbers(tracking_id=identifier)
        assert by_id
        assert ours.get_segment_numbers(tracking_id=identifier) == by_id
        assert ours.get_segment_numbers(tracking_uid=uid) == by_id


def test_an_unknown_kind_of_algorithm_is_a_value_error():
    with pytest.raises(ValueError, match="NOBODY"):
        nl.segread(CONTENT).get_segment_numbers(algorithm_type="NOBODY")


def test_everything_else():
    theirs, ours = readers(CONTENT)
    assert ours.segment_numbers == theirs.segment_numbers
    assert ours.number_of_segments == theirs.number_of_segments
    assert ours.segmentation_type == theirs.segmentation_type
    assert ours.segmentation_fractional_type is None
    assert ours.segmented_property_categories == theirs.segmented_property_categories
    assert ours.segmented_property_types == theirs.segmented_property_types
    for number in theirs.segment_numbers:
        description = ours.get_segment_description(number)
        assert isinstance(description, SegmentDescription)
        assert description == theirs.get_segment_description(number)
    assert [one.segment_label for one in ours.SegmentSequence] == [
        one.segment_label for one in theirs.SegmentSequence
    ]
    assert assert_equal(CONTENT, "get_segment_description", 99) is None


def test_segments_one_by_one():
    theirs, ours = readers(CONTENT)
    found = list(ours.iter_segments())
    expected = list(theirs.iter_segments())
    assert len(found) == len(expected) == 7
    for one, other in zip(found, expected, strict=True):
        assert (one[0] == other[0]).all()
        # highdicom's items are of its own classes, which compare with none but each other.
        assert [item.to_json() for item in one[1]] == [item.to_json() for item in other[1]]
        assert one[2] == other[2]


def test_finding_a_segment_by_label_describes_none_of_them():
    segmentation = nl.segread(CONTENT)
    assert segmentation.get_segment_numbers(segment_label="Structure 2") == [2, 6]
    item = segmentation[0x00620002].value[0]
    assert not isinstance(item, SegmentDescription)
    assert segmentation.SegmentSequence[0] is item
    assert isinstance(item, SegmentDescription)


def test_fractions_say_what_they_mean():
    content = written(replace(NARROW, kind="FRACTIONAL", numbers=(1, 2)))
    theirs, ours = readers(content)
    assert ours.segmentation_fractional_type == theirs.segmentation_fractional_type
    assert ours.segmentation_fractional_type is not None


@pytest.mark.parametrize("path", SEGMENTATIONS, ids=lambda path: path.name)
def test_samples_read_equal_to_highdicom(path):
    if BIG_ENDIAN in path.name:
        twin = path.with_name(path.name.replace(BIG_ENDIAN, ""))
        expected = highdicom.seg.segread(twin).get_volume(combine_segments=True)
        found = nl.segread(path).get_volume(combine_segments=True)
        assert np.array_equal(found.array, expected.array)
        assert np.array_equal(found.affine, expected.affine)
        return
    content = path.read_bytes()
    theirs, ours = readers(content)
    assert ours.segment_numbers == theirs.segment_numbers
    assert ours.segmentation_type == theirs.segmentation_type
    assert sorted(ours.get_tracking_ids()) == sorted(theirs.get_tracking_ids())
    assert ours.segmented_property_types == theirs.segmented_property_types
    assert ours.get_source_image_uids() == theirs.get_source_image_uids()
    options = [
        {},
        {"combine_segments": True},
        {"combine_segments": True, "relabel": True},
        {"segment_numbers": theirs.segment_numbers[:1], "dtype": "float32"},
    ]
    for chosen in options:
        assert_equal(content, "get_volume", row_start=3, row_end=-1, **chosen)
        if theirs.is_tiled:
            assert_equal(content, "get_total_pixel_matrix", **chosen)
    if ours._opened.columns.references is not None:
        uids = [str(uid) for *_, uid in theirs.get_source_image_uids()]
        assert_equal(
            content,
            "get_pixels_by_source_instance",
            uids[:5],
            ignore_spatial_locations=True,
        )
