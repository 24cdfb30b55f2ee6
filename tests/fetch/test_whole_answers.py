"""A server that answers 200 to a range costs one download, not one per range."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from fetch.conftest import CONTENT, Open
from nearline.ranges import ByteRange
from nearline.testing import RangeServer, faults

SIZE = 30_000_000
BIG = CONTENT * 10
SCATTERED = [ByteRange(n, n + 1000) for n in range(29_000_000, 300_000, -700_000)]


@pytest.fixture(autouse=True)
def rangeless(server: RangeServer) -> None:
    server.put("/big", BIG)
    server.misbehave("/big", faults.ignore_range())


def downloads(server: RangeServer) -> int:
    """Answers whose body was sent to the end.

    Waits for the first: when all that was asked for has come, the bytes behind it may be under way.
    """
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if ended := sum(request.sent == SIZE for request in server.requests):
            return ended
        time.sleep(0.01)
    return 0


@pytest.mark.parametrize("cache", ["disk", "memory", "off"])
def test_all_reads_share_one_download(server: RangeServer, open_reader: Open, cache: str) -> None:
    reader = open_reader("/big", cache=cache)
    assert bytes(reader.prefix) == BIG[: 256 << 10]
    for shift in (0, 5000):
        ranges = [ByteRange(a + shift, b + shift) for a, b in SCATTERED]
        found = reader.read_many(ranges)
        assert [bytes(view) for view in found] == [BIG[a:b] for a, b in ranges]
    # The first requests find out; the first of them to be answered is the download.
    assert len(server.requests) <= 3
    assert downloads(server) == 1
    assert any("ignores ranges" in note for note in reader.provenance.notes)


def test_threads_share_the_download(server: RangeServer, open_reader: Open) -> None:
    reader = open_reader("/big")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda span: bytes(reader.read(*span)), SCATTERED))
    assert found == [BIG[a:b] for a, b in SCATTERED]
    assert len(server.requests) <= 3


def test_server_that_stops_honouring_ranges_is_survived(
    server: RangeServer, open_reader: Open
) -> None:
    server.put("/later", BIG)
    reader = open_reader("/later")
    server.misbehave("/later", faults.ignore_range())
    found = reader.read_many(SCATTERED)
    assert [bytes(view) for view in found] == [BIG[a:b] for a, b in SCATTERED]
    assert downloads(server) == 1


def test_object_that_cannot_be_kept_is_still_served(server: RangeServer, open_reader: Open) -> None:
    reader = open_reader("/big", cache_size=8_000_000, memory_size=4_000_000)
    found = reader.read_many(SCATTERED)
    assert [bytes(view) for view in found] == [BIG[a:b] for a, b in SCATTERED]
    assert bytes(reader.read(SIZE - 100, SIZE)) == BIG[-100:]
    assert b"".join(reader.scan(0, SIZE)) == BIG


def test_download_that_breaks_off_begins_again(server: RangeServer, open_reader: Open) -> None:
    server.misbehave("/big", faults.cut_body(9_000_000), requests={1, 2, 3})
    reader = open_reader("/big")
    assert bytes(reader.read(20_000_000, 20_001_000)) == BIG[20_000_000:20_001_000]


def test_size_that_only_the_end_tells_is_found(server: RangeServer, open_reader: Open) -> None:
    server.misbehave("/big", faults.chunked())
    reader = open_reader("/big")
    assert reader.size == SIZE
    assert bytes(reader.read(1_000_000, 2_000_000)) == BIG[1_000_000:2_000_000]
    assert downloads(server) == 1


def test_known_object_needs_no_download(server: RangeServer, open_reader: Open) -> None:
    list(open_reader("/big").scan(0, SIZE))
    server.clear_log()
    reader = open_reader("/big")
    assert bytes(reader.read(20_000_000, 20_000_010)) == BIG[20_000_000:20_000_010]
    assert [(request.status, request.sent) for request in server.requests] == [(304, 0)]
