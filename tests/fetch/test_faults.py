"""Servers that misbehave are survived; nothing wrong is ever returned."""

from __future__ import annotations

import logging
from email.utils import formatdate

import pytest

from fetch.conftest import CONTENT, Open
from fetch.sources import MemorySource
from nearline import traffic
from nearline.errors import ObjectChanged, Unavailable
from nearline.fetch import retry
from nearline.fetch.reader import Reader
from nearline.fetch.retry import Retries
from nearline.ranges import ByteRange
from nearline.settings import Settings
from nearline.storage.source import Transient
from nearline.testing import RangeServer, faults
from nearline.testing.request_log import LoggedRequest

MIB = 1 << 20
OLD = "Mon, 05 Jan 2015 00:00:00 GMT"
SCATTERED = [ByteRange(n, n + 1000) for n in range(300_000, 2_900_000, 200_000)]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_FIRST_S", 0.01)


def check(reader: Reader, ranges: list[ByteRange] = SCATTERED) -> None:
    found = reader.read_many(ranges)
    assert [bytes(view) for view in found] == [CONTENT[a:b] for a, b in ranges]


def firsts(requests: list[LoggedRequest]) -> list[int]:
    """First bytes of the ranges asked for."""
    return [int((request.range or "bytes=0-").split("=")[1].split("-")[0]) for request in requests]


def test_cut_body_goes_on_from_where_it_broke(server: RangeServer, open_reader: Open) -> None:
    reader = open_reader()
    server.clear_log()
    server.misbehave("/a", faults.cut_body(300_000), requests={4})
    with traffic() as cost:
        check(reader, [ByteRange(1_000_000, 1_900_000)])
    assert firsts(server.requests) == [1_000_000, 1_300_000]
    assert cost.retries == 1
    assert cost.bytes == 900_000


def test_body_that_is_cut_again_and_again_is_survived_while_it_advances(
    server: RangeServer, open_reader: Open
) -> None:
    reader = open_reader(retries=2)
    server.misbehave("/a", faults.cut_body(100_000))
    check(reader, [ByteRange(1_000_000, 1_900_000)])


def test_connection_that_brings_nothing_is_given_up(server: RangeServer, open_reader: Open) -> None:
    reader = open_reader(retries=2)
    server.clear_log()
    server.misbehave("/a", faults.cut_body(0, reset=True))
    with pytest.raises(Unavailable, match="/a"):
        reader.read(1_000_000, 1_000_010)
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_burst_of_refusals_is_survived(server: RangeServer, open_reader: Open, status: int) -> None:
    server.misbehave("/a", faults.fail(status), requests=range(1, 7))
    with traffic() as cost:
        check(open_reader())
    assert cost.retries == 6


def test_retry_after_is_honoured(server: RangeServer, open_reader: Open) -> None:
    reader = open_reader()
    server.clear_log()
    server.misbehave("/a", faults.fail(503, retry_after=1), requests={4})
    check(reader, [ByteRange(1_000_000, 1_000_010)])
    first, second = server.requests
    assert second.arrived - first.arrived >= 1.0


def test_retry_after_is_bounded() -> None:
    delay_s = Retries(3).delay_s(Transient("Busy.", retry_after=86_400.0), 0)
    assert delay_s is not None
    assert 60 <= delay_s < 62


def test_backoff_grows_with_jitter() -> None:
    retries = Retries(6)
    delays = [retries.delay_s(Transient("Busy."), 0) for _ in range(7)]
    assert delays[-1] is None
    assert all(d is not None and 0 <= d <= 0.01 * 2**n for n, d in enumerate(delays[:-1]))
    assert len(set(delays)) == 7


def test_waiting_for_a_retry_holds_up_nobody_else(server: RangeServer, open_reader: Open) -> None:
    server.put("/b", CONTENT)
    other = open_reader("/b", max_requests=1)
    reader = open_reader(max_requests=1)
    server.misbehave("/a", faults.fail(503, retry_after=30), requests={4})
    ahead = reader.ahead([ByteRange(1_000_000, 1_000_010)])
    check(other, [ByteRange(2_000_000, 2_000_010)])
    ahead.release()


def test_stalled_server_is_asked_again(server: RangeServer, open_reader: Open) -> None:
    reader = open_reader(timeout=0.3)
    server.misbehave("/a", faults.stall(), requests={4})
    server.misbehave("/a", faults.stall(after_bytes=5000), requests={5})
    check(reader, [ByteRange(1_000_000, 1_100_000)])


def test_server_that_stays_silent_is_unavailable(server: RangeServer, open_reader: Open) -> None:
    server.misbehave("/a", faults.stall())
    with pytest.raises(Unavailable, match="/a"):
        open_reader(timeout=0.2, retries=1)


def test_error_of_one_range_reaches_every_waiter_as_its_own(
    server: RangeServer, open_reader: Open
) -> None:
    reader = open_reader(retries=0)
    server.misbehave("/a", faults.fail(503))
    for _ in range(2):
        with pytest.raises(Unavailable) as caught:
            reader.read_many(SCATTERED)
        assert caught.value.__cause__ is None


def test_unexpected_error_of_a_source_is_not_lost() -> None:
    def before(span: ByteRange) -> None:
        if span.start >= MIB:
            raise RuntimeError("A bug in a source.")

    reader = Reader(MemorySource(bytes(2 * MIB), before=before), Settings(cache="off"))
    with pytest.raises(RuntimeError, match="bug"):
        reader.read(MIB, MIB + 1)


