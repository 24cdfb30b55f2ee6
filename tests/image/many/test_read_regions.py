"""`read_regions` gives what highdicom gives, reads each byte once, and ends cleanly."""

from __future__ import annotations

import threading
import time
from itertools import islice

import highdicom
import numpy as np
import pytest
from pydicom.data import get_testdata_file

import nearline as nl
from nearline.testing import RangeServer, faults

CODECS = {"/jpeg.dcm": "jpeg", "/native.dcm": "native", "/j2k.dcm": "jpeg2000"}


@pytest.fixture(autouse=True)
def own_cache(tmp_path):
    with nl.settings(cache_dir=tmp_path / "cache"):
        yield


@pytest.fixture(scope="module")
def slides(make):
    size = {"rows": 700, "columns": 500, "tile_rows": 64, "tile_columns": 48}
    return {name: make(codec=codec, **size) for name, codec in CODECS.items()}


@pytest.fixture
def server(slides):
    with RangeServer({name: slide.path for name, slide in slides.items()}) as server:
        yield server


def random_regions(targets, number, seed=1):
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, (600, 400), (number, 2)).tolist()
    sizes = rng.integers(1, 100, (number, 2)).tolist()
    names = rng.choice(list(targets), number)
    return [
        (targets[name], (top, top + height), (left, left + width))
        for name, (top, left), (height, width) in zip(names, corners, sizes, strict=True)
    ]


def of_highdicom(slides, regions, targets, **options):
    """What highdicom reads of the files, one region after the other."""
    names = {id(target): name for name, target in targets.items()}
    images = {name: highdicom.imread(slide.path) for name, slide in slides.items()}
    return [
        images[names[id(target)]].get_total_pixel_matrix(
            *rows, *columns, as_indices=True, **{"dtype": np.uint8, **options}
        )
        for target, rows, columns in regions
    ]


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        # imagecodecs and pydicom's plugins may differ by one where they decode JPEG.
        difference = one.astype(int) - other.astype(int)
        assert np.abs(difference).max(initial=0) <= 1


@pytest.mark.parametrize("ordered", [False, True])
def test_regions_are_those_of_highdicom(slides, server, ordered):
    targets = {name: server.url(name) for name in slides}
    regions = random_regions(targets, 60)
    found = dict(nl.read_regions(regions, ordered=ordered, decoder="pydicom"))
    assert sorted(found) == list(range(60))
    expected = of_highdicom(slides, regions, targets)
    for number, pixels in found.items():
        np.testing.assert_array_equal(pixels, expected[number])


def test_targets_are_urls_paths_content_files_and_open_images(slides, server):
    name, slide = next(iter(slides.items()))
    with open(slide.path, "rb") as file, nl.open(server.url(name)) as remote:
        targets = [
            server.url(name),
            slide.path,
            slide.path.read_bytes(),
            file,
            remote,
            nl.imread(slide.path),
        ]
        regions = [(target, slice(10, 100), slice(None, 60)) for target in targets]
        found = dict(nl.read_regions(regions))
        expected = nl.imread(slide.path).pixels[10:100, :60]
        for number in range(len(targets)):
            np.testing.assert_array_equal(found[number], expected)
        assert len(remote.read(10)) == 10


def test_options_are_those_of_the_total_pixel_matrix(slides, server):
    targets = {name: server.url(name) for name in slides}
    regions = random_regions(targets, 10)
    options = {"dtype": np.float32, "apply_icc_profile": False}
    found = dict(nl.read_regions(regions, decoder="pydicom", **options))
    for number, expected in enumerate(of_highdicom(slides, regions, targets, **options)):
        assert found[number].dtype == np.float32
        np.testing.assert_array_equal(found[number], expected)


@pytest.mark.parametrize("most", [2 << 20, 128 << 20])
def test_ordered_regions_come_in_order(slides, server, most):
    targets = {name: server.url(name) for name in slides}
    regions = random_regions(targets, 80)
    with nl.settings(max_bytes_in_flight=most):
        found = list(nl.read_regions(regions, ordered=True))
    assert [number for number, _ in found] == list(range(80))
    assert_same([pixels for _, pixels in found], of_highdicom(slides, regions, targets))


def test_regions_larger_than_what_may_wait_are_read_nevertheless(slides, server):
    regions = [(server.url(name), (None, None), (0, None)) for name in slides for _ in range(3)]
    with nl.settings(max_bytes_in_flight=1 << 20):
        for ordered in (False, True):
            found = dict(nl.read_regions(regions, ordered=ordered))
            assert {pixels.shape for pixels in found.values()} == {(700, 500, 3)}
            assert len(found) == 9


def test_images_of_one_frame_have_regions_too():
    path = get_testdata_file("CT_small.dcm")
    ((_, pixels),) = nl.read_regions([(path, (10, 20), (-30, None))], dtype=np.float64)
    expected = highdicom.imread(path).get_frame(1)[10:20, -30:]
    np.testing.assert_array_equal(pixels, expected)


def test_no_regions_are_no_work():
    assert list(nl.read_regions([])) == []


# --- cost -------------------------------------------------------------------------


def test_each_object_is_opened_once_and_each_byte_fetched_once(slides, server):
    # All tiles of some rows, in random order of regions: every tile is part of several.
    rng = np.random.default_rng(3)
    regions = [
        (server.url(name), (top, top + 64), (left, left + 48))
        for name in slides
        for top in range(0, 256, 32)
        for left in range(0, 384, 24)
    ]
    rng.shuffle(regions)
    assert len(dict(nl.read_regions(regions))) == len(regions)
    for name, slide in slides.items():
        asked = [one for one in server.requests if one.path == name]
        assert sum(one.range is not None and one.range.startswith("bytes=0-") for one in asked) == 1
        sent = sum(one.sent for one in asked)
        assert sent <= 1.2 * slide.path.stat().st_size


