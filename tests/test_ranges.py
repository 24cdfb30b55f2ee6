"""Set operations on byte ranges agree with sets of bytes."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from nearline.ranges import ByteRange, merge, subtract, total

ranges = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 20)).map(lambda t: ByteRange(t[0], t[0] + t[1])),
    max_size=12,
)


def covered(some: list[ByteRange]) -> set[int]:
    return {byte for one in some for byte in range(one.start, one.stop)}


@given(ranges)
def test_merge_covers_the_same_bytes_in_sorted_disjoint_ranges(some: list[ByteRange]) -> None:
    merged = merge(some)
    assert covered(merged) == covered(some)
    assert all(a.stop < b.start for a, b in itertools.pairwise(merged))
    assert total(merged) == len(covered(some))


@given(ranges, st.integers(0, 15))
def test_merge_closes_exactly_the_gaps_it_may(some: list[ByteRange], gap: int) -> None:
    merged = merge(some, gap=gap)
    assert covered(some) <= covered(merged)
    assert all(b.start - a.stop > gap for a, b in itertools.pairwise(merged))
    assert {one.start for one in merged} <= {one.start for one in some}


@given(ranges, ranges)
def test_subtract_leaves_the_bytes_that_are_not_held(
    some: list[ByteRange], held: list[ByteRange]
) -> None:
    missing = subtract(some, held)
    assert covered(missing) == covered(some) - covered(held)
    assert total(missing) == len(covered(missing))
    assert all(one.length > 0 for one in missing)


@given(ranges, ranges)
def test_overlaps_agrees_with_sets(a: list[ByteRange], b: list[ByteRange]) -> None:
    for one in a:
        for other in b:
            if one.length and other.length:
                assert one.overlaps(other) == bool(covered([one]) & covered([other]))
