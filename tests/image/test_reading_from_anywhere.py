"""Images open from whatever holds them, and are read from threads, event loops and forks."""

import asyncio
import io
import multiprocessing
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import highdicom
import numpy as np
import pydicom
import pytest

import nearline as nl
from nearline.cache.tiles import tile_memory
from oracles.pixels import assert_same

REGION = (5, 60, 10, 80, np.uint8)


@pytest.fixture(scope="module")
def slide(make):
    return make(codec="jpeg2000-lossless", icc_size=3000)


@pytest.fixture(scope="module")
def expected(slide):
    return highdicom.imread(slide.path).get_total_pixel_matrix(*REGION)


@pytest.mark.parametrize("lazy", [True, False])
def test_paths_bytes_and_files(slide, expected, lazy):
    content = slide.path.read_bytes()
    for given in (slide.path, str(slide.path), content, io.BytesIO(content)):
        image = nl.imread(given, lazy_frame_retrieval=lazy)
        assert_same(image.get_total_pixel_matrix(*REGION), expected)
        assert_same(nl.imread(given, lazy).get_total_pixel_matrix(*REGION), expected)


def test_an_open_file_as_in_highdicoms_documentation(slide, expected):
    import nearline as hd

    with slide.path.open("rb") as reader:
        im = hd.imread(reader, lazy_frame_retrieval=True)
        assert_same(im.get_total_pixel_matrix(*REGION), expected)


def test_the_file_that_open_gives_serves_every_reader(slide, expected):
    with nl.open(str(slide.path)) as file:
        assert pydicom.dcmread(file, stop_before_pixels=True).Rows == 32
        file.seek(0)
        theirs = highdicom.imread(file, lazy_frame_retrieval=True)
        assert_same(theirs.get_total_pixel_matrix(*REGION), expected)
        assert_same(nl.imread(file).get_total_pixel_matrix(*REGION), expected)
        assert_same(nl.imread(file.reader).get_total_pixel_matrix(*REGION), expected)


def test_different_objects_in_memory_are_not_mixed_up(make):
    first, second = (make(codec="rle", seed=seed).path.read_bytes() for seed in (1, 2))
    images = [nl.imread(io.BytesIO(one)) for one in (first, second)]
    for content, image in zip((first, second), images, strict=True):
        whole = highdicom.imread(io.BytesIO(content)).get_stored_frames()
        assert_same(image.get_stored_frames(), whole)


def test_a_handle_that_cannot_be_opened_again_does_not_pickle(slide):
    class Opaque(io.BytesIO):
        pass

    image = nl.imread(Opaque(slide.path.read_bytes()))
    with pytest.raises(nl.NotPicklable):
        pickle.dumps(image)


def test_many_threads_read_many_regions(make):
    slide = make(codec="jpeg2000-lossless", seed=9)
    image = nl.imread(slide.path)
    whole = highdicom.imread(slide.path).get_total_pixel_matrix(dtype=np.uint8)
    places = [(r, c) for r in range(0, 40, 7) for c in range(0, 60, 9)]

    def same(place):
        r, c = place
        found = image.pixels[r : r + 30, c : c + 30]
        stored = image.get_stored_frame(r % 12 + 1)
        return np.array_equal(found, whole[r : r + 30, c : c + 30]) and stored.shape == (32, 24, 3)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(same, places))


def test_attributes_are_parsed_once_for_many_threads(slide):
    nl.imread(slide.path)
    image = nl.imread(slide.path)
    barrier = threading.Barrier(8)

    def rows(_):
        barrier.wait()
        return image.Rows

    with nl.traffic() as cost, ThreadPoolExecutor(8) as pool:
        assert list(pool.map(rows, range(8))) == [32] * 8
    assert cost.parsed_headers <= 1


def test_under_a_running_event_loop(slide, expected):
    async def read():
        image = nl.imread(slide.path)
        here = image.get_total_pixel_matrix(*REGION)
        there = await asyncio.gather(
            *(asyncio.to_thread(image.get_total_pixel_matrix, *REGION) for _ in range(4))
        )
        return [here, *there]

    for found in asyncio.run(read()):
        assert_same(found, expected)


def _read_in_child(image, region, pipe):
    tile_memory(nl.Settings().tile_memory).clear()  # the child decodes for itself
    with nl.traffic() as cost:
        array = image.get_total_pixel_matrix(*region)
    pipe.send((array, cost.decoded_frames))
    pipe.close()


def test_in_a_forked_child(make):
    slide = make(codec="jpeg2000-lossless", seed=11)
    image = nl.imread(slide.path)
    image.get_stored_frames()  # the decoding threads are running when the process forks
    whole = highdicom.imread(slide.path).get_total_pixel_matrix(*REGION)
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    child = context.Process(target=_read_in_child, args=(image, REGION, send))
    child.start()
    send.close()
    assert receive.poll(60)
    found, decoded = receive.recv()
    assert_same(found, whole)
    assert decoded == 8
    child.join(60)
    assert child.exitcode == 0
