from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

from nearline.errors import AccessDenied, NotFound, Unavailable
from nearline.settings import Settings
from nearline.testing.xnat import SimulatedXnat, faults
from nearline.traffic import traffic
from nearline.xnat.client import Client
from nearline.xnat.pace import Pace
from nearline.xnat.sessions import connect
from xnat_sites import small_archive

FILE = "/data/experiments/XNAT_E00001/resources/101/files/0001/stats/aseg.stats"
TABLE = "/data/experiments/XNAT_E00001/resources"

PASSING = {
    "500": faults.fail(500),
    "502 page": faults.bad_gateway_page(),
    "503": faults.fail(503, retry_after=0),
    "429": faults.slow_down(retry_after="0"),
    "504": faults.fail(504),
    "cut": faults.cut_body(40),
    "reset": faults.cut_body(40, reset=True),
    "nothing": faults.empty(),
    "login page": faults.login_page(),
    "401": faults.unauthorised(),
    "silence": faults.stall(60),
    "half and silence": faults.stall(60, after_bytes=30),
}


@pytest.fixture
def expected(server):
    return server.archive.file("XNAT_E00001", "FREESURFER6", "0001/stats/aseg.stats").data


@pytest.fixture
def impatient(log_in, server):
    return log_in(server, settings=Settings(timeout=0.5, retries=3))


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_a_fault_that_passes_costs_another_request_and_nothing_else(
    server, impatient, expected, fault
):
    server.misbehave("GET */files/*", fault, requests={1})
    server.misbehave("GET */resources*", fault, requests={3})
    assert impatient.file(FILE).data == expected
    assert {row["label"] for row in impatient.table(TABLE)} == {"FREESURFER6", "ASHS"}


def test_a_table_that_was_shortened_is_asked_for_again(server, client):
    server.misbehave("*/resources*", faults.shorten(200), requests={1, 2})
    assert len(client.table(TABLE)) == 2
    assert server.counts["resources"] == 3


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        (faults.fail(500), Unavailable, "asked 4 times: it answered 500"),
        (faults.bad_gateway_page(502), Unavailable, "asked 4 times: it answered 502"),
        (faults.fail(418), Unavailable, "answered 418"),
        (faults.cut_body(40), Unavailable, "the connection broke|lacks the last"),
        (faults.empty(), Unavailable, "asked 3 times: it answered with nothing at all"),
        (faults.login_page(), AccessDenied, "no longer accepts the login of admin.*a login page"),
        (faults.unauthorised(), AccessDenied, "no longer accepts the login of admin.*401"),
        (faults.forbidden("Not yours"), AccessDenied, r"admin may not see .* \(Not yours\)"),
        (faults.missing("No such"), NotFound, r"does not find .* \(No such\): it is not there"),
        (faults.stall(60), Unavailable, "nothing came for 0.5 seconds"),
    ],
)
def test_a_fault_that_stays_is_a_sentence(server, impatient, fault, error, says):
    server.misbehave("GET */resources*", fault)
    for ask in (impatient.file, impatient.table):
        with pytest.raises(error, match=says) as raised:
            ask(FILE, about="aseg.stats of session 0001_MR1")
        assert server.address in str(raised.value)
        assert "aseg.stats of session 0001_MR1" in str(raised.value)


def test_a_web_page_is_no_file_whatever_its_type(server, client):
    page = faults.bad_gateway_page(200)
    server.misbehave("*/files/*", page, faults.set_headers(Content_Type="application/octet-stream"))
    with pytest.raises(Unavailable, match="it answered with a web page"):
        client.file(FILE)


def test_a_file_that_is_no_table_is_no_table(server, client):
    with pytest.raises(Unavailable, match="no JSON"):
        client.table(FILE)


def test_an_empty_file_is_believed_where_it_is_listed_as_empty(server, client):
    server.archive.put_file("XNAT_E00001", "FREESURFER6", "0001/touch/done", b"")
    uri = FILE.replace("stats/aseg.stats", "touch/done")
    assert client.file(uri, size=0).data == b""
    with pytest.raises(Unavailable, match="nothing at all"):
        client.file(uri)


def test_conditional_requests(server, client, expected):
    with traffic() as cost:
        first = client.file(FILE)
        second = client.file(FILE, if_modified_since=first.last_modified)
    assert (first.data, second.data) == (expected, None)
    assert second.last_modified == first.last_modified
    assert (cost.requests, cost.revalidations, cost.retries) == (2, 1, 0)
    server.archive.edit_on_disk("XNAT_E00001", 101, "0001/stats/aseg.stats", b"# new\n")
    assert client.file(FILE, if_modified_since=first.last_modified).data == b"# new\n"


def test_retry_after_is_heeded(server, client):
    server.misbehave("*/files/*", faults.slow_down(retry_after=1), requests={1})
    client.file(FILE)
    first, second = (r.arrived for r in server.requests if "/files/" in r.target)
    assert second - first >= 1


def test_no_retries_means_none(server, log_in):
    client = log_in(server, settings=Settings(retries=0, timeout=5))
    server.misbehave("*/files/*", faults.fail(500))
    with pytest.raises(Unavailable, match="asked once"):
        client.file(FILE)


# --- several at once ------------------------------------------------------------------


def test_at_most_eight_requests_run_at_once_over_all_callers(log_in):
    with SimulatedXnat(small_archive(), latency_s=0.02) as server:
        client = log_in(server)
        callers = [
            threading.Thread(target=lambda: list(client.each(client.file, [FILE] * 24)))
            for _ in range(3)
        ]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert server.counts["file"] == 72
        assert max(r.concurrent for r in server.requests) == 8
        assert server.accounts.logins == {"admin": 1}
        assert server.connections <= 9


