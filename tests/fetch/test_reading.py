"""Reads bring exact bytes, once, within the caps."""

from __future__ import annotations

import gc
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fetch.conftest import CONTENT, Open
from fetch.sources import MemorySource
from nearline import traffic
from nearline.errors import ObjectChanged, TruncatedObject
from nearline.fetch.engine import engine
from nearline.fetch.keeper import keeper
from nearline.fetch.reader import Reader
from nearline.ranges import ByteRange, total
from nearline.settings import Settings
from nearline.storage.local import LocalSource
from nearline.testing import RangeServer, faults

KIB = 1 << 10
MIB = 1 << 20

wanted_ranges = st.lists(
    st.tuples(st.integers(0, len(CONTENT)), st.sampled_from([0, 1, 9, 20_000, 400_000])).map(
        lambda pair: ByteRange(pair[0], min(sum(pair), len(CONTENT)))
    ),
    max_size=12,
)


close_together = st.lists(
    st.builds(
        lambda start, length: ByteRange(start, start + length),
        st.sampled_from(range(1_000_000, 1_400_000, 10_000)),
        st.sampled_from([1_000, 10_000, 200_000]),
    ),
    min_size=1,
    max_size=3,
)
"""So that what is held lies in the gaps of what is asked for."""


@given(
    st.lists(wanted_ranges | close_together, max_size=6), st.sampled_from(["disk", "memory", "off"])
)
@settings(max_examples=90, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_sequence_of_reads_brings_the_objects_own_bytes(
    tmp_path: Path, reads: list[list[ByteRange]], cache: str
) -> None:
    reader = Reader(MemorySource(CONTENT), Settings(cache=cache, cache_dir=tmp_path))
    for ranges in reads:
        found = reader.read_many(ranges)
        assert [bytes(view) for view in found] == [CONTENT[a:b] for a, b in ranges]
        assert all(view.readonly for view in found)
        # From here on the cache has them, and they are no longer under way.
        assert keeper().drain(20)


def test_a_gap_that_is_held_is_fetched_across(server: RangeServer, open_reader: Open) -> None:
    reader = open_reader()
    reader.read(1_010_000, 1_012_000)
    assert keeper().drain(20)
    server.clear_log()
    around = [ByteRange(1_000_000, 1_010_000), ByteRange(1_012_000, 1_020_000)]
    assert [bytes(view) for view in reader.read_many(around)] == [CONTENT[a:b] for a, b in around]
    assert [request.range for request in server.requests] == ["bytes=1000000-1019999"]


def test_what_was_fetched_is_not_fetched_again(server: RangeServer, open_reader: Open) -> None:
    reader = open_reader()
    reader.read(1_000_000, 1_100_000)
    server.clear_log()
    reader.read_many([ByteRange(1_000_000, 1_050_000), ByteRange(1_020_000, 1_100_000)])
    assert server.requests == []
    reader.read(1_050_000, 1_150_000)
    assert server.sent == 50_000


def test_many_ranges_are_one_round_trip(server: RangeServer, open_reader: Open) -> None:
    reader = open_reader()
    server.clear_log()
    server.misbehave("/a", faults.stall(1.0))
    reader.read_many([ByteRange(n, n + 20_000) for n in range(300_000, 2_700_000, 100_000)])
    assert len(server.requests) == 24
    assert len(server.chain()) == 1


def test_range_past_the_end_is_an_error(open_reader: Open) -> None:
    reader = open_reader()
    with pytest.raises(TruncatedObject, match="has 3000000 bytes"):
        reader.read(2_999_999, 3_000_001)
    with pytest.raises(ValueError, match="no range"):
        reader.read(5, 4)


def test_pieces_are_handed_on_before_the_request_is_complete(
    server: RangeServer, open_reader: Open, content: bytes
) -> None:
    reader = open_reader()
    # Adjacent ranges share one request, which goes silent in the middle of the second.
    server.misbehave("/a", faults.stall(3600, after_bytes=150_000))
    stream = reader.stream([ByteRange(1_000_000, 1_100_000), ByteRange(1_100_000, 1_200_000)])
    index, view = next(stream)
    assert (index, bytes(view)) == (0, content[1_000_000:1_100_000])
    stream.close()


def test_closing_a_stream_gives_up_the_rest() -> None:
    release = threading.Event()

    def before(span: ByteRange) -> None:
        if span.start > MIB:
            release.wait(20)

    source = MemorySource(bytes(40 * MIB), before=before)
    reader = Reader(source, Settings(cache="off", max_requests=4))
    ranges = [ByteRange(n * MIB, n * MIB + 1000) for n in range(1, 39)]
    stream = reader.stream(ranges)
    next(stream)
    stream.close()
    release.set()
    asked = len(source.asked)
    assert bytes(reader.read(39 * MIB, 39 * MIB + 10)) == bytes(10)
    # One of the opening, those that ran, and the last: none that was waiting.
    assert asked <= 1 + 3 + 1 + 4
    assert len(source.asked) <= asked + 1
    assert engine().bytes_held == 0


def test_requests_are_capped(server: RangeServer, open_reader: Open) -> None:
    reader = open_reader(max_requests=5)
    server.clear_log()
    server.misbehave("/a", faults.stall(0.05))
    reader.read_many([ByteRange(n, n + 10) for n in range(300_000, 2_900_000, 100_000)])
    assert server.max_concurrency == 5


def test_cap_holds_over_all_threads_and_readers(server: RangeServer, open_reader: Open) -> None:
    readers = [open_reader(max_requests=5, cache="off") for _ in range(3)]
    server.clear_log()
    server.misbehave("/a", faults.stall(0.05))
    ranges = [ByteRange(n, n + 10) for n in range(300_000, 2_900_000, 300_000)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda pair: pair[1].read_many(
            [ByteRange(a + 1000 * pair[0], b + 1000 * pair[0]) for a, b in ranges]
        ), enumerate(readers)))  # fmt: skip
    assert server.max_concurrency <= 5


