import email.utils
import os
import threading
import time

import pytest

from nearline.errors import AccessDenied, NotFound, Unavailable
from nearline.storage.http import HttpSource
from nearline.storage.source import Transient
from nearline.testing import DelayProxy, RangeServer, faults

DATA = os.urandom(1_000_000)


@pytest.fixture
def server():
    with RangeServer({"/a": DATA}) as server:
        yield server


@pytest.fixture
def source(server):
    return HttpSource(server.url("/a"))


def body(answer):
    return b"".join(answer.chunks)


@pytest.mark.parametrize("more", [[], [faults.chunked()]])
def test_a_server_without_ranges_sends_the_whole_object_once(server, source, more):
    server.misbehave("/a", faults.ignore_range(), *more)
    answer = source.read(5000, 6000)
    assert (answer.kind, answer.start) == ("whole", 0)
    assert answer.stop == (None if more else len(DATA))
    assert "ignores ranges" in answer.notes[0]
    assert body(answer) == DATA
    body(source.read(0, 1))
    assert server.connections == 1


def test_200_with_the_part_asked_for_is_taken_as_the_part(server, source):
    server.misbehave("/a", faults.ok_with_content_range())
    answer = source.read(5000, 6000)
    assert (answer.kind, answer.start, answer.stop) == ("partial", 5000, 6000)
    assert answer.validator.size == len(DATA)
    assert body(answer) == DATA[5000:6000]


@pytest.mark.parametrize(
    "fault",
    [
        faults.wrong_content_range(1),
        faults.wrong_content_range(-1000),
        faults.wrong_content_range(0, size=5500),
        faults.set_headers(Content_Range="bytes 5000-5998/1000000"),
        faults.set_headers(Content_Range="pages 5-6/7"),
    ],
)
def test_a_content_range_that_lies_is_an_error(server, source, fault):
    server.misbehave("/a", fault)
    with pytest.raises(Unavailable):
        source.read(5000, 6000)


def test_200_whose_part_cannot_be_told_is_an_error(server, source):
    server.misbehave("/a", faults.ok_with_content_range(), faults.wrong_content_range(5))
    server.misbehave("/a", faults.set_headers(Content_Range="bytes 7-9/1000000"))
    with pytest.raises(Unavailable):
        source.read(5000, 6000)


def test_206_without_a_content_range_is_taken_and_noted(server, source):
    server.misbehave("/a", faults.set_headers(Content_Range=None))
    answer = source.read(5000, 6000)
    assert (answer.kind, answer.start, answer.stop) == ("partial", 5000, 6000)
    assert answer.notes
    assert body(answer) == DATA[5000:6000]


def test_bodies_in_chunks(server, source):
    server.misbehave("/a", faults.chunked())
    for start in range(0, 500_000, 50_000):
        assert body(source.read(start, start + 40_000)) == DATA[start : start + 40_000]
    assert server.connections == 1


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("more", [[], [faults.chunked()]])
@pytest.mark.parametrize("after", [0, 1, 131_072, 200_000])
def test_cut_bodies_are_never_complete(server, source, after, more, reset):
    server.misbehave("/a", faults.cut_body(after, reset=reset), *more)
    taken = b""
    with pytest.raises(Transient):  # noqa: PT012 - where it breaks is the kernel's choice
        for piece in source.read(0, 500_000).chunks:
            taken += piece
    assert DATA.startswith(taken)
    server.behave()
    assert body(source.read(0, 500_000)) == DATA[:500_000]


def test_a_body_longer_than_announced_brings_what_was_asked(server, source):
    server.misbehave("/a", faults.chunked(), faults.ok_with_content_range())
    answer = source.read(0, 1000)
    assert body(answer) == DATA[:1000]


def test_silence_ends_with_the_timeout(server, source):
    server.misbehave("/a", faults.stall(), requests={1})
    with pytest.raises(Transient, match="silent"):
        source.read(0, 10, timeout=0.2)
    server.misbehave("/a", faults.stall(after_bytes=1000), requests={2})
    with pytest.raises(Transient, match="silent"):
        body(source.read(0, 100_000, timeout=0.2))


def test_slow_but_steady_is_no_timeout(server, source):
    server.misbehave("/a", faults.drip(100_000))
    assert body(source.read(0, 60_000, timeout=0.4)) == DATA[:60_000]


def test_close_from_another_thread_ends_a_read_that_waits(server, source):
    server.misbehave("/a", faults.stall(after_bytes=200_000))
    answer = source.read(0, 900_000, timeout=60)
    waiting = threading.Event()
    ended = []

    def read():
        try:
            for _ in answer.chunks:
                waiting.set()
        except Transient as error:
            ended.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    assert waiting.wait(20)
    answer.close()
    answer.close()
    reader.join(20)
    assert "given up" in str(ended[0])


