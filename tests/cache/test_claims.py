"""A claim ends with its holder, and is noticed to have ended."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.contents import content, disk, open_version, url
from nearline.cache import claims
from nearline.cache.claims import Claimed, Holder, alive, divide, here
from nearline.cache.disk import DiskStore
from nearline.ranges import ByteRange, merge, subtract

WANTED = ByteRange(0, 10_000)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DiskStore]:
    one = disk(tmp_path)
    yield one
    one.close()


def claim_as(store: DiskStore, holder: Holder, *, lease: float = 60.0) -> None:
    version = open_version(store, url(0))
    with store.catalogue.writing() as db:
        (one,) = store.catalogue.add_claims(db, [(version.id, WANTED)], holder)
        db.execute("UPDATE claims SET lease=? WHERE id=?", (time.time() + lease, one))


def mine(store: DiskStore) -> list[ByteRange]:
    return store.claim(open_version(store, url(0)), [WANTED]).mine


def dead_child() -> int:
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    return child


def test_claim_of_a_living_process_is_left_to_it(store: DiskStore) -> None:
    parent = os.getppid()
    claim_as(store, Holder(here().host, parent, claims._start_time(parent) or 0))
    claim = store.claim(open_version(store, url(0)), [WANTED, ByteRange(20_000, 20_100)])
    assert claim.mine == [ByteRange(20_000, 20_100)]
    assert claim.others == [WANTED]
    assert not claim.wait_others(0.05)


def test_claim_of_a_dead_process_is_nobodys(store: DiskStore) -> None:
    claim_as(store, Holder(here().host, dead_child(), here().started))
    assert mine(store) == [WANTED]


def test_claim_of_an_earlier_process_with_that_pid_is_nobodys(store: DiskStore) -> None:
    parent = os.getppid()
    claim_as(store, Holder(here().host, parent, (claims._start_time(parent) or 0) - 1))
    assert mine(store) == [WANTED]


def test_claim_from_another_container_stands_for_its_lease(store: DiskStore) -> None:
    claim_as(store, Holder("another boot", 1, 1))
    assert mine(store) == []
    store.catalogue.close()
    with store.catalogue.writing() as db:
        db.execute("UPDATE claims SET lease=?", (time.time() - 1,))
    assert mine(store) == [WANTED]


def test_lease_from_a_clock_far_ahead_does_not_stand() -> None:
    one = Claimed(1, WANTED, Holder("another boot", 1, 1), lease=1e12)
    assert not alive(one, time.time())


def test_zombie_holds_nothing() -> None:
    child = os.fork()
    if not child:
        os._exit(0)
    deadline = time.monotonic() + 10
    while claims._start_time(child) is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert claims._start_time(child) is None
    os.waitpid(child, 0)


def test_released_claim_is_noticed_and_its_bytes_are_there(
    store: DiskStore, tmp_path: Path
) -> None:
    go_r, go_w = os.pipe()
    ready_r, ready_w = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            version = open_version(store, url(0))
            claim = store.claim(version, [WANTED])
            os.write(ready_w, b"x")
            os.read(go_r, 1)
            store.put(version, 0, content(url(0), *WANTED))
            claim.release()
            store.flush()
            code = 0
        finally:
            os._exit(code)
    os.read(ready_r, 1)
    version = open_version(store, url(0))
    claim = store.claim(version, [WANTED])
    assert (claim.mine, claim.others) == ([], [WANTED])
    threading.Timer(0.1, lambda: os.write(go_w, b"x")).start()
    assert claim.wait_others(30)
    assert store.held(version, WANTED) == [WANTED]
    assert bytes(store.get(version, WANTED) or b"") == content(url(0), *WANTED)
    assert os.waitpid(child, 0)[1] == 0


def test_killed_holder_is_noticed_while_waiting(store: DiskStore) -> None:
    ready_r, ready_w = os.pipe()
    child = os.fork()
    if not child:
        store.claim(open_version(store, url(0)), [WANTED])
        os.write(ready_w, b"x")
        time.sleep(60)
        os._exit(0)
    os.read(ready_r, 1)
    claim = store.claim(open_version(store, url(0)), [WANTED])
    assert claim.others == [WANTED]
    os.kill(child, 9)
    os.waitpid(child, 0)
    assert claim.wait_others(20)
    assert mine(store) == [WANTED]


def test_lease_is_renewed_while_the_fetch_lasts(
    store: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.claim(open_version(store, url(0)), [WANTED]):
        with store.catalogue.writing() as db:
            db.execute("UPDATE claims SET lease=1.0")
        assert store._in_background()
        with store.catalogue.reading() as db:
            assert db.execute("SELECT lease FROM claims").fetchone()[0] > time.time()
    store.flush()
    with store.catalogue.reading() as db:
        assert db.execute("SELECT COUNT(*) FROM claims").fetchone() == (0,)
    assert not store._in_background()


def test_bytes_that_arrived_meanwhile_are_not_fetched_again(tmp_path: Path) -> None:
    first, second = disk(tmp_path), disk(tmp_path)
    version = open_version(first, url(0))
    assert second.held(version, WANTED) == []
    first.put(version, 0, content(url(0), *WANTED))
    first.flush()
    claim = second.claim(version, [WANTED])
    assert (claim.mine, claim.others) == ([], [WANTED])
    assert claim.wait_others(0)
    assert second.get(version, WANTED) is not None


ranges = st.lists(
    st.tuples(st.integers(0, 100), st.integers(1, 30)).map(lambda t: ByteRange(t[0], sum(t))),
    max_size=6,
)


@given(ranges, ranges, ranges)
def test_everything_wanted_is_mine_or_others(
    wanted: list[ByteRange], held: list[ByteRange], claimed: list[ByteRange]
) -> None:
    rows = [Claimed(n, one, Holder("h", 1, 1), 0.0) for n, one in enumerate(claimed)]
    own, others, ids = divide(wanted, held, rows)
    assert merge([*own, *others]) == merge(wanted)
    assert subtract(own, others) == own
    assert own == subtract(wanted, [*held, *claimed])
    assert {row.id for row in rows if any(row.range.overlaps(w) for w in wanted)} == set(ids)