# --- versions ---------------------------------------------------------------------


def test_object_replaced_between_two_reads_is_noticed(
    server: RangeServer, open_reader: Open
) -> None:
    reader = open_reader()
    # Within the same second, at the same size: only the ETag differs.
    server.put("/a", bytes(len(CONTENT)))
    with pytest.raises(ObjectChanged, match=r"changed while it was being read \(ETag"):
        check(reader)
    open_reader().read(1_000_000, 1_000_010)


def test_replaced_object_never_gives_mixed_bytes(server: RangeServer, open_reader: Open) -> None:
    reader = open_reader()
    server.misbehave("/a", faults.replace_object(bytes(len(CONTENT)), after_requests=9))
    found = {}

    def read() -> None:
        for index, view in reader.stream(SCATTERED):
            found[index] = bytes(view)

    with pytest.raises(ObjectChanged):
        read()
    assert all(found[i] == CONTENT[slice(*SCATTERED[i])] for i in found)


def test_replaced_object_is_noticed_where_conditions_are_ignored(
    server: RangeServer, open_reader: Open
) -> None:
    reader = open_reader()
    server.misbehave("/a", faults.ignore_conditions())
    server.put("/a", bytes(len(CONTENT)))
    with pytest.raises(ObjectChanged):
        check(reader)


def test_replacement_while_a_body_is_resumed_is_noticed(
    server: RangeServer, open_reader: Open
) -> None:
    reader = open_reader()
    server.misbehave("/a", faults.cut_body(100_000), requests={4})
    server.misbehave("/a", faults.replace_object(bytes(len(CONTENT)), after_requests=4))
    with pytest.raises(ObjectChanged):
        reader.read(1_000_000, 1_300_000)


def test_removed_object_counts_as_changed(server: RangeServer, open_reader: Open) -> None:
    reader = open_reader()
    server.remove("/a")
    with pytest.raises(ObjectChanged):
        reader.read(1_000_000, 1_000_010)


@pytest.mark.parametrize("nodes", [2, 3, 7])
@pytest.mark.parametrize("modified", [OLD, ""])
def test_etags_that_differ_per_node_are_no_longer_trusted(
    server: RangeServer,
    open_reader: Open,
    caplog: pytest.LogCaptureFixture,
    nodes: int,
    modified: str,
) -> None:
    server.put("/b", CONTENT, last_modified=modified or formatdate(usegmt=True))
    server.misbehave("/b", faults.per_node_etag(nodes))
    with caplog.at_level(logging.WARNING, "nearline"):
        reader = open_reader("/b")
        for n in range(4):
            check(reader, [ByteRange(a + n * 2000, b + n * 2000) for a, b in SCATTERED])
    assert [r.getMessage() for r in caplog.records if "load balancer" in r.getMessage()] != []
    assert len([r for r in caplog.records if "load balancer" in r.getMessage()]) == 1
    assert any("load balancer" in note for note in reader.provenance.notes)
    # Once known, it costs no further request.
    server.clear_log()
    reader.read(2_950_000, 2_950_010)
    assert len(server.requests) == 1


def test_what_a_balancer_served_is_found_again(server: RangeServer, open_reader: Open) -> None:
    server.put("/b", CONTENT, last_modified=OLD)
    server.misbehave("/b", faults.per_node_etag(3))
    check(open_reader("/b"))
    server.clear_log()
    with traffic() as cost:
        check(open_reader("/b"))
    assert [(request.status, request.sent) for request in server.requests] == [(304, 0)]
    assert cost.bytes == 0


def test_balancer_does_not_hide_a_real_change(server: RangeServer, open_reader: Open) -> None:
    server.put("/b", CONTENT, last_modified=OLD)
    server.misbehave("/b", faults.per_node_etag(2))
    reader = open_reader("/b")
    check(reader)
    server.put("/b", bytes(len(CONTENT)))
    with pytest.raises(ObjectChanged):
        reader.read(2_950_000, 2_950_010)


def test_etag_that_lies_does_not_hide_another_size(server: RangeServer, open_reader: Open) -> None:
    server.misbehave("/a", faults.with_etag('"always"'))
    reader = open_reader()
    server.put("/a", CONTENT + b"more")
    with pytest.raises(ObjectChanged):
        check(reader)


def test_missing_etag_leaves_date_and_size(server: RangeServer, open_reader: Open) -> None:
    server.misbehave("/a", faults.with_etag(None))
    reader = open_reader()
    check(reader)
    assert reader.validator.key.startswith("modified:")
    server.put("/a", bytes(len(CONTENT)), last_modified=OLD)
    with pytest.raises(ObjectChanged):
        reader.read(2_950_000, 2_950_010)


def test_range_that_is_not_the_one_asked_for_is_refused(
    server: RangeServer, open_reader: Open
) -> None:
    reader = open_reader(retries=1)
    server.misbehave("/a", faults.wrong_content_range())
    with pytest.raises(Unavailable):
        reader.read(1_000_000, 1_000_010)


def test_part_that_is_called_whole_is_taken_for_a_part(
    server: RangeServer, open_reader: Open
) -> None:
    server.misbehave("/a", faults.ok_with_content_range())
    check(open_reader())