def test_an_unread_body_that_is_closed_costs_its_connection_only(server, source):
    source.read(0, None).close()
    assert body(source.read(0, 10)) == DATA[:10]
    answer = source.read(0, 10)
    assert body(answer) == DATA[:10]
    answer.close()
    body(source.read(0, 10))
    assert server.connections == 2


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_passing_trouble_is_transient_and_says_how_long_to_wait(server, source, status):
    server.misbehave("/a", faults.fail(status, retry_after=7), requests={1})
    with pytest.raises(Transient, match=str(status)) as trouble:
        source.read(0, 10)
    assert trouble.value.retry_after == 7
    server.misbehave("/a", faults.fail(status), requests={2})
    with pytest.raises(Transient) as trouble:
        source.read(0, 10)
    assert trouble.value.retry_after is None
    assert body(source.read(0, 10)) == DATA[:10]
    assert server.connections == 1


def test_retry_after_may_be_a_date_by_the_servers_clock(server, source):
    now = 1_000_000_000
    date = email.utils.formatdate(now, usegmt=True)
    later = email.utils.formatdate(now + 90, usegmt=True)
    server.misbehave("/a", faults.fail(503, retry_after=later), faults.set_headers(Date=date))
    with pytest.raises(Transient) as trouble:
        source.read(0, 10)
    assert trouble.value.retry_after == 90
    server.misbehave("/a", faults.fail(503, retry_after=later))
    with pytest.raises(Transient) as trouble:
        source.read(0, 10)
    assert trouble.value.retry_after == 0


@pytest.mark.parametrize("status", [204, 300, 400, 405, 418, 501])
def test_other_answers_are_named(server, source, status):
    server.misbehave("/a", faults.fail(status))
    with pytest.raises(Unavailable, match=str(status)):
        source.read(0, 10)


def test_absence_and_refusal(server, source):
    server.misbehave("/a", faults.vanish(), requests={1})
    with pytest.raises(FileNotFoundError, match="no object"):
        source.read(0, 10)
    server.misbehave("/a", faults.vanish("NoSuchBucket"), requests={2})
    with pytest.raises(NotFound, match="no such bucket"):
        source.read(0, 10)
    server.misbehave("/a", faults.fail(410), requests={3})
    with pytest.raises(NotFound):
        source.read(0, 10)
    server.misbehave("/a", faults.fail(401), requests={4})
    with pytest.raises(PermissionError, match="wants credentials"):
        source.read(0, 10)
    server.misbehave("/a", faults.deny("SignatureDoesNotMatch", "They differ."), requests={5})
    with pytest.raises(AccessDenied, match="SignatureDoesNotMatch: They differ"):
        source.read(0, 10)
    server.misbehave("/a", faults.deny("ExpiredToken", "Old.", status=400), requests={6})
    with pytest.raises(AccessDenied, match=r"expired.*Renew"):
        source.read(0, 10)


def test_a_login_page_is_noted(server, source):
    server.misbehave("/a", faults.login_page())
    assert any("HTML" in note for note in source.read(0, 10).notes)


def test_connections_that_a_server_dropped_are_replaced(server, source):
    body(source.read(0, 10))
    server.drop_connections()
    time.sleep(0.05)
    assert body(source.read(0, 10)) == DATA[:10]


def test_nobody_listens():
    with RangeServer() as server:
        url = server.url("/a")
    with pytest.raises(Transient, match="refuses the connection"):
        HttpSource(url).read(0, 1)


def test_a_line_that_breaks(server):
    with DelayProxy(server.port, 0.0, cut_after=100_000) as proxy:
        source = HttpSource(f"http://127.0.0.1:{proxy.port}/a")
        with pytest.raises(Transient):
            body(source.read(0, 500_000))


def test_no_such_host():
    with pytest.raises(Unavailable, match="no address for the host") as failed:
        HttpSource("http://no-such-host.invalid/a?token=S3CRET").read(0, 1)
    assert "S3CRET" not in str(failed.value)


def test_impossible_hosts_and_headers():
    for host in ("a" * 70, "ä b"):
        with pytest.raises(Unavailable):
            HttpSource(f"http://{host}/a").read(0, 1)
    with pytest.raises(Unavailable, match="not valid"):
        HttpSource("http://127.0.0.1:9/a", headers={"X-Key": "S3CRET\nX: y"}).read(0, 1)


def test_connections_that_serve_one_answer_only(server, source):
    server.misbehave("/a", faults.set_headers(Connection="close"))
    assert body(source.read(0, 300_000)) == DATA[:300_000]
    assert body(source.read(5, 10)) == DATA[5:10]
    answer = source.read(0, None)
    next(answer.chunks)
    answer.close()
    with pytest.raises(Transient):
        body(answer)
    assert server.connections == 3
