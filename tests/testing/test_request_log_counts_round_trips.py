import threading
from itertools import combinations, pairwise

import urllib3
from hypothesis import given
from hypothesis import strategies as st

from nearline.testing import LoggedRequest, RangeServer, faults, longest_chain, max_concurrency

DATA = bytes(500_000)


def logged(arrived, last_byte):
    return LoggedRequest(1, "GET", "/", "/", None, {}, arrived, 1, last_byte=last_byte)


spans = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 8)).map(lambda p: (p[0], p[0] + p[1])),
    max_size=9,
)


@given(spans)
def test_longest_chain_is_what_trying_every_subset_finds(pairs):
    requests = [logged(*pair) for pair in pairs]

    def is_chain(some):
        # Empty spans at one moment may stand in either order: sort by both ends.
        ordered = sorted(some, key=lambda r: (r.arrived, r.last_byte))
        return all(a.last_byte <= b.arrived for a, b in pairwise(ordered))

    best = max(
        size
        for size in range(len(requests) + 1)
        if any(is_chain(some) for some in combinations(requests, size))
    )
    chain = longest_chain(requests)
    assert len(chain) == best
    assert is_chain(chain)


def test_requests_without_an_end_are_left_out():
    assert longest_chain([logged(0, None)]) == []
    assert max_concurrency([]) == 0


def test_serial_requests_on_changing_connections_are_one_chain():
    with RangeServer({"/x": DATA}) as server:
        for _ in range(20):
            with urllib3.PoolManager() as pool:
                pool.request("GET", server.url("/x"))
        assert len(server.chain()) == 20
        assert server.max_concurrency == 1
        assert server.connections == 20
        assert server.sent == 20 * len(DATA)


def test_parallel_requests_are_one_round_trip():
    with RangeServer({"/x": DATA}) as server, urllib3.PoolManager(maxsize=8) as pool:
        server.misbehave("/x", faults.stall(0.5))
        threads = [
            threading.Thread(target=pool.request, args=("GET", server.url("/x"))) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(server.chain()) == 1
        assert server.max_concurrency == 8


def test_log_says_what_was_asked_and_answered():
    with RangeServer({"/x y": DATA}) as server, urllib3.PoolManager() as pool:
        pool.request("GET", server.url("/x y") + "?a=1", headers={"Range": "bytes=1-9", "X-Y": "z"})
        (request,) = server.requests
        assert request.target == "/x%20y?a=1"
        assert request.path == "/x y"
        assert request.range == "bytes=1-9"
        assert request.headers["x-y"] == "z"
        assert (request.status, request.sent) == (206, 9)
        assert request.arrived <= request.first_byte <= request.last_byte
        server.clear_log()
        assert server.requests == []
