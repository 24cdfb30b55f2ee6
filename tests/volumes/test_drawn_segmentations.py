"""Every method of segmentations, on files that hypothesis draws, equals highdicom's."""

from __future__ import annotations

import highdicom
from highdicom.sr.coding import Code
from hypothesis import given
from hypothesis import strategies as st

import nearline as nl
from oracles.outcomes import outcome
from volumes.asked import crops, segment_options, some
from volumes.both import Both
from volumes.drawn import Drawn, segmentations
from volumes.outcomes import BROAD, assert_same_outcome

ASKS = 4


def both(drawn: Drawn) -> Both:
    return Both(drawn.data, nl.segread, highdicom.seg.segread)


@BROAD
@given(st.data())
def test_volumes(data: st.DataObject) -> None:
    drawn = data.draw(segmentations(), label="file")
    files = both(drawn)
    more = some({"allow_missing_positions": st.booleans()})
    files.compare("get_volume")
    files.compare("get_volume_geometry")
    for _ in range(ASKS):
        ask = data.draw(segment_options(drawn)) | data.draw(more)
        files.compare("get_volume", where=data.draw(crops(drawn.extent)), **ask)


@BROAD
@given(st.data())
def test_total_pixel_matrices(data: st.DataObject) -> None:
    drawn = data.draw(segmentations(tiled=True), label="file")
    files = both(drawn)
    for _ in range(ASKS):
        ask = data.draw(segment_options(drawn))
        where = data.draw(crops(drawn.extent, slices=False))
        files.compare("get_total_pixel_matrix", where=where, **ask)
    files.compare("get_volume", where=where, **ask)


_SOURCE = some(
    {"ignore_spatial_locations": st.booleans(), "assert_missing_frames_are_empty": st.booleans()}
)


@BROAD
@given(st.data())
def test_pixels_by_source(data: st.DataObject) -> None:
    drawn = data.draw(segmentations(), label="file")
    files = both(drawn)
    uids = st.sampled_from([*drawn.source_uids, "1.2.3"])
    frames = st.one_of(
        st.none(),
        st.lists(st.integers(1, drawn.extent[0]), min_size=1),
        st.just([0]),
        st.just([99]),
    )
    for _ in range(ASKS):
        ask = data.draw(segment_options(drawn)) | data.draw(_SOURCE)
        some_uids = data.draw(st.lists(uids, min_size=1, max_size=4))
        files.compare("get_pixels_by_source_instance", some_uids, **ask)
        uid, numbers = data.draw(uids), data.draw(frames)
        files.compare("get_pixels_by_source_frame", uid, numbers, **ask)


@BROAD
@given(st.data())
def test_pixels_by_dimension_index_values(data: st.DataObject) -> None:
    drawn = data.draw(segmentations(tiled=data.draw(st.booleans())), label="file")
    files = both(drawn)
    pointers = outcome(files.theirs.get_default_dimension_index_pointers)
    files.compare("get_default_dimension_index_pointers")
    if isinstance(pointers, Exception) or not pointers:
        return
    files.compare("are_dimension_indices_unique", pointers)
    index = st.integers(1, 4)
    missing = some({"assert_missing_frames_are_empty": st.booleans()})
    for _ in range(ASKS):
        chosen = data.draw(st.sampled_from([None, pointers, pointers[:1], pointers[::-1]]))
        width = len(chosen or pointers)
        values = data.draw(
            st.lists(st.lists(index, min_size=width, max_size=width), min_size=1, max_size=3)
        )
        ask = data.draw(segment_options(drawn)) | data.draw(missing)
        method = "get_pixels_by_dimension_index_values"
        files.compare(method, values, chosen, **ask)


_FILTERS = some(
    {
        "segment_label": st.sampled_from(["Liver", "Structure 2", "liver"]),
        "segmented_property_category": st.sampled_from(
            [Code("123037004", "SCT", "Anatomical Structure"), Code("1", "SCT", "other")]
        ),
        "segmented_property_type": st.sampled_from(
            [Code("10200004", "SCT", "Liver"), Code("100002", "99MADE", "any")]
        ),
        "algorithm_type": st.sampled_from(["AUTOMATIC", "MANUAL", "nonsense"]),
        "tracking_id": st.sampled_from(["structure 1", "structure 2"]),
    }
)


@BROAD
@given(st.data())
def test_what_segments_are(data: st.DataObject) -> None:
    drawn = data.draw(segmentations(), label="file")
    files = both(drawn)
    for name in ("segment_numbers", "segmentation_type"):
        assert getattr(files.ours, name) == getattr(files.theirs, name)
    for name in ("segmented_property_categories", "segmented_property_types"):
        assert list(getattr(files.ours, name)) == list(getattr(files.theirs, name))
    # highdicom subtracts the background of a label map twice.
    assert files.ours.number_of_segments == len(files.theirs.segment_numbers)
    files.compare("get_segment_numbers")
    for _ in range(ASKS):
        ask = data.draw(_FILTERS)
        files.compare("get_segment_numbers", **ask)
        ask = {
            name: value
            for name, value in ask.items()
            if name not in ("segment_label", "tracking_id")
        }
        found = outcome(lambda ask=ask: files.ours.get_tracking_ids(**ask))
        expected = outcome(lambda ask=ask: files.theirs.get_tracking_ids(**ask))
        if isinstance(expected, list):
            assert sorted(found) == sorted(expected)
        else:
            assert_same_outcome(found, expected)
    for number in (*drawn.numbers, 0, 999):
        files.compare("get_segment_description", number)
