"""A forked child uses the store that its parent opened."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from cache.contents import content, disk, open_version, url
from nearline.cache.memory import MemoryStore
from nearline.cache.tiles import TileMemory
from nearline.provenance import Validator
from nearline.ranges import ByteRange

PART = ByteRange(0, 50_000)


def in_child(work: Callable[[], bool]) -> bool:
    child = os.fork()
    if not child:
        code = 1
        try:
            code = 0 if work() else 1
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1] == 0


def test_child_reads_and_writes_beside_its_parent(tmp_path: Path) -> None:
    store = disk(tmp_path)
    store.put(open_version(store, url(0)), 0, content(url(0), *PART))

    def work() -> bool:
        inherited = store.get(open_version(store, url(0)), PART)
        store.put(open_version(store, url(1)), 0, content(url(1), *PART))
        store.flush()
        return inherited == content(url(0), *PART)

    assert in_child(work)
    store.put(open_version(store, url(2)), 0, content(url(2), *PART))
    for number in range(3):
        assert store.get(open_version(store, url(number)), PART) == content(url(number), *PART)
    assert len(store.packs.sizes()) == 2
    store.close()


def test_fork_amid_reads_and_writes_of_other_threads_does_not_hang(tmp_path: Path) -> None:
    store = disk(tmp_path)
    memory, tiles = MemoryStore(1 << 20), TileMemory(1 << 20)
    done = threading.Event()

    def busy(number: int) -> None:
        at = 0
        while not done.is_set():
            at = (at + 1000) % 500_000
            version = open_version(store, url(number))
            store.put(version, at, content(url(number), at, at + 900))
            store.get(version, ByteRange(at, at + 900))
            store.claim(version, [ByteRange(at, at + 2000)]).release()
            memory.put(version, at, bytes(1000))
            tiles.get_or_compute(at, lambda: np.zeros(10))

    threads = [threading.Thread(target=busy, args=(number,)) for number in range(3)]
    for one in threads:
        one.start()
    try:
        for number in range(20):

            def work(number: int = number) -> bool:
                version = open_version(store, url(10 + number))
                store.put(version, 0, content(url(10 + number), *PART))
                store.claim(version, [PART]).release()
                store.flush()  # the child ends without ceremony
                memory.put(memory.version("x", Validator(size=1, etag='"x"'), checked=0), 0, b"x")
                tiles.get_or_compute("child", lambda: np.zeros(10))
                return store.get(version, PART) == content(url(10 + number), *PART)

            assert in_child(work)
    finally:
        done.set()
        for one in threads:
            one.join()
    for number in range(20):
        version = open_version(store, url(10 + number))
        assert store.get(version, PART) == content(url(10 + number), *PART)
    store.close()


def test_child_does_not_wait_for_a_tile_of_its_parents_thread() -> None:
    tiles = TileMemory(1000)
    begun, go = threading.Event(), threading.Event()

    def slow() -> np.ndarray:
        begun.set()
        go.wait(30)
        return np.zeros(3)

    thread = threading.Thread(target=tiles.get_or_compute, args=("k", slow))
    thread.start()
    begun.wait(30)
    assert in_child(lambda: bool(tiles.get_or_compute("k", lambda: np.ones(3))[0] == 1))
    go.set()
    thread.join()


def test_parent_sees_what_its_child_has_kept(tmp_path: Path) -> None:
    # Both open the database anew after the fork, and would count the same commits.
    store = disk(tmp_path)
    store.put(open_version(store, url(0)), 0, content(url(0), *PART))
    store.close()
    store = disk(tmp_path)
    assert store.held(open_version(store, url(0)), PART) == [PART]
    more = ByteRange(60_000, 90_000)
    assert not store.held(open_version(store, url(0)), more)

    def work() -> bool:
        store.put(open_version(store, url(0)), more.start, content(url(0), *more))
        store.flush()
        return True

    assert in_child(work)
    assert store.get(open_version(store, url(0)), more) == content(url(0), *more)
    store.close()
