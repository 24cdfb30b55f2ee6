"""Hints follow whoever reads frames row of tiles by row of tiles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearline.dicom.hints import FrameHints
from nearline.ranges import ByteRange

HEADER, FRAME = 1000, 100


def hints(frames: int) -> FrameHints:
    starts = HEADER + FRAME * np.arange(frames, dtype=np.int64)
    return FrameHints(starts, starts + FRAME + 8)


def span(first: int, length: int, frames: int) -> ByteRange:
    last = min(first + length, frames)
    return ByteRange(HEADER + FRAME * first, HEADER + FRAME * last + 8)


def read_rows(follower: FrameHints, rows: list[int], length: int) -> list[object]:
    """Read frames as highdicom does: seek, item, and the header of the next item."""
    told, position = [], 40
    for first in rows:
        for frame in range(first, first + length):
            start = HEADER + FRAME * frame
            told.append(follower.jumped(position, start))
            position = start + FRAME + 4
    return told


@given(st.integers(1, 9), st.integers(10, 40), st.integers(3, 12))
def test_rows_of_tiles_are_foreseen_from_the_second_on(length, across, rows):
    frames = across * (rows + 1)
    told = read_rows(hints(frames), [across * row for row in range(rows)], length)
    jumps = [one for one in told if one is not None]
    assert len(jumps) == rows - 1
    for row, (window, ahead) in enumerate(jumps, 1):
        assert window == span(across * row, length, frames)
        assert 1 <= len(ahead) <= 4
        for number, run in enumerate(ahead, 1):
            assert run == span(across * (row + number), length, frames)
    # Whatever is foreseen is foreseen in time: with the row before it at the latest.
    foreseen = {run.start for _, ahead in jumps for run in ahead}
    assert {window.start for window, _ in jumps[1:]} <= foreseen


def test_frames_in_a_row_are_no_jump():
    assert read_rows(hints(50), [0], 50) == [None] * 50


def test_jumps_into_the_header_tell_nothing():
    follower = hints(20)
    assert follower.jumped(500, 200) is None
    assert follower.jumped(HEADER + 50, 10) is None
    assert follower.jumped(300, HEADER + FRAME * 20 + 500) is None


def test_runs_at_uneven_distances_are_as_long_as_the_last():
    told = read_rows(hints(200), [3, 50, 20, 120], 3)
    windows = [one[0] for one in told if one is not None]
    assert windows == [span(first, 3, 200) for first in (50, 20, 120)]


def test_nothing_is_foreseen_beyond_either_end():
    told = read_rows(hints(100), [80, 40, 0], 5)
    assert [one[1] for one in told if one is not None] == [(span(0, 5, 100),), ()]


@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 3000)), max_size=40))
def test_whatever_is_read_hints_lie_in_the_object(jumps):
    follower = hints(15)
    for left, to in jumps:
        told = follower.jumped(left, to)
        for one in () if told is None else (told[0], *told[1]):
            assert HEADER <= one.start < one.stop <= HEADER + FRAME * 15 + 8


@pytest.mark.parametrize("frame_size", [1 << 20, 9 << 20])
def test_large_frames_are_not_fetched_by_the_dozen(frame_size):
    starts = np.arange(100, dtype=np.int64) * frame_size
    follower = FrameHints(starts, starts + frame_size)
    position = 0
    for first in (0, 20, 40, 60):
        for frame in (first, first + 1):
            told = follower.jumped(position, frame * frame_size)
            if told is not None:
                assert sum(one.length for one in told[1]) <= 4 << 20
            position = (frame + 1) * frame_size
