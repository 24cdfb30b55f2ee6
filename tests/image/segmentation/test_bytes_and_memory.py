"""Few ranges, few bytes more than needed, and little memory beside the result."""

import copy
import pickle
import threading
import tracemalloc

import numpy as np
import pytest

import nearline as nl
from made.shapes import LIVER, write_fractional, write_many_frames, write_whole_body
from nearline.testing import RangeServer


@pytest.fixture(scope="module")
def body(tmp_path_factory):
    """Twenty segments, one after the other, in ten megabytes."""
    path = tmp_path_factory.mktemp("seg") / "body.dcm"
    return write_whole_body(path, segments=20, frames=1_200, slices=80, size=256)


@pytest.fixture
def server(body):
    with RangeServer({"/seg.dcm": body.path}) as one:
        yield one


def opened(server):
    segmentation = nl.segread(server.url("/seg.dcm"))
    assert segmentation.segment_numbers
    server.clear_log()
    return segmentation


def test_opening_reads_the_header_only(server, body):
    nl.segread(server.url("/seg.dcm"))
    assert server.sent < body.header_bytes + (1 << 20)


def test_one_segment_costs_its_frames(server, body):
    segmentation = opened(server)
    volume = segmentation.get_volume(segment_numbers=[LIVER], combine_segments=True)
    assert volume.array.shape == (80, 256, 256)
    assert server.sent <= 1.1 * body.bytes_of(segments=[LIVER])
    assert len(server.requests) <= 8


def test_ten_slices_of_all_segments_cost_little_more_than_their_frames(server, body):
    segmentation = opened(server)
    geometry = segmentation.get_volume_geometry()
    segmentation.get_volume(slice_start=21, slice_end=31)
    # Slice 0 of the volume is the last from the feet.
    slices = range(geometry.spatial_shape[0] - 30, geometry.spatial_shape[0] - 20)
    assert server.sent <= 1.3 * body.bytes_of(slices=slices)


def test_all_segments_cost_the_file_once(server, body):
    segmentation = nl.segread(server.url("/seg.dcm"))
    segmentation.get_volume(combine_segments=True)
    assert server.sent <= 1.02 * body.size
    assert max(one.sent for one in server.requests) <= 16 << 20


def test_the_same_again_costs_nothing(server):
    segmentation = nl.segread(server.url("/seg.dcm"))
    first = segmentation.get_volume(combine_segments=True)
    server.clear_log()
    again = segmentation.get_volume(combine_segments=True)
    assert not server.requests
    assert np.array_equal(again.array, first.array)


def test_fractions_in_run_lengths_cost_the_file_once(tmp_path):
    made = write_fractional(tmp_path / "fractions.dcm", segments=3, slices=12, size=128)
    with RangeServer({"/seg.dcm": made.path}) as server:
        nl.segread(server.url("/seg.dcm")).get_volume()
        assert server.sent <= 1.1 * max(made.size, 256 << 10)


def test_many_frames_are_columns_and_no_objects(tmp_path):
    made = write_many_frames(tmp_path / "many.dcm", segments=20, slices=100, size=16)
    with nl.settings(cache="off"):
        nl.segread(made.path)  # what is imported stays out of the account
        tracemalloc.start()
        try:
            segmentation = nl.segread(made.path)
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert segmentation.number_of_frames == 2_000
    # highdicom: eleven kilobytes for each frame.
    assert kept < 2_000 * 1_100


def test_combining_needs_little_memory_beside_the_result(body):
    segmentation = nl.segread(body.path)
    segmentation.get_volume(segment_numbers=[LIVER], combine_segments=True)
    tracemalloc.start()
    try:
        volume = segmentation.get_volume(combine_segments=True)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The frames of all segments are 79 million pixels, the result 5 million.
    assert volume.array.nbytes == 80 * 256 * 256
    assert peak < 1.5 * volume.array.nbytes + (32 << 20)


def test_segments_without_frames_in_some_slices_take_no_memory_there(body):
    segmentation = nl.segread(body.path)
    array = segmentation.get_volume().array
    assert array.shape == (80, 256, 256, 20)
    for channel in range(20):
        assert array[..., channel].flags.c_contiguous


def test_threads_read_one_segmentation_together(body):
    segmentation = nl.segread(body.path)
    expected = segmentation.get_volume(combine_segments=True).array
    found = []

    def read():
        found.append(segmentation.get_volume(combine_segments=True).array)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(found) == 4
    assert all(np.array_equal(one, expected) for one in found)


def test_a_segmentation_pickles_and_copies(body):
    segmentation = nl.segread(body.path)
    expected = segmentation.get_volume(segment_numbers=[LIVER]).array
    for made in (pickle.loads(pickle.dumps(segmentation)), copy.deepcopy(segmentation)):
        assert type(made) is nl.seg.Segmentation
        assert np.array_equal(made.get_volume(segment_numbers=[LIVER]).array, expected)
