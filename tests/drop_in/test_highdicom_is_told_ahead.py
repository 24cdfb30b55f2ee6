"""highdicom, over an open file: the rows of tiles to come are fetched while it decodes."""

from __future__ import annotations

import time

import highdicom
import numpy as np
import pytest
import s3fs

import nearline as nl
from nearline.testing import RangeServer, faults
from slides import Recipe, write_slide

BUCKET, KEY = "slides", "slide.dcm"
PATH = f"/{BUCKET}/{KEY}"


@pytest.fixture(scope="module", params=["basic", "extended"])
def slide(request, tmp_path_factory):
    recipe = Recipe(
        rows=6000, columns=6000, offset_table=request.param, icc_size=3000, distinct_tiles=40
    )
    return write_slide(tmp_path_factory.mktemp("slide") / "slide.dcm", recipe)


@pytest.fixture
def server(slide):
    with RangeServer({PATH: slide.path}) as server:
        yield server


@pytest.fixture(autouse=True)
def own_cache(tmp_path):
    with nl.settings(cache_dir=tmp_path / "cache"):
        yield


def options(server):
    return {"anon": True, "endpoint_url": f"http://127.0.0.1:{server.port}"}


def region(file, size):
    image = highdicom.imread(file, lazy_frame_retrieval=True)
    return image.get_total_pixel_matrix(2000, 2000 + size, 1500, 1500 + size, dtype=np.uint8)


def opened(server):
    return nl.open(f"s3://{BUCKET}/{KEY}", storage_options=options(server))


def quiet(server):
    """Wait until nothing more arrives, such as what was asked for and given up."""
    count = -1
    while count != len(server.requests):
        count = len(server.requests)
        time.sleep(0.3)


@pytest.mark.parametrize("size", [200, 512, 1500])
def test_never_more_bytes_than_s3fs_and_none_the_second_time(slide, server, size):
    filesystem = s3fs.S3FileSystem(
        **options(server), default_block_size=500_000, skip_instance_cache=True
    )
    theirs = region(filesystem.open(f"{BUCKET}/{KEY}"), size)
    their_bytes = sum(one.sent for one in server.requests)
    server.clear_log()
    with opened(server) as file:
        np.testing.assert_array_equal(region(file, size), theirs)
    quiet(server)
    assert sum(one.sent for one in server.requests) <= their_bytes
    server.clear_log()
    with opened(server) as file:
        server_asked_to_open = len(server.requests)
        np.testing.assert_array_equal(region(file, size), theirs)
    quiet(server)
    assert len(server.requests) == server_asked_to_open <= 1


def test_rows_of_tiles_are_under_way_before_they_are_asked_for(server):
    with opened(server) as file:
        began = len(server.requests)
        server.misbehave(PATH, faults.stall(0.3, after_bytes=0))
        region(file, 1500)
    # Each answer is late: one after the other they would never be under way side by side.
    assert max(one.concurrent for one in server.requests[began:]) >= 3


def test_what_is_no_dicom_file_has_no_hints(server):
    content = bytes(range(256)) * 8000
    server.put("/plain", content)
    with nl.open(server.url("/plain")) as file:
        for place in (1_000_000, 10, 1_900_000, 500_000):
            file.seek(place)
            assert file.read(1000) == content[place : place + 1000]
    assert sum(one.sent for one in server.requests) <= (256 + 4 * 64) << 10
