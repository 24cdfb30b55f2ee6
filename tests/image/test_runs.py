"""Frames by the run: every frame once, with the values that pydicom reads."""

import threading
from itertools import pairwise

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.uid import RLELossless

import nearline as nl
from dicom.written import image, native
from nearline.image.reading.runs import plan_runs, visit_runs
from nearline.testing import RangeServer
from oracles.pixels import assert_same


def read(opened, wanted, **cut):
    """What `visit_runs` hands over, by frame, and in how many pieces."""
    found, pieces = {}, []
    lock = threading.Lock()

    def use(indices, values):
        assert indices.dtype == np.intp
        assert len(indices) == len(values)
        assert (np.diff(indices) > 0).all()
        with lock:
            pieces.append(len(indices))
            for index, one in zip(indices.tolist(), values, strict=True):
                assert index not in found
                found[index] = one.copy()

    visit_runs(opened._opened.frames, wanted, use, **cut)
    return found, pieces


def random_pixels(dataset, seed=0):
    bits = dataset.NumberOfFrames * dataset.Rows * dataset.Columns * dataset.BitsAllocated
    bits *= dataset.SamplesPerPixel
    return np.random.default_rng(seed).bytes(-(-bits // 8))


CASES = {
    "1 bit": {"bits": 1},
    "8 bits": {"bits": 8},
    "16 bits": {"bits": 16},
    "32 bits": {"bits": 32},
    "implicit": {"bits": 16, "syntax": "implicit"},
    "big endian": {"bits": 16, "syntax": "big endian"},
    "deflated": {"bits": 1, "syntax": "deflated"},
    "colour": {"bits": 8, "photometric": "RGB", "samples": 3},
    "colour by plane": {"bits": 8, "photometric": "RGB", "samples": 3, "planar": 1},
    "YBR": {"bits": 8, "photometric": "YBR_FULL", "samples": 3},
    "run lengths": {"bits": 16, "compressed": True},
}


@pytest.fixture(params=CASES)
def written(request, tmp_path):
    case = CASES[request.param]
    # 5 x 7 pixels: frames of one bit begin within a byte.
    dataset = image(13, rows=5, columns=7, bits=case["bits"])
    dataset.SamplesPerPixel = case.get("samples", 1)
    dataset.PhotometricInterpretation = case.get("photometric", "MONOCHROME2")
    if dataset.SamplesPerPixel > 1:
        dataset.PlanarConfiguration = case.get("planar", 0)
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7.3"
    dataset.SOPInstanceUID = "1.2.3"
    path = tmp_path / "image.dcm"
    path.write_bytes(native(dataset, random_pixels(dataset), case.get("syntax", "explicit")))
    if case.get("compressed"):
        reread = pydicom.dcmread(path)
        reread.compress(RLELossless, encoding_plugin="pydicom")
        reread.save_as(path)
    return path


@pytest.mark.parametrize("wanted", [range(13), [4], [12, 3, 4, 5, 3], [0, 2, 4, 6, 7]])
@pytest.mark.parametrize(("rows", "columns"), [((None, None), (None, None)), ((1, 4), (2, 7))])
def test_every_frame_comes_once_as_pydicom_reads_it(written, wanted, rows, columns):
    cut = {"rows": slice(*rows), "columns": slice(*columns)}
    found, _ = read(nl.imread(written), wanted, **cut)
    expected = pydicom.dcmread(written).pixel_array
    expected = expected.astype(expected.dtype.newbyteorder("="))
    assert sorted(found) == sorted(set(wanted))
    for frame, values in found.items():
        assert_same(values, expected[frame][cut["rows"], cut["columns"]])


def test_nothing_wanted_is_nothing_read(written):
    assert read(nl.imread(written), []) == ({}, [])


def test_frames_of_several_objects_come_by_their_index_in_the_whole(tmp_path):
    paths, expected = [], []
    for number, frames in enumerate((3, 1, 4), 1):
        dataset = image(frames, rows=5, columns=7, bits=1)
        pixels = random_pixels(dataset, number)
        dataset.ConcatenationUID = "1.2.3.4"
        dataset.SOPInstanceUIDOfConcatenationSource = "1.2.3"
        dataset.SOPInstanceUID = f"1.2.3.{number}"
        dataset.InConcatenationNumber = number
        dataset.InConcatenationTotalNumber = 3
        dataset.ConcatenationFrameOffsetNumber = len(expected)
        paths.append(tmp_path / f"{number}.dcm")
        paths[-1].write_bytes(native(dataset, pixels))
        expected.extend(pydicom.dcmread(paths[-1]).pixel_array.reshape(frames, 5, 7))
    found, _ = read(nl.imread(paths), [7, 0, 2, 3])
    assert sorted(found) == [0, 2, 3, 7]
    for frame, values in found.items():
        assert_same(values, expected[frame])


def test_many_frames_take_few_requests_and_few_calls(tmp_path):
    dataset = image(3000, rows=64, columns=64, bits=16)
    pixels = random_pixels(dataset)
    content = native(dataset, pixels)
    with RangeServer({"/many.dcm": content}) as server:
        with nl.traffic() as cost:
            opened = nl.imread(server.url("/many.dcm"))
            found, pieces = read(opened, range(1, 2999))
        # At most one request for each that may run at once, and those of opening.
        assert cost.requests <= 32 + 4
        assert cost.bytes <= 1.02 * len(content)
        assert len(pieces) <= 50
    stored = np.frombuffer(pixels, np.uint16).reshape(3000, 64, 64)
    for frame, values in found.items():
        np.testing.assert_array_equal(values, stored[frame])


def test_rows_are_fetched_alone_where_that_saves_much(tmp_path):
    dataset = image(6, rows=512, columns=512, bits=16)
    pixels = random_pixels(dataset)
    with RangeServer({"/rows.dcm": native(dataset, pixels)}) as server:
        opened = nl.imread(server.url("/rows.dcm"))
        with nl.traffic() as cost:
            found, _ = read(opened, [1, 2, 4, 5], rows=slice(200, 240), columns=slice(8, 90))
        assert cost.bytes <= 1.2 * 4 * 40 * 1024
    stored = np.frombuffer(pixels, np.uint16).reshape(6, 512, 512)
    assert sorted(found) == [1, 2, 4, 5]
    for frame, values in found.items():
        assert_same(values, stored[frame, 200:240, 8:90])


def test_a_fault_of_the_caller_is_raised_and_ends_the_rest(written):
    def use(_indices, _values):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        visit_runs(nl.imread(written)._opened.frames, range(13), use)


@given(
    frames=st.sets(st.integers(0, 200), max_size=60).map(sorted),
    rows=st.integers(1, 9),
    row_bits=st.sampled_from([1, 7, 8, 24, 100, 512]),
    cut=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    offset=st.integers(0, 5000),
    piece=st.integers(1, 3000),
    worth_cutting=st.integers(0, 300),
)
@settings(max_examples=300, deadline=None)
def test_runs_bring_the_bits_of_each_frame_once(
    frames, rows, row_bits, cut, offset, piece, worth_cutting
):
    top, bottom = sorted(min(one, rows) for one in cut)
    frame_bits = rows * row_bits
    plan = plan_runs(
        np.array(frames, np.intp),
        frame_bits=frame_bits,
        rows=(top, bottom),
        row_bits=row_bits,
        offset=offset,
        piece=piece,
        worth_cutting=worth_cutting,
    )
    found = []
    for first, count, skipped, is_cut, span in zip(
        plan.firsts, plan.counts, plan.skipped, plan.cut, plan.ranges, strict=True
    ):
        assert count == 1 or count * frame_bits <= 8 * piece
        # Where the run's bits begin and end, counted from the first bit of the object.
        begin = 8 * span.start + skipped
        wanted = (bottom - top) * row_bits if is_cut else count * frame_bits
        expected = 8 * offset + first * frame_bits + (top * row_bits if is_cut else 0)
        assert begin == expected
        assert skipped < 8
        assert 8 * span.stop - 8 < begin + wanted <= 8 * span.stop or not wanted
        found.extend(range(first, first + count))
    assert found == frames
    assert all(before.start <= after.start for before, after in pairwise(plan.ranges))
