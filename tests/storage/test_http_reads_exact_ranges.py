import os
import pickle
import threading

import pytest

from nearline import traffic
from nearline.errors import NotFound, ObjectChanged, Unavailable
from nearline.provenance import Validator
from nearline.storage.http import HttpSource
from nearline.storage.source import Source
from nearline.testing import RangeServer, faults

DATA = os.urandom(1_500_000)


@pytest.fixture
def server():
    with RangeServer({"/a.dcm": DATA}) as server:
        yield server


@pytest.fixture
def source(server):
    return HttpSource(server.url("/a.dcm"))


def body(answer):
    return b"".join(answer.chunks)


def test_it_is_a_public_source(source):
    assert isinstance(source, Source)
    assert (source.in_place, source.signed, source.concurrent) == (False, False, True)
    assert source.identity == f"unsigned {source.url}"


@pytest.mark.parametrize(
    ("start", "stop", "end"),
    [
        (0, 1, 1),
        (7, 300_000, 300_000),
        (0, len(DATA), len(DATA)),
        (5, None, len(DATA)),
        (len(DATA) - 5, len(DATA) + 5, len(DATA)),
    ],
)
def test_first_read_brings_range_size_and_validator_in_one_request(
    server, source, start, stop, end
):
    answer = source.read(start, stop)
    assert (answer.kind, answer.start, answer.stop) == ("partial", start, end)
    assert answer.validator.size == len(DATA)
    assert answer.validator.strong_etag
    assert answer.validator.last_modified
    assert body(answer) == DATA[start:end]
    (request,) = server.requests
    assert request.method == "GET"
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["user-agent"] == "nearline"


def test_pieces_are_of_a_size_that_streams(source):
    pieces = [len(piece) for piece in source.read(0, None).chunks]
    assert sum(pieces) == len(DATA)
    assert max(pieces) <= 256 << 10
    assert min(pieces[:-1]) >= 64 << 10


def test_beyond_the_end_is_an_empty_answer_with_the_size(source):
    answer = source.read(len(DATA), len(DATA) + 10)
    assert (answer.kind, answer.start, answer.stop) == ("partial", len(DATA), len(DATA))
    assert answer.validator.size == len(DATA)
    assert body(answer) == b""


def test_an_empty_object(server):
    server.put("/empty", b"")
    answer = HttpSource(server.url("/empty")).read(0, 1000)
    assert (answer.kind, answer.validator.size, body(answer)) == ("partial", 0, b"")


def test_connections_are_used_again(server, source):
    for start in range(0, 1_000_000, 100_000):
        body(source.read(start, start + 1000))
        source.read(0, 10, unless=source.read(0, 0 + 1).validator)
        body(source.read(len(DATA), None))
        with pytest.raises(NotFound):
            HttpSource(server.url("/none")).read(0, 1)
    # One more for each answer whose body was never taken, at most.
    assert server.connections <= 12


def test_a_body_read_to_its_end_frees_the_connection_at_once(server, source):
    answer = source.read(0, 100_000)
    next(answer.chunks)
    body(source.read(5, 10))
    assert server.connections == 1


def test_pins_are_sent_and_hold(server, source):
    pin = source.read(0, 1).validator
    assert body(source.read(10, 20, pin=pin)) == DATA[10:20]
    assert server.requests[-1].headers["if-match"] == pin.etag
    server.put("/a.dcm", DATA[::-1])
    with pytest.raises(ObjectChanged) as changed:
        source.read(10, 20, pin=pin)
    assert server.requests[-1].status == 412
    assert changed.value.current.etag not in (None, pin.etag)


def test_a_server_that_ignores_conditions_is_noticed(server, source):
    pin = source.read(0, 1).validator
    server.misbehave("/a.dcm", faults.ignore_conditions())
    assert body(source.read(10, 20, pin=pin)) == DATA[10:20]
    server.put("/a.dcm", DATA[::-1], last_modified="Fri, 01 Jan 2100 00:00:00 GMT")
    with pytest.raises(ObjectChanged, match="ETag") as changed:
        source.read(10, 20, pin=pin)
    assert changed.value.current.size == len(DATA)


def test_another_size_is_a_change_whatever_the_etag(server, source):
    server.misbehave("/a.dcm", faults.with_etag('"always"'))
    pin = source.read(0, 1).validator
    server.put("/a.dcm", DATA + b"more")
    with pytest.raises(ObjectChanged, match="size"):
        source.read(0, 10, pin=pin)


def test_an_etag_per_node_is_left_to_the_reader_to_judge(server, source):
    server.misbehave("/a.dcm", faults.per_node_etag(2), faults.ignore_conditions())
    pin = source.read(0, 1).validator
    answer = source.read(0, 10, pin=pin)
    assert answer.validator.etag != pin.etag
    assert body(answer) == DATA[:10]


