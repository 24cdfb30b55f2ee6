"""A region is put together from the tiles that hold it: no pixel twice, none wrong, none left."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearline.errors import AmbiguousFrames, InvalidOption, MissingFrames
from nearline.image.geometry.region import Region, Span
from nearline.image.geometry.tiles import FullTiling, SparseTiling, plan_pastes


@st.composite
def spans(draw, length):
    start = draw(st.integers(0, length))
    step = draw(st.integers(1, 7))
    most = -(-(length - start) // step)
    return Span(start, draw(st.integers(0, most)), step)


@st.composite
def tilings(draw):
    return FullTiling(
        rows=draw(st.integers(1, 20)),
        columns=draw(st.integers(1, 20)),
        tile_rows=draw(st.integers(1, 8)),
        tile_columns=draw(st.integers(1, 8)),
        number_of_frames=10**6,
        focal_planes=draw(st.integers(1, 2)),
        optical_paths=draw(st.sampled_from([("1",), ("a", "b")])),
    )


def frames_by_loops(tiling):
    """Tiles in the order of PS3.3 C.7.6.17.3, written down as four loops."""
    return [
        (path, plane, top, left)
        for path in tiling.optical_paths
        for plane in range(tiling.focal_planes)
        for top in range(0, tiling.rows, tiling.tile_rows)
        for left in range(0, tiling.columns, tiling.tile_columns)
    ]


def values(path, plane, rows, columns):
    """A number for each pixel of all planes, which says where it is from."""
    grid = np.arange(rows)[:, None] * 1000 + np.arange(columns)[None, :]
    return grid + (ord(path) * 10 + plane) * 1_000_000


def paste(tiling, region, placed, tiles, **options):
    pastes, overlapping = plan_pastes(
        tiling, region, placed, allow_missing=options.get("allow_missing", False)
    )
    out = np.full(region.shape, -1)
    for one in pastes:
        out[one.target] = tiles[one.frame][one.source]
    return out, pastes, overlapping


@given(st.data())
def test_full_tilings_give_the_pixels_asked_for(data):
    tiling = data.draw(tilings())
    region = Region(data.draw(spans(tiling.rows)), data.draw(spans(tiling.columns)))
    path = data.draw(st.sampled_from(tiling.optical_paths))
    plane = data.draw(st.integers(0, tiling.focal_planes - 1))
    tiles = []
    for of_path, of_plane, top, left in frames_by_loops(tiling):
        padded = values(of_path, of_plane, 40, 40)
        tiles.append(padded[top : top + tiling.tile_rows, left : left + tiling.tile_columns])
    placed = tiling.place(region, optical_path=path, focal_plane=plane)
    found, pastes, overlapping = paste(tiling, region, placed, tiles)
    rows, columns = region.rows, region.columns
    whole = values(path, plane, tiling.rows, tiling.columns)
    expected = whole[
        rows.start : rows.stop : rows.step, columns.start : columns.stop : columns.step
    ]
    assert np.array_equal(found, expected[: rows.count, : columns.count])
    assert not overlapping
    assert len({one.frame for one in pastes}) == len(pastes)
    paths = tiling.paths_of(np.array([one.frame for one in pastes], np.int64))
    assert all(tiling.optical_paths[i] == path for i in paths.tolist())


@given(st.data())
def test_sparse_tilings_paste_in_order_and_know_what_is_missing(data):
    rows, columns = data.draw(st.integers(1, 20)), data.draw(st.integers(1, 20))
    height, width = data.draw(st.integers(1, 8)), data.draw(st.integers(1, 8))
    positions = data.draw(
        st.lists(
            st.tuples(st.integers(-4, rows + 3), st.integers(-4, columns + 3)),
            unique=True,
            max_size=12,
        )
    )
    tiling = SparseTiling(
        rows=rows,
        columns=columns,
        tile_rows=height,
        tile_columns=width,
        tops=np.array([top for top, _ in positions], np.int64),
        lefts=np.array([left for _, left in positions], np.int64),
    )
    region = Region(data.draw(spans(rows)), data.draw(spans(columns)))
    tiles = [np.full((height, width), frame) for frame in range(len(positions))]
    # The oracle pastes every tile into the whole matrix, in the order of rows and columns.
    whole = np.full((rows + 40, columns + 40), -1)
    for frame in sorted(range(len(positions)), key=positions.__getitem__):
        top, left = (one + 16 for one in positions[frame])
        whole[top : top + height, left : left + width] = frame
    whole = whole[16 : 16 + rows, 16 : 16 + columns]
    r, c = region.rows, region.columns
    expected = whole[r.start : r.stop : r.step, c.start : c.stop : c.step][: r.count, : c.count]
    placed = tiling.place(region, optical_path=None, focal_plane=None)
    found, *_ = paste(tiling, region, placed, tiles, allow_missing=True)
    assert np.array_equal(found, expected)
    if (expected == -1).any():
        count = int((expected == -1).sum())
        with pytest.raises(MissingFrames, match=f"no tile for {count} of the {expected.size} "):
            plan_pastes(tiling, region, placed, allow_missing=False)
    else:
        plan_pastes(tiling, region, placed, allow_missing=False)


def whole(tiling):
    return Region(Span(0, tiling.rows), Span(0, tiling.columns))


def test_a_choice_of_paths_and_planes_is_asked_for_by_name():
    tiling = FullTiling(
        rows=8,
        columns=8,
        tile_rows=4,
        tile_columns=4,
        number_of_frames=16,
        focal_planes=2,
        optical_paths=("red", "green"),
    )
    with pytest.raises(AmbiguousFrames, match="'red', 'green' and focal_plane= 1 to 2"):
        tiling.place(whole(tiling), optical_path=None, focal_plane=None)
    with pytest.raises(AmbiguousFrames):
        tiling.place(whole(tiling), optical_path="red", focal_plane=None)
    with pytest.raises(InvalidOption, match=r"'blue'.*'red', 'green'"):
        tiling.place(whole(tiling), optical_path="blue", focal_plane=0)
    with pytest.raises(InvalidOption, match="focal plane 3"):
        tiling.place(whole(tiling), optical_path="red", focal_plane=2)
    placed = tiling.place(whole(tiling), optical_path="green", focal_plane=1)
    assert placed.frames.tolist() == [12, 13, 14, 15]


def sparse(**more):
    return SparseTiling(
        rows=4,
        columns=8,
        tile_rows=4,
        tile_columns=4,
        tops=np.zeros(4, np.int64),
        lefts=np.array([0, 4, 0, 4], np.int64),
        **more,
    )


def test_sparse_tiles_at_one_place_are_told_apart_by_path_or_plane():
    paths = sparse(optical_paths=("x", "y"), paths=np.array([0, 0, 1, 1]))
    with pytest.raises(AmbiguousFrames, match="optical_path= one of 'x', 'y'"):
        paths.place(whole(paths), optical_path=None, focal_plane=None)
    placed = paths.place(whole(paths), optical_path="y", focal_plane=None)
    assert placed.frames.tolist() == [2, 3]
    planes = sparse(focal_planes=2, planes=np.array([1, 1, 0, 0]))
    with pytest.raises(AmbiguousFrames, match="focal_plane= 1 to 2"):
        planes.place(whole(planes), optical_path=None, focal_plane=None)
    placed = planes.place(whole(planes), optical_path=None, focal_plane=0)
    assert placed.frames.tolist() == [2, 3]


def test_planes_that_do_not_compete_for_a_place_need_no_choice():
    tiling = SparseTiling(
        rows=4,
        columns=8,
        tile_rows=4,
        tile_columns=4,
        tops=np.zeros(2, np.int64),
        lefts=np.array([0, 4], np.int64),
        focal_planes=2,
        planes=np.array([0, 1]),
    )
    placed = tiling.place(whole(tiling), optical_path=None, focal_plane=None)
    assert placed.frames.tolist() == [0, 1]


def test_duplicates_without_a_choice_are_read_as_frames():
    with pytest.raises(AmbiguousFrames, match="get_frame"):
        sparse().place(whole(sparse()), optical_path=None, focal_plane=None)


def test_tiles_that_a_full_image_should_have_and_has_not_are_missing():
    tiling = FullTiling(rows=8, columns=8, tile_rows=4, tile_columns=4, number_of_frames=3)
    placed = tiling.place(whole(tiling), optical_path=None, focal_plane=None)
    with pytest.raises(MissingFrames, match="16 of the 64"):
        plan_pastes(tiling, whole(tiling), placed, allow_missing=False)
