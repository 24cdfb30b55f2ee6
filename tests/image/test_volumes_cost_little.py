"""A volume fetches the frames that it shows, in few requests, and takes little memory."""

from __future__ import annotations

import sys
import tracemalloc
from pathlib import Path
from subprocess import run

import numpy as np
import pydicom
import pytest
from pydicom.encaps import generate_frames

import nearline as nl
from image.multi_frames import multi_frame, write
from nearline.testing import RangeServer

MIB = 1 << 20
SHUFFLED = np.random.default_rng(0).permutation(40)
POSITIONS = [(0.0, 0.0, float(z)) for z in SHUFFLED]
"""Of frames that do not lie in the object as in space; slice 0 is the highest."""


@pytest.fixture(scope="module")
def native(tmp_path_factory):
    ds = multi_frame(POSITIONS, rows=256, columns=300)
    return write(tmp_path_factory.mktemp("native") / "mr.dcm", ds)


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    ds = multi_frame(POSITIONS, rows=256, columns=300)
    # Noise of 16 bits does not become less by encoding it.
    ds.PixelData = (np.frombuffer(ds.PixelData, np.int16) >> 4).tobytes()
    return write(tmp_path_factory.mktemp("encoded") / "mr.dcm", ds, "jpegls")


def pixels_of(path):
    return pydicom.dcmread(path).pixel_array[np.argsort(-SHUFFLED)]


def fetched(server, call):
    """What a call returns, and the bytes and requests that the server saw of it."""
    server.clear_log()
    found = call()
    return found, sum(one.sent for one in server.requests), len(server.requests)


def test_slices_that_are_not_shown_are_not_fetched(encoded):
    frames = list(generate_frames(pydicom.dcmread(encoded).PixelData, number_of_frames=40))
    needed = sum(len(frames[one]) for one in np.argsort(-SHUFFLED)[10:16])
    with RangeServer({"/mr.dcm": encoded}) as server, nl.settings(cache="off"):
        image = nl.imread(server.url("/mr.dcm"))
        volume, sent, requests = fetched(
            server,
            lambda: image.get_volume(slice_start=11, slice_end=17, column_start=9, dtype=np.int16),
        )
    np.testing.assert_array_equal(volume.array, pixels_of(encoded)[10:16, :, 8:])
    assert sent <= 1.15 * needed + 6 * 8
    assert requests <= 6


def test_rows_that_are_not_shown_are_not_fetched(native):
    with RangeServer({"/mr.dcm": native}) as server, nl.settings(cache="off"):
        image = nl.imread(server.url("/mr.dcm"))
        volume, sent, _ = fetched(
            server,
            lambda: image.get_volume(
                slice_start=4, slice_end=7, row_start=101, row_end=121, dtype=np.int16
            ),
        )
    np.testing.assert_array_equal(volume.array, pixels_of(native)[3:6, 100:120])
    assert sent <= 1.15 * 3 * 20 * 600


@pytest.mark.parametrize("kind", ["native", "encoded"])
def test_all_frames_come_in_few_requests_and_once(kind, request):
    path = request.getfixturevalue(kind)
    size = path.stat().st_size
    with RangeServer({"/mr.dcm": path}) as server, nl.settings(cache="off"):
        image = nl.imread(server.url("/mr.dcm"))
        volume, sent, requests = fetched(server, lambda: image.get_volume(dtype=np.int16))
        largest = max(one.sent for one in server.requests)
    np.testing.assert_array_equal(volume.array, pixels_of(path))
    assert sent <= 1.02 * size
    # Of at least a MiB each, so that those that may run at once share the work.
    assert requests <= size // MIB + 2
    assert largest <= 16 * MIB


def test_what_was_read_is_not_fetched_again(native):
    with RangeServer({"/mr.dcm": native}) as server:
        image = nl.imread(server.url("/mr.dcm"))
        image.get_volume(slice_start=2, slice_end=20)
        again, sent, _ = fetched(server, lambda: image.get_volume(slice_start=5, slice_end=15))
        assert sent == 0
        assert again.spatial_shape == (10, 256, 300)


def test_a_geometry_needs_no_pixels_and_a_known_object_no_header(native):
    with RangeServer({"/mr.dcm": native}) as server:
        first = nl.imread(server.url("/mr.dcm")).get_volume_geometry()
        with nl.traffic() as cost:
            again = nl.imread(server.url("/mr.dcm")).get_volume_geometry()
        assert cost.bytes == 0
        np.testing.assert_array_equal(again.affine, first.affine)


PEAK = """
import sys, threading, time
import highdicom
import numpy as np
import nearline as nl

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

image = nl.imread(sys.argv[1])
image.get_volume(slice_start=2, slice_end=4)
before, peak, done = resident(), 0, False

def watch():
    global peak
    while not done:
        peak = max(peak, resident())
        time.sleep(0.001)

thread = threading.Thread(target=watch)
thread.start()
volume = image.get_volume(dtype=np.float32)
done = True
thread.join()
print((peak - before) / volume.array.nbytes)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")
@pytest.mark.parametrize("syntax", ["native", "jpegls"])
def test_memory_is_that_of_the_result(tmp_path, syntax):
    """Rescaled to float32, from a file: no second volume, neither as stored nor as float64."""
    positions = [(0.0, 0.0, float(z)) for z in range(200)]
    ds = multi_frame(positions, rows=512, columns=512)
    if syntax != "native":
        ds.PixelData = bytes(len(ds.PixelData))
    ds.RescaleSlope, ds.RescaleIntercept = 2, -1024
    path = write(tmp_path / "mr.dcm", ds, syntax)
    found = run([sys.executable, "-c", PEAK, path], capture_output=True, text=True, check=True)
    assert float(found.stdout) <= 1.5


def test_python_keeps_no_array_beside_the_result(native):
    image = nl.imread(native)
    image.get_volume()
    tracemalloc.start()
    try:
        volume = image.get_volume(dtype=np.float64, apply_modality_transform=None)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A MiB for each piece under way, and what is read in place.
    assert peak <= volume.array.nbytes + 8 * MIB