def test_results_come_with_their_items_and_errors_in_place_of_results(server, client, expected):
    items = [FILE, FILE + "x", *[FILE] * 5]
    got = list(client.each(client.file, items))
    assert sorted(item for item, _ in got) == sorted(items)
    for item, answer in got:
        if item == FILE:
            assert answer.data == expected
        else:
            assert isinstance(answer, NotFound)


def test_counters_of_the_caller_count_what_the_threads_do(server, client, expected):
    with traffic() as cost:
        list(client.each(client.file, [FILE] * 20))
    assert (cost.requests, cost.bytes) == (20, 20 * len(expected))


def test_an_error_of_another_kind_stops_everything(server, client):
    def bad(uri):
        client.file(uri)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(client.each(bad, [FILE] * 100))
    assert server.counts["file"] <= 16


def test_items_are_taken_as_they_are_needed(server, client):
    taken = []

    def items():
        for number in range(1000):
            taken.append(number)
            yield FILE

    for number, _ in enumerate(client.each(client.file, items())):
        if number == 9:
            break
    time.sleep(0.2)
    assert len(taken) <= 60


def test_closing_stops_those_that_wait_to_ask_again(server, log_in):
    client = log_in(server, settings=Settings(retries=50, timeout=5))
    server.misbehave("*/files/*", faults.fail(503, retry_after=30), requests=range(2, 100))
    for _ in client.each(client.file, [FILE] * 9):
        break
    deadline = time.monotonic() + 10
    while any(t.name == "nearline-xnat" for t in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert server.counts["file"] <= 9


def test_what_feeds_a_crew_works_beside_it_and_ends_with_it(server, client):
    def fed(count):
        for uri, answer in client.each(client.file, [FILE] * count):
            assert answer.data
            yield uri

    assert len(list(client.each(client.file, fed(30)))) == 30
    assert max(one.concurrent for one in server.requests) <= 8
    server.clear_log()
    for number, _ in enumerate(client.each(client.file, fed(5000))):
        if number == 9:
            break
    deadline = time.monotonic() + 10
    while any(t.name == "nearline-xnat" for t in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert server.counts["file"] < 300


def test_an_error_in_what_feeds_a_crew_is_raised(server, client):
    def fed():
        yield FILE
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(client.each(client.file, fed()))


def test_trouble_slows_down_and_good_answers_speed_up(server, client):
    overload = faults.fail(503, retry_after=0)
    server.misbehave("*/files/*", overload, requests=range(1, 9))
    for _, answer in client.each(client.file, [FILE] * 12):
        assert answer.data
    assert client.pace.limit < 8
    for _ in range(40):
        client.file(FILE)
    assert client.pace.limit == 8


def test_a_burst_of_trouble_halves_once():
    pace = Pace(8)
    with pace.turn() as first, pace.turn() as second:
        pace.trouble(first)
        pace.trouble(second)
    assert pace.limit == 4
    for _ in range(5):
        with pace.turn() as era:
            pace.trouble(era)
    assert pace.limit == 1
    pace.good()
    assert pace.limit == 2


def test_a_server_that_is_gone_is_not_asked_for_everything(log_in):
    server = SimulatedXnat(small_archive())
    with server:
        client = log_in(server, settings=Settings(timeout=2, retries=1))
        client.file(FILE)
    began = time.monotonic()
    got = [answer for _, answer in client.each(client.file, [FILE] * 3000)]
    assert len(got) == 3000
    assert all(isinstance(answer, Unavailable) for answer in got)
    assert sum("stopped answering" in str(answer) for answer in got) > 2900
    assert time.monotonic() - began < 60
    assert server.address in str(got[-1])


def test_a_server_that_comes_back_is_asked_again(server, log_in):
    client = log_in(server, settings=Settings(timeout=2, retries=0))
    down = server.misbehave("*/files/*", faults.fail(503))
    gone = [answer for _, answer in client.each(client.file, [FILE] * 30)]
    assert all(isinstance(answer, Unavailable) for answer in gone)
    down.stop()
    deadline = time.monotonic() + 30
    while True:
        try:
            client.file(FILE)
        except Unavailable:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            break
    assert all(answer.data for _, answer in client.each(client.file, [FILE] * 30))


ENDLESS = """
import sys
from nearline.xnat.client import Client
from nearline.xnat.sessions import connect
with connect(sys.argv[1], user="admin", password="admin") as login:
    client = Client(login)
    for item, answer in client.each(client.file, [sys.argv[2]] * 10000):
        print("got", flush=True)
"""


def test_ctrl_c_ends_a_program_at_once_and_its_session_too():
    with SimulatedXnat(small_archive()) as server:
        server.misbehave("*/files/*", faults.stall(60), requests=range(20, 100000))
        program = subprocess.Popen(
            [sys.executable, "-c", ENDLESS, server.address, FILE],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(19):
            assert program.stdout.readline() == "got\n"
        began = time.monotonic()
        program.send_signal(signal.SIGINT)
        _, errors = program.communicate(timeout=20)
        assert time.monotonic() - began < 15
        assert "KeyboardInterrupt" in errors
        assert server.accounts.live_sessions() == 0


def test_a_client_of_a_closed_login_opens_no_session_again(server):
    with connect(server.address, user="admin", password="admin") as login:
        client = Client(login, Settings(retries=0))
    with pytest.raises(AccessDenied):
        client.table(TABLE)
    assert server.accounts.live_sessions() == 0
