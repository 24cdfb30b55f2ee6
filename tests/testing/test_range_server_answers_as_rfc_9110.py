"""The server is an oracle for others; here the standard library's clients check it."""

import http.client
import socket
import urllib.request
from email.utils import formatdate

import pytest

from nearline.testing import RangeServer, faults

DATA = bytes(range(256)) * 400


@pytest.fixture
def server():
    with RangeServer() as server:
        server.put("/a b", DATA, etag='"one"', last_modified="Sun, 06 Nov 1994 08:49:37 GMT")
        yield server


def ask(server, path="/a%20b", method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def test_whole_object_by_an_independent_client(server):
    with urllib.request.urlopen(server.url("/a b")) as response:
        assert response.read() == DATA
        assert response.headers["ETag"] == '"one"'
        assert response.headers["Content-Length"] == str(len(DATA))


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-9", 5, 10),
        ("bytes=100-", 100, len(DATA)),
        ("bytes=-7", len(DATA) - 7, len(DATA)),
        (f"bytes={len(DATA) - 2}-{len(DATA) + 50}", len(DATA) - 2, len(DATA)),
    ],
)
def test_ranges(server, asked, start, stop):
    response, body = ask(server, Range=asked)
    assert response.status == 206
    assert body == DATA[start:stop]
    assert response.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(DATA)}"


def test_range_beyond_the_end(server):
    response, _ = ask(server, Range=f"bytes={len(DATA)}-")
    assert response.status == 416
    assert response.headers["Content-Range"] == f"bytes */{len(DATA)}"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If_None_Match": '"one"'}, 304),
        ({"If_None_Match": '"two", W/"one"'}, 304),
        ({"If_None_Match": '"two"'}, 200),
        ({"If_Match": '"one"', "Range": "bytes=0-1"}, 206),
        ({"If_Match": '"two"', "Range": "bytes=0-1"}, 412),
        ({"If_Match": 'W/"one"'}, 412),
        ({"If_Modified_Since": formatdate(usegmt=True)}, 304),
        ({"If_Modified_Since": "Sat, 05 Nov 1994 08:49:37 GMT"}, 200),
        ({"If_Range": '"two"', "Range": "bytes=0-1"}, 200),
        ({"If_Range": '"one"', "Range": "bytes=0-1"}, 206),
    ],
)
def test_conditions(server, headers, status):
    response, body = ask(server, **headers)
    assert response.status == status
    assert status != 304 or body == b""


def test_generations_as_google_has_them(server):
    server.put("/g", b"abc", generation="17")
    assert ask(server, "/g")[0].headers["x-goog-generation"] == "17"
    assert ask(server, "/g", x_goog_if_generation_match="17")[0].status == 200
    assert ask(server, "/g", x_goog_if_generation_match="18")[0].status == 412
    assert ask(server, "/g?generation=17")[0].status == 200
    assert ask(server, "/g?generation=16")[0].status == 404


def test_head_has_no_body(server):
    response, body = ask(server, method="HEAD")
    assert (response.status, body) == (200, b"")
    assert response.headers["Content-Length"] == str(len(DATA))


def test_other_methods_and_absent_objects_are_refused(server):
    assert ask(server, method="DELETE")[0].status == 405
    assert ask(server, "/none")[0].status == 404


def test_one_connection_carries_many_requests_even_pipelined(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        one = b"GET /a%20b HTTP/1.1\r\nHost: x\r\nRange: bytes=0-3\r\n\r\n"
        connection.sendall(one * 3)
        received = b""
        while received.count(DATA[:4]) < 3:
            received += connection.recv(65536)
    assert server.connections == 1
    assert [request.number for request in server.requests] == [1, 2, 3]


def test_files_are_served_in_place(server, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(DATA)
    server.put("/file", path)
    assert ask(server, "/file", Range="bytes=10-19")[1] == DATA[10:20]


def test_absolute_targets_are_answered_as_a_proxy_does(server):
    server.put("http://elsewhere.example/x", b"from afar")
    assert ask(server, "http://elsewhere.example/x")[1] == b"from afar"
    assert ask(server, "http://unknown.example/a%20b", Range="bytes=0-3")[1] == DATA[:4]


def test_faults_apply_to_the_requests_named_and_end(server):
    server.misbehave("/a b", faults.fail(503, retry_after=2), requests={1, 3})
    told = [ask(server)[0] for _ in range(4)]
    assert [response.status for response in told] == [503, 200, 503, 200]
    assert told[0].headers["Retry-After"] == "2"
    server.misbehave(None, faults.ignore_range())
    assert ask(server, Range="bytes=0-1")[0].status == 200
    server.behave()
    assert ask(server, Range="bytes=0-1")[0].status == 206


def test_bodies_in_chunks_dripped_and_cut(server):
    server.misbehave("/a b", faults.chunked(), requests={1})
    response, body = ask(server)
    assert response.headers["Content-Length"] is None
    assert body == DATA
    server.misbehave("/a b", faults.cut_body(1000), requests={2})
    with pytest.raises(http.client.IncompleteRead) as cut:
        ask(server)
    assert cut.value.partial == DATA[:1000]
    server.misbehave("/a b", faults.cut_body(0, reset=True), requests={3})
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        ask(server)
    server.misbehave("/a b", faults.drip(1_000_000), requests={4})
    assert ask(server)[1] == DATA
    assert [request.sent for request in server.requests] == [len(DATA), 1000, 0, len(DATA)]


def test_objects_can_be_replaced_between_requests(server):
    server.misbehave("/a b", faults.replace_object(b"new", after_requests=2))
    assert [ask(server)[1] for _ in range(3)] == [DATA, DATA, b"new"]


def test_nodes_disagree_about_the_etag(server):
    server.misbehave("/a b", faults.per_node_etag(2))
    assert len({ask(server)[0].headers["ETag"] for _ in range(4)}) == 2


def test_closing_ends_requests_that_wait():
    server = RangeServer({"/x": DATA})
    server.misbehave("/x", faults.stall())
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", "/x")
    while not server.requests:
        pass
    server.close()
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        connection.getresponse()
