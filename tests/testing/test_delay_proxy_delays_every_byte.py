import socket
import threading
import time

import pytest
import urllib3

from nearline.testing import DelayProxy, RangeServer

DATA = bytes(range(251)) * 40_000


@pytest.fixture
def server():
    with RangeServer({"/x": DATA}) as server:
        yield server


def get(proxy, pool, first=0, last=None):
    url = f"http://127.0.0.1:{proxy.port}/x"
    return pool.request(
        "GET",
        url,
        headers={"Range": f"bytes={first}-{'' if last is None else last}"},
        retries=False,
    )


def test_bytes_arrive_unchanged_and_late(server):
    with DelayProxy(server.port, 0.05) as proxy, urllib3.PoolManager() as pool:
        begun = time.monotonic()
        assert get(proxy, pool, 0, 9).data == DATA[:10]
        # To connect and to ask: two round trips.
        assert time.monotonic() - begun >= 0.2
        begun = time.monotonic()
        assert get(proxy, pool).data == DATA
        assert time.monotonic() - begun >= 0.1
        assert proxy.connections == 1
        assert proxy.bytes_to_client > len(DATA)
        assert proxy.bytes_to_server > 0


def test_parallel_connections_share_nothing_but_the_line(server):
    with DelayProxy(server.port, 0.01) as proxy, urllib3.PoolManager(maxsize=16) as pool:
        answers = {}

        def run(number):
            answers[number] = get(proxy, pool, number * 1000, number * 1000 + 400_000).data

        threads = [threading.Thread(target=run, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(answers[n] == DATA[n * 1000 : n * 1000 + 400_001] for n in range(16))
        assert proxy.connections >= 2


def test_rate_bounds_what_all_connections_bring(server):
    with DelayProxy(server.port, 0.0, rate=20_000_000) as proxy, urllib3.PoolManager() as pool:
        begun = time.monotonic()
        get(proxy, pool, 0, 3_999_999)
        assert time.monotonic() - begun >= 0.19


def test_cut_after_so_many_bytes(server):
    with DelayProxy(server.port, 0.0, cut_after=50_000) as proxy, urllib3.PoolManager() as pool:
        with pytest.raises(urllib3.exceptions.HTTPError):
            get(proxy, pool)
        assert proxy.bytes_to_client == 50_000


def test_one_byte_is_flipped(server):
    with DelayProxy(server.port, 0.0, corrupt_at=5000) as proxy, urllib3.PoolManager() as pool:
        body = get(proxy, pool).data
        wrong = [i for i, (a, b) in enumerate(zip(body, DATA, strict=True)) if a != b]
        assert len(wrong) == 1


def test_half_closed_connections_still_bring_the_answer(server):
    with DelayProxy(server.port, 0.01) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as connection:
            connection.sendall(b"GET /x HTTP/1.1\r\nConnection: close\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
            received = b""
            while piece := connection.recv(1 << 16):
                received += piece
        assert received.endswith(DATA)


def test_no_server_behind_it_means_a_closed_connection():
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with (
        DelayProxy(port, 0.0) as proxy,
        urllib3.PoolManager() as pool,
        pytest.raises(urllib3.exceptions.HTTPError),
    ):
        get(proxy, pool)


def test_closing_twice_is_harmless(server):
    proxy = DelayProxy(server.port, 0.0)
    proxy.close()
    proxy.close()