def test_a_pinned_object_that_is_gone_has_changed(server, source):
    pin = source.read(0, 1).validator
    server.remove("/a.dcm")
    with pytest.raises(ObjectChanged, match="removed"):
        source.read(0, 10, pin=pin)


def test_an_answer_without_any_validator_fails_a_pin(server, source):
    pin = source.read(0, 1).validator
    server.misbehave("/a.dcm", faults.without_validators(), faults.ignore_conditions())
    with pytest.raises(ObjectChanged, match="no longer says"):
        source.read(0, 10, pin=pin)


def test_without_validators_from_the_start_only_the_size_is_compared(server, source):
    server.misbehave("/a.dcm", faults.without_validators())
    pin = source.read(0, 1).validator
    assert pin == Validator(size=len(DATA))
    assert body(source.read(0, 10, pin=pin)) == DATA[:10]
    server.put("/a.dcm", DATA[:-1])
    with pytest.raises(ObjectChanged):
        source.read(0, 10, pin=pin)


@pytest.mark.parametrize("etag", ["", 'W/"weak"', None])
def test_known_versions_are_revalidated_without_a_byte(server, source, etag):
    server.put("/a.dcm", DATA, etag=etag)
    known = source.read(0, 1).validator
    server.clear_log()
    answer = source.read(0, 1000, unless=known)
    assert (answer.kind, body(answer), answer.validator) == ("unchanged", b"", known)
    assert server.sent == 0
    server.put("/a.dcm", DATA[::-1], last_modified="Fri, 01 Jan 2100 00:00:00 GMT")
    answer = source.read(0, 1000, unless=known)
    assert (answer.kind, body(answer)) == ("partial", DATA[::-1][:1000])


def test_generations_pin_as_google_takes_them(server, source):
    server.put("/a.dcm", DATA, generation="7", etag=None)
    pin = source.read(0, 1).validator
    assert pin.generation == "7"
    assert body(source.read(0, 10, pin=pin)) == DATA[:10]
    assert server.requests[-1].headers["x-goog-if-generation-match"] == "7"
    server.put("/a.dcm", DATA, generation="8", etag=None)
    with pytest.raises(ObjectChanged):
        source.read(0, 10, pin=pin)


def test_version_ids_are_provenance_and_not_sent(server, source):
    server.put("/a.dcm", DATA, headers={"x-amz-version-id": "v7"})
    answer = source.read(0, 10)
    assert answer.version_id == "v7"
    body(source.read(0, 10, pin=answer.validator))
    assert "v7" not in str([(r.target, r.headers) for r in server.requests])


def test_sources_pickle_and_serve_many_threads(server, source):
    source = pickle.loads(pickle.dumps(source))
    pin = source.read(0, 1).validator
    wrong = []

    def run(number):
        wrong.extend(
            start
            for start in range(number, 1_000_000, 100_003)
            if body(source.read(start, start + 50_000, pin=pin)) != DATA[start : start + 50_000]
        )

    threads = [threading.Thread(target=run, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert server.connections <= 18


def test_redirects_are_followed_and_counted(server):
    server.misbehave("/old", faults.redirect("/a.dcm"))
    source = HttpSource(server.url("/old"))
    with traffic() as cost:
        assert body(source.read(3, 9)) == DATA[3:9]
    # The caller of `read` counts the first one.
    assert cost.requests == len(server.requests) - 1 == 1
    body(source.read(3, 9))
    assert [request.path for request in server.requests] == ["/old", "/a.dcm"] * 2


@pytest.mark.parametrize("status", [301, 308])
def test_permanent_redirects_are_remembered(server, status):
    server.misbehave("/old", faults.redirect("/older", status=status))
    server.misbehave("/older", faults.redirect("/a.dcm", status=status))
    source = HttpSource(server.url("/old"))
    for _ in range(3):
        assert body(source.read(3, 9)) == DATA[3:9]
    paths = [request.path for request in server.requests]
    assert paths == ["/old", "/older", "/a.dcm", "/a.dcm", "/a.dcm"]
    body(pickle.loads(pickle.dumps(source)).read(3, 9))
    assert server.requests[-3].path == "/old"


def test_endless_redirects_end(server):
    server.misbehave("/loop", faults.redirect("/loop"))
    with pytest.raises(Unavailable, match="without end"):
        HttpSource(server.url("/loop")).read(0, 1)
    assert len(server.requests) == 11


def test_urls_go_out_as_they_are_written(server):
    for path in ("/a/../b", "//double//", "/a%2Fb", "/sp%20ace+plus", "/q?x=a%20b&y=%2F"):
        with pytest.raises(NotFound):
            HttpSource(f"http://127.0.0.1:{server.port}{path}").read(0, 1)
        assert server.requests[-1].target == path
