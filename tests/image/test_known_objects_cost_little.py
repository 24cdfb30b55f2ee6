"""What was learned once is not learned again: no parse, no request, no second decode."""

import contextvars
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

import nearline as nl
from nearline.image.facts import Facts
from nearline.image.opened import open_image
from nearline.opening import open_reader

REGION = (5, 60, 10, 80, np.uint8)
TILES = 8  # of 32 x 24 under that region: 2 rows of them, 4 columns


@pytest.fixture
def slide(make):
    return make(codec="jpeg2000-lossless", icc_size=3000)


@pytest.fixture(autouse=True)
def forget_tiles():
    yield
    from nearline.cache.tiles import tile_memory

    tile_memory(nl.Settings().tile_memory).clear()


def test_a_known_object_is_opened_and_read_without_parsing_its_header(slide):
    first = nl.imread(slide.path)
    expected = first.get_total_pixel_matrix(*REGION)
    with nl.traffic() as cost:
        again = nl.imread(slide.path)
        assert again.number_of_frames == 12
        assert again.is_tiled
        assert again.transfer_syntax_uid == first.transfer_syntax_uid
        assert np.array_equal(again.get_total_pixel_matrix(*REGION), expected)
        assert np.array_equal(again.pixels[4:59, 9:79], expected)
        repr(again)
        assert cost.parsed_headers == 0
        assert again.Rows == 32
        assert cost.parsed_headers == 1
        assert again.Columns == 24
        assert cost.parsed_headers == 1


def test_opening_for_the_first_time_parses_the_header_once(slide):
    with nl.settings(cache="off"), nl.traffic() as cost:
        assert nl.imread(slide.path).Rows == 32
    assert cost.parsed_headers == 1


def test_every_frame_is_decoded_once_and_a_region_read_again_costs_nothing(slide):
    image = nl.imread(slide.path)
    with nl.traffic() as cost:
        image.get_total_pixel_matrix(*REGION)
    assert cost.decoded_frames == TILES
    again = nl.imread(slide.path)
    with nl.traffic() as cost:
        image.get_total_pixel_matrix(*REGION)
        again.get_total_pixel_matrix(*REGION[:4])
    assert cost.decoded_frames == 0
    assert cost.requests == cost.bytes == cost.cached_bytes == 0


def test_frames_asked_for_twice_in_a_call_are_decoded_once(slide):
    image = nl.imread(slide.path)
    with nl.traffic() as cost:
        stack = image.get_stored_frames([3, 1, 3, 3, 5, 1])
    assert cost.decoded_frames == 3
    assert np.array_equal(stack[0], stack[2])
    assert np.array_equal(stack[1], stack[5])


def test_threads_that_want_the_same_tiles_decode_them_once(slide):
    image = nl.imread(slide.path)
    barrier = threading.Barrier(6)
    found = []

    def read():
        barrier.wait()
        found.append(image.get_total_pixel_matrix(*REGION))

    with nl.traffic() as cost:
        threads = [
            threading.Thread(target=contextvars.copy_context().run, args=(read,)) for _ in range(6)
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert len(found) == 6
    assert all(np.array_equal(one, found[0]) for one in found)
    assert cost.decoded_frames == TILES


def test_tiles_with_and_without_a_profile_are_not_mixed_up(slide):
    image = nl.imread(slide.path)
    plain = image.get_total_pixel_matrix(*REGION, apply_icc_profile=False)
    corrected = image.get_total_pixel_matrix(*REGION)
    assert not np.array_equal(plain, corrected)
    assert np.array_equal(image.get_total_pixel_matrix(*REGION, apply_icc_profile=False), plain)
    assert np.array_equal(image.get_total_pixel_matrix(*REGION), corrected)


def test_results_belong_to_the_caller(slide):
    image = nl.imread(slide.path)
    for read in (
        lambda: image.get_total_pixel_matrix(1, 33, 1, 25, np.uint8),
        lambda: image.get_stored_frame(1),
        lambda: image.get_frame(1, dtype=np.uint8),
        lambda: image.pixels[:32, :24],
    ):
        array = read()
        before = array.copy()
        array[...] = 7
        assert np.array_equal(read(), before)


@pytest.mark.parametrize(
    "recipe",
    [
        {"codec": "rle"},
        {"codec": "jpeg2000-lossless", "icc_size": 3000, "organisation": "TILED_SPARSE"},
        {"codec": "native", "photometric": "MONOCHROME2", "optical_paths": 2, "focal_planes": 2},
    ],
)
def test_facts_survive_being_kept(make, recipe):
    opened, _ = open_image(open_reader(make(**recipe).path), "default")
    assert Facts.from_bytes(opened.facts.to_bytes()) == opened.facts


def test_facts_of_another_version_are_derived_anew(slide):
    reader = open_reader(slide.path)
    first, _ = open_image(reader, "default")
    for damaged in (b"", b"nearline", first.facts.to_bytes()[:-40], b"\0" * 200):
        reader.keep("facts", damaged)
        again, _ = open_image(reader, "default")
        assert again.facts == first.facts


def test_an_image_pickled_to_another_process_reads_on(slide, tmp_path):
    image = nl.imread(slide.path)
    expected = image.get_total_pixel_matrix(*REGION)
    image.PatientName = "Changed^Here"
    (tmp_path / "image").write_bytes(pickle.dumps(image))
    np.save(tmp_path / "expected.npy", expected)
    code = (
        "import pickle, sys, numpy as np\n"
        "image = pickle.loads(open(sys.argv[1] + '/image', 'rb').read())\n"
        "assert str(image.PatientName) == 'Changed^Here'\n"
        "found = image.get_total_pixel_matrix(5, 60, 10, 80, np.uint8)\n"
        "assert np.array_equal(found, np.load(sys.argv[1] + '/expected.npy'))\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=120)
