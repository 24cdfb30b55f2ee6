"""Index arguments mean what they mean in highdicom and NumPy, or raise an error of their kind."""

import highdicom
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nearline.errors import InvalidOption, OutsideMatrix, UnknownFrame
from nearline.image.geometry.indexing import spans_of
from nearline.image.geometry.region import Span, region_of_matrix
from nearline.image.numbering import frame_index, frame_indices

ROWS, COLUMNS = 7, 5

bounds = st.none() | st.integers(-2 * ROWS, 2 * ROWS)


def of_highdicom(row_start, row_end, column_start, column_end, as_indices):
    return highdicom.image._Image._standardize_row_column_indices(
        row_start,
        row_end,
        column_start,
        column_end,
        rows=ROWS,
        columns=COLUMNS,
        as_indices=as_indices,
        outputs_as_indices=True,
    )


@given(bounds, bounds, bounds, bounds, st.booleans())
@example(1, ROWS + 1, 1, COLUMNS + 1, False)
@example(-ROWS, None, -COLUMNS, None, True)
@example(3, 3, 3, 3, False)
@example(0, 0, 0, 0, True)
def test_regions_are_those_of_highdicom(row_start, row_end, column_start, column_end, as_indices):
    given_ = (row_start, row_end, column_start, column_end)
    try:
        expected = of_highdicom(*given_, as_indices)
    except ValueError:
        expected = None
    if expected is not None:
        top, bottom, left, right = expected
        # Reversed and negative regions, which highdicom meets when it makes the array, or never.
        if top < 0 or left < 0 or bottom < top or right < left:
            expected = None
    if expected is None:
        with pytest.raises(OutsideMatrix):
            region_of_matrix(*given_, rows=ROWS, columns=COLUMNS, as_indices=as_indices)
        return
    region = region_of_matrix(*given_, rows=ROWS, columns=COLUMNS, as_indices=as_indices)
    assert (region.rows.start, region.rows.start + region.rows.count) == expected[:2]
    assert (region.columns.start, region.columns.start + region.columns.count) == expected[2:]


def test_a_start_far_before_the_matrix_is_an_error_and_not_rows_of_zeros():
    with pytest.raises(OutsideMatrix, match=r"row_start=-99999 .* 7 rows"):
        region_of_matrix(-99999, 5, None, None, rows=ROWS, columns=COLUMNS, as_indices=False)


def test_row_0_in_1_based_numbers_names_the_remedy():
    with pytest.raises(OutsideMatrix, match="as_indices=True"):
        region_of_matrix(0, 5, None, None, rows=ROWS, columns=COLUMNS, as_indices=False)


@given(
    st.integers(0, 30),
    st.integers(0, 12),
    st.integers(1, 9),
    st.integers(-9, 40),
    st.integers(1, 9),
)
def test_a_span_cut_to_a_block_selects_the_positions_in_it(start, count, step, top, length):
    positions = np.arange(start, start + count * step, step)[:count]
    block = np.arange(top, top + length)
    source, target = Span(start, count, step).within(top, length)
    assert block[source].tolist() == positions[target].tolist()
    assert set(positions[target].tolist()) == set(positions.tolist()) & set(block.tolist())


def entries(length):
    edges = st.none() | st.integers(-length - 2, length + 2)
    steps = st.none() | st.integers(-4, 4).filter(bool)
    return st.integers(-length - 1, length) | st.builds(slice, edges, edges, steps)


@st.composite
def keys(draw, shape):
    some = [draw(entries(n)) for n in shape[: draw(st.integers(0, len(shape)))]]
    if draw(st.booleans()):
        some.insert(draw(st.integers(0, len(some))), Ellipsis)
    if draw(st.booleans()):
        some.insert(draw(st.integers(0, len(some))), None)
    return tuple(some) if len(some) != 1 or draw(st.booleans()) else some[0]


@given(st.data())
def test_brackets_follow_numpy(data):
    shape = tuple(data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=4)))
    key = data.draw(keys(shape))
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    try:
        expected = array[key]
    except IndexError:
        with pytest.raises(OutsideMatrix):
            spans_of(key, shape)
        return
    spans, rest = spans_of(key, shape)
    assert all(0 <= one.start <= one.stop <= n for one, n in zip(spans, shape, strict=True))
    read = array[tuple(slice(one.start, one.stop, one.step) for one in spans)]
    assert read.shape == tuple(one.count for one in spans)
    found = read[rest]
    assert found.shape == expected.shape
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("key", [[0, 1], np.array([0, 1]), True, "a", 1.5])
def test_scattered_indices_are_refused_with_a_remedy(key):
    with pytest.raises(InvalidOption, match="slices"):
        spans_of(key, (4, 4))


def test_too_many_indices_or_dots_are_index_errors():
    with pytest.raises(IndexError):
        spans_of((0, 0, 0), (4, 4))
    with pytest.raises(IndexError):
        spans_of((..., ...), (4, 4))


@pytest.mark.parametrize("number", [1, 3])
def test_frames_count_from_1_and_indices_from_0(number):
    assert frame_index(number, 3, False) == number - 1
    assert frame_index(number - 1, 3, True) == number - 1
    assert frame_index(np.uint8(number), 3, False) == number - 1


@pytest.mark.parametrize(
    ("number", "as_index"), [(0, False), (4, False), (-1, False), (-1, True), (3, True)]
)
def test_an_unknown_frame_is_an_index_error_with_the_range(number, as_index):
    with pytest.raises(UnknownFrame, match=r"from [01] to [23]") as caught:
        frame_indices([1, number], 3, as_index)
    assert isinstance(caught.value, IndexError)