def test_bytes_under_way_are_capped() -> None:
    source = MemorySource(bytes(64 * MIB), before=lambda span: time.sleep(0.005))
    reader = Reader(source, Settings(cache="off", max_bytes_in_flight=6 * MIB))
    for _ in reader.stream([ByteRange(n * MIB, (n + 1) * MIB) for n in range(1, 60)]):
        assert engine().bytes_held <= 6 * MIB
    assert source.most_bytes_running <= 6 * MIB


def test_bytes_that_a_slow_consumer_has_not_taken_count_as_under_way() -> None:
    source = MemorySource(bytes(64 * MIB))
    reader = Reader(source, Settings(cache="off", max_bytes_in_flight=4 * MIB))
    stream = reader.stream([ByteRange(n * MIB, n * MIB + MIB // 2) for n in range(1, 60)])
    next(stream)
    time.sleep(0.2)
    assert total(source.asked) <= 6 * MIB
    assert len(list(stream)) == 58


def test_streams_consumed_in_turn_by_one_thread_do_not_block_each_other() -> None:
    reader = Reader(MemorySource(bytes(64 * MIB)), Settings(cache="off", max_bytes_in_flight=MIB))
    ranges = [ByteRange(n * MIB, n * MIB + MIB // 2) for n in range(1, 20)]
    shifted = [ByteRange(a + 30 * MIB, b + 30 * MIB) for a, b in ranges]
    assert len(list(zip(reader.stream(ranges), reader.stream(shifted), strict=True))) == 19


def test_serial_source_is_read_one_at_a_time() -> None:
    source = MemorySource(bytes(20 * MIB), concurrent=False, before=lambda span: time.sleep(0.002))
    reader = Reader(source, Settings(cache="off"))
    assert len(source.asked) == 1
    with ThreadPoolExecutor(4) as pool:
        reads = [pool.submit(reader.read, n * MIB, n * MIB + 1000) for n in range(1, 19)]
        assert all(read.result() == bytes(1000) for read in reads)
    assert source.most_running == 1


def test_foreground_goes_before_read_ahead() -> None:
    order: list[int] = []
    gate = threading.Event()

    def before(span: ByteRange) -> None:
        if span.start >= MIB:
            order.append(span.start // MIB)
            gate.wait(20)

    source = MemorySource(bytes(64 * MIB), before=before)
    reader = Reader(source, Settings(cache="memory", max_requests=1))
    ahead = reader.ahead([ByteRange(n * MIB, n * MIB + 10) for n in range(10, 20)])
    while not order:
        time.sleep(0.001)
    with ThreadPoolExecutor(1) as pool:
        wanted = pool.submit(reader.read_many, [ByteRange(n * MIB, n * MIB + 9) for n in (40, 15)])
        while not any(lane.foreground for lane in list(engine()._lanes)):
            time.sleep(0.001)
        gate.set()
        wanted.result()
    ahead.release()
    assert order[0] == 10
    assert set(order[1:3]) == {40, 15}


def test_read_ahead_is_kept_and_not_fetched_twice(server: RangeServer, open_reader: Open) -> None:
    reader = open_reader()
    server.clear_log()
    ahead = reader.ahead([ByteRange(1_000_000, 1_300_000)])
    reader.read(1_000_000, 1_300_000)
    ahead.release()
    reader.read(1_000_000, 1_300_000)
    assert server.sent == 300_000


def test_two_threads_that_ask_for_the_same_bytes_cause_one_request(
    server: RangeServer, open_reader: Open, content: bytes
) -> None:
    readers = [open_reader(), open_reader()]
    server.clear_log()
    server.misbehave("/a", faults.stall(0.3))
    barrier = threading.Barrier(8)

    def read(n: int) -> bytes:
        barrier.wait()
        return bytes(readers[n % 2].read(1_000_000, 1_200_000))

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(read, range(8))) == {content[1_000_000:1_200_000]}
    assert len(server.requests) == 1


def test_waiters_survive_the_one_who_asked_first() -> None:
    started, gate = threading.Event(), threading.Event()

    def before(span: ByteRange) -> None:
        if span.start >= MIB:
            started.set()
            gate.wait(20)

    source = MemorySource(bytes(4 * MIB), before=before)
    reader = Reader(source, Settings(cache="memory"))
    ahead = reader.ahead([ByteRange(MIB, 2 * MIB)])
    assert started.wait(10)
    with ThreadPoolExecutor(1) as pool:
        waiter = pool.submit(reader.read, MIB, MIB + 10)
        while not any(len(flight.holders) > 1 for flight in reader._version.under_way._flights):
            time.sleep(0.001)
        ahead.release()
        gate.set()
        assert waiter.result(10) == bytes(10)
    assert len(source.asked) == 4


def test_scan_is_in_order_and_runs_ahead() -> None:
    source = MemorySource(CONTENT)
    reader = Reader(source, Settings(cache="off"))
    enough = threading.Event()

    def hold_back(_: ByteRange) -> None:
        """Let no answer come before ten windows were asked for."""
        if len(source.asked) > 10:
            enough.set()
        assert enough.wait(60)

    source.before = hold_back
    windows = list(reader.scan(300_000, 2_900_001, window=200_000))
    assert b"".join(windows) == CONTENT[300_000:2_900_001]
    assert [len(window) for window in windows] == [200_000] * 13 + [1]


def test_scan_holds_a_bounded_number_of_bytes() -> None:
    source = MemorySource(bytes(96 * MIB))
    reader = Reader(source, Settings(cache="off", max_bytes_in_flight=16 * MIB))
    scanned = 0
    for window in reader.scan(0, reader.size, window=MIB):
        scanned += len(window)
        assert total(source.asked) - scanned <= 18 * MIB
    assert engine().bytes_held == 0


def test_scan_of_a_large_object_is_not_kept(server: RangeServer, open_reader: Open) -> None:
    reader = open_reader(cache_size=8_000_000)
    list(reader.scan(0, reader.size))
    server.clear_log()
    reader.read(2_000_000, 2_000_100)
    assert server.sent == 100


def test_cost_is_counted_for_the_block_that_caused_it(
    server: RangeServer, open_reader: Open
) -> None:
    reader = open_reader()
    with traffic() as cold:
        reader.read_many([ByteRange(n, n + 1000) for n in (1_000_000, 2_000_000)])
    with traffic() as warm:
        reader.read(1_000_000, 1_000_500)
    assert (cold.requests, cold.bytes, cold.cached_bytes) == (2, 2000, 0)
    assert (warm.requests, warm.bytes, warm.cached_bytes) == (0, 0, 500)


def test_local_files_are_read_in_place_and_keep_their_artefacts(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(CONTENT)
    settings = Settings(cache_dir=tmp_path / "cache")
    reader = Reader(LocalSource(path), settings)
    assert bytes(reader.read(1_000_000, 2_500_000)) == CONTENT[1_000_000:2_500_000]
    assert b"".join(reader.scan(0, reader.size)) == CONTENT
    reader.keep("frames", b"index")
    assert Reader(LocalSource(path), settings).artefact("frames") == b"index"
    kept = sum(one.stat().st_size for one in (tmp_path / "cache").rglob("*") if one.is_file())
    assert kept < MIB
    path.write_bytes(bytes(len(CONTENT)))
    with pytest.raises(ObjectChanged):
        reader.read(0, 10)
    assert Reader(LocalSource(path), settings).artefact("frames") is None


def test_artefacts_belong_to_one_version(server: RangeServer, open_reader: Open) -> None:
    reader = open_reader()
    reader.keep("header", b"derived")
    assert open_reader().artefact("header") == b"derived"
    server.put("/a", b"new")
    assert open_reader().artefact("header") is None


def test_pickled_reader_is_held_to_the_same_version(
    server: RangeServer, open_reader: Open, content: bytes
) -> None:
    reader = open_reader(cache="off")
    server.clear_log()
    copy = pickle.loads(pickle.dumps(reader))
    assert server.requests == []
    assert bytes(copy.read(500_000, 500_010)) == content[500_000:500_010]
    assert copy.validator == reader.validator
    server.put("/a", bytes(len(content)))
    with pytest.raises(ObjectChanged, match="Open it again"):
        copy.read(600_000, 600_010)


def test_object_without_validator_is_kept_only_while_open(
    server: RangeServer, open_reader: Open, tmp_path: Path
) -> None:
    server.misbehave("/a", faults.without_validators())
    reader = open_reader()
    reader.read(1_000_000, 1_100_000)
    server.clear_log()
    reader.read(1_000_000, 1_100_000)
    assert server.requests == []
    reader.close()
    open_reader().read(1_000_000, 1_100_000)
    assert server.sent > 100_000


def test_weak_etag_revalidates_but_is_no_condition(server: RangeServer, open_reader: Open) -> None:
    server.put("/weak", CONTENT, etag='W/"1"')
    open_reader("/weak").read(1_000_000, 1_100_000)
    assert all("if-match" not in request.headers for request in server.requests)
    server.clear_log()
    open_reader("/weak").read(1_000_000, 1_100_000)
    assert [(request.status, request.sent) for request in server.requests] == [(304, 0)]


def test_nothing_is_held_once_everything_was_read(open_reader: Open) -> None:
    reader = open_reader()
    list(reader.stream([ByteRange(a, b) for a, b in pairwise(range(0, 3_000_000, 70_000))]))
    assert keeper().drain(20)
    assert engine().bytes_held == 0
    assert reader._version.under_way._flights == []
    gc.collect()


def test_usable_under_a_running_event_loop(open_reader: Open, content: bytes) -> None:
    import asyncio

    async def main() -> bytes:
        return bytes(open_reader().read(1_000_000, 1_000_100))

    assert asyncio.run(main()) == content[1_000_000:1_000_100]
