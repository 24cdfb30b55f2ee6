"""Every frame asked for goes once to each of its places, however the object orders them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nearline as nl
from nearline.image.segmentation.selection import matching, select


@given(
    segments=st.lists(st.integers(1, 4), min_size=1, max_size=40),
    places=st.lists(st.integers(0, 6), min_size=40, max_size=40),
    numbers=st.lists(st.integers(1, 5), min_size=1, max_size=5),
    stripe=st.integers(1, 5),
    cut=st.integers(1, 40),
    backwards=st.booleans(),
)
def test_groups_cover_what_was_asked_for(segments, places, numbers, stripe, cut, backwards):
    seen, rows = set(), []
    for frame, (segment, place) in enumerate(zip(segments, places, strict=False)):
        if (segment, place) not in seen:
            seen.add((segment, place))
            rows.append((frame, place))
    frames, at = (np.array(one, np.intp) for one in zip(*rows, strict=True))
    if backwards:
        frames, at = frames[::-1], at[::-1]
    chosen = select(
        frames,
        at,
        segments=np.array(segments),
        numbers=np.array(numbers, np.intp),
        stripe=stripe,
    )
    expected = {
        (frame, place, channel)
        for frame, place in rows
        for channel, number in enumerate(numbers)
        if segments[frame] == number
    }
    found = []
    wanted = np.unique(chosen.frames)
    # As they are handed over: runs of frames side by side, none longer than `cut`.
    breaks = np.flatnonzero(np.diff(wanted) != 1) + 1
    for run in np.split(wanted, breaks):
        for first in range(0, len(run), cut):
            indices = run[first : first + cut]
            for group in chosen.groups(indices):
                target = np.arange(7)[group.places]
                source = indices[group.values]
                assert len(target) == len(source) > 0
                assert set((target // stripe).tolist()) == {group.stripe}
                found += [
                    (frame, place, group.channel)
                    for frame, place in zip(source.tolist(), target.tolist(), strict=True)
                ]
    assert len(found) == len(set(found))
    assert set(found) == expected


def test_frames_of_one_segment_side_by_side_are_one_group_in_either_direction():
    for places in (np.arange(8), np.arange(8)[::-1]):
        chosen = select(
            np.arange(8), places, segments=np.ones(8, int), numbers=np.array([1]), stripe=8
        )
        (group,) = chosen.groups(np.arange(8))
        assert np.arange(8)[group.places].tolist() == places.tolist()


def test_two_frames_of_one_segment_at_one_place_are_refused():
    with pytest.raises(nl.AmbiguousFrames, match="Frames 1 and 3 of segment 2"):
        select(np.arange(3), np.zeros(3, int), segments=np.array([2, 1, 2]), numbers=np.array([2]))


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=20),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=20),
)
def test_matching_finds_every_pair(have, wanted):
    rows, places = matching(np.array(have), np.array(wanted))
    expected = {
        (row, place)
        for row, one in enumerate(have)
        for place, other in enumerate(wanted)
        if one == other
    }
    pairs = list(zip(rows.tolist(), places.tolist(), strict=True))
    assert len(pairs) == len(expected)
    assert set(pairs) == expected
