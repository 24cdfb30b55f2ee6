"""Runs of regions hold what they may, and lose none."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from nearline.image.many.wanted import Wanted, chunks, cut, windows

SIZES = st.lists(st.integers(0, 1000), max_size=50)
EDGE = st.none() | st.integers(-50, 300)
REGIONS = st.lists(
    st.tuples(st.sampled_from("abc"), st.tuples(EDGE, EDGE), st.tuples(EDGE, EDGE)), max_size=40
)


@given(SIZES, st.integers(1, 3000))
def test_runs_follow_one_another_and_are_as_long_as_they_may(sizes, most):
    runs = [sizes[run] for run in cut(sizes, most)]
    assert [size for run in runs for size in run] == sizes
    for run in runs:
        assert run
        assert sum(run) <= most or len(run) == 1
    for run, following in pairwise(runs):
        assert sum(run) + following[0] > most


@given(REGIONS, st.sampled_from([1, 2, 8]), st.integers(1, 10**6))
def test_windows_keep_the_order_and_chunks_the_target(regions, value_size, most):
    wanted = [Wanted.of(number, one) for number, one in enumerate(regions)]
    found = []
    for run in windows(wanted, value_size, most):
        grouped = list(chunks(run))
        assert len({chunk.key for chunk in grouped}) == len(grouped)
        for chunk in grouped:
            assert {one.target for one in chunk.regions} == {chunk.target}
        assert sorted(one.number for c in grouped for one in c.regions) == [w.number for w in run]
        found.extend(run)
    assert found == wanted
