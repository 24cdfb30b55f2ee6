"""Opening costs one round trip, one conditional request, or nothing."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import pytest

from fetch.conftest import Open
from fetch.sources import MemorySource
from nearline import traffic
from nearline.errors import AccessDenied, NotFound, ObjectChanged, Offline
from nearline.fetch.reader import Reader
from nearline.ranges import ByteRange
from nearline.settings import Settings
from nearline.testing import RangeServer, faults

KIB = 1 << 10


def test_cold_open_is_one_round_trip_of_three_ranges(
    server: RangeServer, open_reader: Open, content: bytes
) -> None:
    # A slow first byte makes the requests overlap for certain.
    server.misbehave("/a", faults.stall(0.5))
    with traffic() as cost:
        reader = open_reader()
    assert len(server.requests) == 3
    assert {request.method for request in server.requests} == {"GET"}
    assert len(server.chain()) == 1
    assert server.sent == 256 * KIB
    assert bytes(reader.prefix) == content[: 256 * KIB]
    assert reader.size == len(content)
    assert reader.validator.etag
    assert (cost.requests, cost.bytes) == (3, 256 * KIB)


def test_second_round_trip_opens_no_connection(server: RangeServer, open_reader: Open) -> None:
    server.misbehave("/a", faults.stall(0.5), requests=range(1, 4))
    reader = open_reader()
    reader.read_many([ByteRange(n, n + 10) for n in (1_000_000, 1_500_000, 2_000_000)])
    assert server.connections == 3


def test_the_prefix_is_not_fetched_again(server: RangeServer, open_reader: Open) -> None:
    reader = open_reader()
    server.clear_log()
    reader.read(0, 256 * KIB)
    assert server.requests == []


@pytest.mark.parametrize("size", [0, 1, 5_000, 128 * KIB, 128 * KIB + 1, 200 * KIB, 256 * KIB])
def test_small_objects_open(server: RangeServer, open_reader: Open, size: int) -> None:
    small = bytes(range(256)) * (KIB + 1)
    server.put("/small", small[:size])
    reader = open_reader("/small")
    assert reader.size == size
    assert bytes(reader.prefix) == small[:size]
    assert bytes(reader.read(0, size)) == small[:size]


def test_known_object_costs_one_conditional_request_without_a_body(
    server: RangeServer, open_reader: Open, content: bytes
) -> None:
    open_reader().read(1_000_000, 1_200_000)
    server.clear_log()
    with traffic() as cost:
        reader = open_reader()
        assert bytes(reader.read(1_000_000, 1_200_000)) == content[1_000_000:1_200_000]
    assert [(request.status, request.sent) for request in server.requests] == [(304, 0)]
    assert (cost.requests, cost.bytes, cost.revalidations) == (1, 0, 1)
    assert cost.cached_bytes == 200_000
    assert len(reader.prefix) == 0


def test_changed_object_brings_its_beginning_with_the_revalidation(
    server: RangeServer, open_reader: Open
) -> None:
    open_reader()
    server.put("/a", b"other" * 100_000)
    server.clear_log()
    reader = open_reader()
    assert len(server.requests) == 1
    assert bytes(reader.read(0, 10)) == b"otherother"
    assert len(server.requests) == 1
    assert reader.size == 500_000


@pytest.mark.parametrize("changes", [{"freshness": 60.0}, {"immutable": ("http://127.0.0.1*",)}])
def test_vouched_for_object_opens_without_a_request(
    server: RangeServer, open_reader: Open, content: bytes, changes: dict[str, object]
) -> None:
    open_reader(**changes)
    server.clear_log()
    reader = open_reader(**changes)
    assert bytes(reader.read(0, 1000)) == content[:1000]
    assert server.requests == []
    assert (reader.provenance.checked > time.time() - 60) is ("freshness" in changes)


def test_freshness_runs_out(server: RangeServer, open_reader: Open) -> None:
    open_reader()
    server.clear_log()
    open_reader(freshness=0.0)
    assert len(server.requests) == 1


def test_offline_serves_what_is_held_and_names_what_is_not(
    server: RangeServer, open_reader: Open, content: bytes
) -> None:
    open_reader().read(1_000_000, 1_100_000)
    server.clear_log()
    reader = open_reader(freshness="offline")
    assert bytes(reader.read(1_000_000, 1_100_000)) == content[1_000_000:1_100_000]
    with pytest.raises(Offline, match=r"Bytes 1000000 to 1100001 of http://127.*/a are not"):
        reader.read(1_000_000, 1_100_001)
    assert server.requests == []


def test_offline_refuses_an_object_never_read(server: RangeServer, open_reader: Open) -> None:
    with pytest.raises(Offline, match="never read"):
        open_reader(freshness="offline")
    assert server.requests == []


def test_missing_and_forbidden_objects_are_told_apart(
    server: RangeServer, open_reader: Open
) -> None:
    with pytest.raises(NotFound, match="/nothing"):
        open_reader("/nothing")
    server.misbehave("/a", faults.deny())
    with pytest.raises(AccessDenied):
        open_reader()


def test_known_object_that_is_gone_is_not_found(server: RangeServer, open_reader: Open) -> None:
    open_reader()
    server.remove("/a")
    with pytest.raises(NotFound):
        open_reader()


def test_server_that_ignores_conditions_still_vouches(
    server: RangeServer, open_reader: Open
) -> None:
    open_reader().read(1_000_000, 1_100_000)
    server.misbehave("/a", faults.ignore_conditions())
    server.clear_log()
    with traffic() as cost:
        open_reader().read(1_000_000, 1_100_000)
    assert len(server.requests) == 1
    assert cost.revalidations == 1


def test_object_replaced_during_the_first_read_is_never_mixed(
    server: RangeServer, open_reader: Open, content: bytes
) -> None:
    new = bytes(len(content))
    server.misbehave("/a", faults.replace_object(new, after_requests=1))
    reader = open_reader()
    found = bytearray()
    # Which range arrives first is chance: the rest is the same version, or an error.
    with suppress(ObjectChanged):
        for start in range(0, 256 * KIB, 64 * KIB):
            found += reader.read(start, start + 64 * KIB)
    assert bytes(found) in (content[: len(found)], new[: len(found)])
    assert len(found) >= 128 * KIB


def test_size_that_ranges_do_not_tell_is_asked_for() -> None:
    source = MemorySource(bytes(1_000_000), tells_size=False)
    reader = Reader(source, Settings(cache="off"))
    assert reader.size == 1_000_000


def test_cache_off_keeps_nothing(server: RangeServer, open_reader: Open, tmp_path: Path) -> None:
    reader = open_reader(cache="off")
    for _ in range(2):
        server.clear_log()
        reader.read(1_000_000, 1_000_010)
        assert len(server.requests) == 1
    assert not (tmp_path / "cache").exists()