def test_what_was_read_once_asks_no_more_than_whether_it_changed(slides, server):
    regions = random_regions({name: server.url(name) for name in slides}, 40)
    dict(nl.read_regions(regions))
    server.clear_log()
    dict(nl.read_regions(regions))
    assert len(server.requests) <= len(slides)
    assert sum(one.sent for one in server.requests) < 10_000


def test_no_more_waits_than_is_allowed(slides, server):
    url = server.url("/native.dcm")
    file_size = slides["/native.dcm"].path.stat().st_size
    regions = [
        (url, (top, top + 64), (left, left + 48))
        for top in range(0, 640, 64)
        for left in range(0, 480, 48)
    ]
    with nl.settings(max_bytes_in_flight=100_000, cache="off"):
        stream = nl.read_regions(regions)
        next(stream)
        for _ in range(20):
            time.sleep(0.02)
            # The header's 256 KiB and its two companions come at once.
            assert sum(one.sent for one in server.requests) < 0.8 * file_size
        assert len(list(stream)) == len(regions) - 1


# --- errors -----------------------------------------------------------------------


def test_a_fault_names_the_region_and_ends_the_work(server):
    regions = [
        (server.url("/jpeg.dcm"), (0, 50), (0, 50)),
        (server.url("/none.dcm"), (5, 50), (7, 50)),
    ]
    with pytest.raises(nl.NotFound, match=r"Region 1 of .*none\.dcm, rows 5 to 50, columns 7 to"):
        dict(nl.read_regions(regions))


def test_faults_can_be_had_in_place_of_their_regions(server):
    good = (server.url("/jpeg.dcm"), (0, 50), (0, 50))
    regions = [
        good,
        (server.url("/none.dcm"), (5, 50), (7, 50)),
        (server.url("/jpeg.dcm"), (0, 701), (0, 50)),
        good,
        (b"no DICOM file", (0, 1), (0, 1)),
    ]
    found = dict(nl.read_regions(regions, on_error="yield"))
    assert isinstance(found[1], nl.NotFound)
    assert isinstance(found[2], nl.OutsideMatrix)
    assert "Region 2" in str(found[2])
    assert isinstance(found[4], nl.NotDicom)
    assert found[0].shape == found[3].shape == (50, 50, 3)


def test_a_damaged_tile_costs_only_the_regions_that_need_it(slides, server):
    slide = slides["/jpeg.dcm"]
    content = bytearray(slide.path.read_bytes())
    # The first bytes of the frames follow one another in the file: damage the last one's.
    at = content.rindex(b"\xff\xd8\xff")
    content[at : at + 40] = bytes(40)
    server.put("/damaged.dcm", bytes(content))
    url = server.url("/damaged.dcm")
    regions = [
        (url, (top, top + 64), (left, left + 48))
        for top in range(0, 640, 64)
        for left in range(0, 480, 48)
    ]
    regions.append((url, (690, 700), (490, 500)))
    found = dict(nl.read_regions(regions, on_error="yield"))
    failed = [number for number, value in found.items() if isinstance(value, Exception)]
    assert failed == [len(regions) - 1]
    assert isinstance(found[failed[0]], nl.DecodingFailed)
    assert len(found) == len(regions)


def test_an_image_of_many_frames_without_a_matrix_is_refused():
    path = get_testdata_file("emri_small.dcm")
    with pytest.raises(nl.MissingFrames, match="get_frames"):
        dict(nl.read_regions([(path, (0, 1), (0, 1))]))


@pytest.mark.parametrize(
    "region",
    ["s3://bucket/a.dcm", ("a", 1, 2), ("a", slice(0, 9, 2), (0, 9)), ("a", (0.5, 2), (0, 1)), 7],
)
def test_what_is_no_region_is_refused_at_once(region):
    with pytest.raises(nl.InvalidOption, match="Region 1"):
        nl.read_regions([("a", (0, 1), (0, 1)), region])


# --- ending -----------------------------------------------------------------------


def working_threads():
    names = ("nearline-read", "nearline-open")
    return [one for one in threading.enumerate() if one.name.startswith(names)]


@pytest.mark.parametrize("taken", [1, 5])
def test_leaving_the_loop_leaves_nothing_running(slides, server, taken):
    targets = {name: server.url(name) for name in slides}
    for _ in islice(nl.read_regions(random_regions(targets, 60)), taken):
        pass
    assert not working_threads()


@pytest.mark.parametrize("stalled_from", [1, 4])
def test_a_fault_does_not_wait_for_a_silent_server(slides, server, stalled_from):
    name = "/native.dcm"
    server.misbehave(name, faults.stall(60), requests=range(stalled_from, 10_000))
    silent = random_regions({name: server.url(name)}, 60)

    def found():
        yield from nl.read_regions([*silent, (open_when_silent(), (0, 1), (0, 1))])

    class Late:
        """A file that cannot be read, as soon as the server is silent."""

        def read(self, size=-1):
            while len(server.requests) < stalled_from:
                time.sleep(0.01)
            return b"none" if size else b""

        def seek(self, offset, whence=0):
            return 4 if whence == 2 else offset

        def tell(self):
            return 0

    def open_when_silent():
        return Late()

    with pytest.raises(nl.NearlineError):
        list(found())
    assert not working_threads()


def test_closed_before_it_began():
    nl.read_regions([("a", (0, 1), (0, 1))]).close()
    assert not working_threads()
