"""Handles are shared by threads, and used under a running event loop."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import highdicom
import numpy as np
import pytest

import nearline as nl
from processes.conftest import open_kind
from processes.work import DIGESTS, outcome

SOON_S = 100


@pytest.mark.parametrize("kind", list(DIGESTS))
def test_under_a_running_event_loop(at, kind):
    url = at(kind)

    async def use():
        here = open_kind(kind, url)
        there = await asyncio.to_thread(open_kind, kind, url)
        return [outcome(kind, here), await asyncio.to_thread(outcome, kind, there)]

    found = asyncio.run(asyncio.wait_for(use(), SOON_S))
    assert set(found) == {outcome(kind, open_kind(kind, url))}
    assert ":" not in found[0]


@pytest.fixture(params=["plain", "signed"])
def place(request, at, objects):
    if request.param == "plain":
        return at("image"), {}
    server = request.getfixturevalue("moto_server")
    bucket = server.make_bucket()
    server.put(bucket, "image.dcm", objects["image"].read_bytes())
    return server.url(bucket, "image.dcm"), {"storage_options": server.storage_options}


def test_fifty_at_once_beside_an_event_loop(place, objects):
    url, options = place
    theirs = highdicom.imread(objects["image"])
    corners = [(13 * n, 9 * n) for n in range(50)]

    def patch(image, top, left):
        return image.get_total_pixel_matrix(
            top, top + 60, left, left + 70, dtype=np.uint8, as_indices=True
        )

    async def use():
        loop = asyncio.get_running_loop()
        # All at once, and not as many as the loop's own threads.
        loop.set_default_executor(ThreadPoolExecutor(50))
        image = await asyncio.to_thread(nl.imread, url, **options)
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        found = await asyncio.gather(*(asyncio.to_thread(patch, image, *one) for one in corners))
        ticking.cancel()
        return found, ticks

    found, ticks = asyncio.run(asyncio.wait_for(use(), SOON_S))
    for one, corner in zip(found, corners, strict=True):
        np.testing.assert_array_equal(one, patch(theirs, *corner))
    assert ticks > 1


def test_one_image_in_sixteen_threads(at, web, objects):
    image = nl.imread(at("image"))
    theirs = highdicom.imread(objects["image"]).get_total_pixel_matrix(dtype=np.uint8)
    barrier = threading.Barrier(16)
    web.clear_log()

    def use(number):
        barrier.wait(SOON_S)
        # All ask for the same at the same time, then each for its own.
        same = image.pixels[200:500, 100:400]
        own = image.pixels[50 * number : 50 * number + 40, :]
        return np.array_equal(same, theirs[200:500, 100:400]) and np.array_equal(
            own, theirs[50 * number : 50 * number + 40]
        )

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(use, range(16)))
    # Whoever asks for what is under way joins it.
    assert web.sent <= objects["image"].stat().st_size * 1.15


def test_one_file_in_sixteen_threads(at, objects):
    content = objects["image"].read_bytes()
    reader = nl.open(at("image")).reader

    def use(number):
        start = 31_000 * number
        return reader.read(start, start + 50_000) == content[start : start + 50_000]

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(use, range(16)))
