"""Each fault as a client without manners sees it."""

from __future__ import annotations

import threading
import time

import pytest
import requests

from nearline.testing.xnat import SimulatedXnat, faults
from xnat_sites import client, rows, small_archive

FILES = "/data/experiments/XNAT_E00001/resources/FREESURFER6/files"
ASEG = FILES + "/0001/stats/aseg.stats"


@pytest.fixture
def server():
    with SimulatedXnat(small_archive()) as server:
        yield server


@pytest.fixture
def get(server):
    return client(server)


@pytest.mark.parametrize(
    ("fault", "status", "headers"),
    [
        (faults.fail(500), 500, {}),
        (faults.bad_gateway_page(502), 502, {"Content-Type": "text/html;charset=UTF-8"}),
        (faults.fail(503, retry_after=1), 503, {"Retry-After": "1"}),
        (faults.slow_down(retry_after=2), 429, {"Retry-After": "2"}),
        (faults.forbidden(), 403, {}),
        (faults.missing(), 404, {}),
        (faults.unauthorised(), 401, {"WWW-Authenticate": 'Basic realm="XNAT Protected Area"'}),
    ],
)
def test_statuses(server, get, fault, status, headers):
    with server.misbehave("*aseg.stats", fault) as script:
        answer = get(ASEG)
        assert answer.status_code == status
        assert headers.items() <= answer.headers.items()
        assert get(FILES).status_code == 200
    assert (script.seen, script.done) == (1, 1)
    assert get(ASEG).status_code == 200


def test_a_login_page_and_an_empty_answer_have_status_200(server, get):
    server.misbehave("*/resources*", faults.login_page(), requests={1})
    server.misbehave("*/resources*", faults.empty(), requests={2})
    page, empty, right = (get("/data/experiments/XNAT_E00001/resources") for _ in range(3))
    assert (page.status_code, "<form" in page.text) == (200, True)
    assert (empty.status_code, empty.content) == (200, b"")
    assert len(rows(right)) == 2


def test_bodies_that_are_cut_break_the_connection_and_shortened_ones_do_not(server, get):
    whole = get(ASEG).content
    server.misbehave("*aseg.stats", faults.cut_body(1000), requests={1})
    server.misbehave("*aseg.stats", faults.cut_body(0, reset=True), requests={2})
    server.misbehave("*aseg.stats", faults.shorten(1000), requests={3})
    broken = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)
    for _ in range(2):
        with pytest.raises(broken):
            get(ASEG)
    short = get(ASEG)
    assert short.content == whole[:1000]
    assert short.headers["Content-Length"] == "1000"
    assert get(ASEG).content == whole


def test_a_session_ends_half_way(server):
    send = client(server, "")
    send("/data/services/auth", "PUT", data={"username": "admin", "password": "admin"})
    server.misbehave("*/files/*", faults.act(server.accounts.end_sessions), requests={3})
    assert [send(ASEG).status_code for _ in range(4)] == [200, 200, 401, 401]


def test_an_experiment_vanishes_between_listing_and_reading(server, get):
    row = rows(get(FILES))[0]
    server.misbehave(
        "*/files/*", faults.act(lambda: server.archive.delete_experiment("XNAT_E00001"))
    )
    assert get(row["URI"]).status_code == 500
    found = rows(get("/data/projects/ALFA/experiments?columns=ID"))
    assert [e["ID"] for e in found] == ["XNAT_E00003", "XNAT_E00005", "XNAT_E00007"]


def test_a_file_changes_between_listing_and_reading(server, get):
    row = rows(get(FILES))[0]
    change = lambda: server.archive.replace_file(  # noqa: E731
        "XNAT_E00001", "FREESURFER6", "0001/stats/aseg.stats", b"changed"
    )
    server.misbehave("*aseg.stats", faults.act(change))
    assert get(row["URI"]).content == b"changed"
    assert rows(get(FILES))[0]["digest"] != row["digest"]


def test_everything_is_late_or_one_answer_or_slow(server, get):
    server.latency_s = 0.05
    began = time.monotonic()
    get(ASEG)
    assert time.monotonic() - began >= 0.05
    server.misbehave(None, faults.late(0.2), requests={1})
    began = time.monotonic()
    get(ASEG)
    assert time.monotonic() - began >= 0.25
    server.misbehave("*aseg.stats", faults.drip(40_000))
    began = time.monotonic()
    get(ASEG)
    assert time.monotonic() - began >= 0.15


def test_a_server_that_stalls_is_left_waiting(server, get):
    server.misbehave("*aseg.stats", faults.stall(after_bytes=10))
    with pytest.raises((requests.ReadTimeout, requests.ConnectionError)):
        get.session.get(server.address + ASEG, timeout=0.2)


def test_patterns_name_methods_and_queries(server, get):
    server.misbehave("DELETE *", faults.fail(500))
    server.misbehave("*format=csv*", faults.fail(502))
    assert get("/data/JSESSION", "DELETE").status_code == 500
    assert get(FILES + "?format=csv").status_code == 502
    assert get(FILES).status_code == 200
    server.behave()
    assert get(FILES + "?format=csv").status_code == 200


def test_the_server_is_gone(server, get):
    get(ASEG)
    server.close()
    with pytest.raises(requests.ConnectionError):
        get(ASEG)


def test_the_log_counts_what_was_under_way_at_once(server):
    server.latency_s = 0.3
    clients = [client(server) for _ in range(5)]
    threads = [threading.Thread(target=send, args=(ASEG,)) for send in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.max_concurrency == 5
    assert len(server.chain()) == 1
    assert server.counts == {"file": 5}
    server.clear_log()
    assert server.counts == {}
