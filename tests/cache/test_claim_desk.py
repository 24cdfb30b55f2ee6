"""Claims of several threads are one transaction, and none is lost or left behind."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cache.contents import content, disk, open_version, url
from cache.test_claims import WANTED, claim_as, mine
from nearline.cache.claims import Holder, here
from nearline.cache.disk import DiskStore
from nearline.ranges import ByteRange

THREADS = 8


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DiskStore]:
    one = disk(tmp_path)
    yield one
    one.close()


def spans(number: int) -> list[ByteRange]:
    return [
        ByteRange(number * 100, number * 100 + 50),
        ByteRange(number * 100 + 60, number * 100 + 70),
    ]


def claimed(store: DiskStore) -> list[tuple[int, int]]:
    store.flush()
    with store.catalogue.reading() as db:
        return db.execute("SELECT start, stop FROM claims ORDER BY start").fetchall()


def test_claims_that_wait_together_are_one_transaction(
    store: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = open_version(store, url(0))
    transactions = []
    honest = store.catalogue.add_claims
    monkeypatch.setattr(
        store.catalogue,
        "add_claims",
        lambda db, wanted, holder: transactions.append(len(wanted)) or honest(db, wanted, holder),
    )
    with ThreadPoolExecutor(THREADS) as pool:
        with store.catalogue.write_lock:
            coming = [pool.submit(store.claim, version, spans(n)) for n in range(THREADS)]
            desk = store._index._desk
            while len(desk._asked) < THREADS - 1:  # the first has come to the lock already
                time.sleep(0.001)
        found = [one.result(30) for one in coming]
    assert [(one.mine, one.others) for one in found] == [(spans(n), []) for n in range(THREADS)]
    assert sum(transactions) == 2 * THREADS
    assert len(transactions) <= 2
    assert claimed(store) == [tuple(span) for n in range(THREADS) for span in spans(n)]
    found[3].release()
    assert claimed(store) == [tuple(span) for n in range(THREADS) if n != 3 for span in spans(n)]


def test_trouble_with_the_database_is_each_ones_own(
    store: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = open_version(store, url(0))
    index = store._index
    honest = store.catalogue.add_claims
    troubles = [sqlite3.OperationalError("database is locked")]

    def add_claims(*given: Any) -> Any:
        if troubles:
            raise troubles.pop()
        return honest(*given)

    monkeypatch.setattr(store.catalogue, "add_claims", add_claims)
    with ThreadPoolExecutor(THREADS) as pool:
        with store.catalogue.write_lock:
            coming = [pool.submit(index.claim, version, spans(n)) for n in range(THREADS)]
            while len(index._desk._asked) < THREADS - 1:
                time.sleep(0.001)
        errors = [one.exception(30) for one in coming]
    failed = [n for n, error in enumerate(errors) if error is not None]
    assert len(failed) == 1
    assert isinstance(errors[failed[0]], sqlite3.OperationalError)
    kept = [n for n in range(THREADS) if n not in failed]
    assert claimed(store) == [tuple(span) for n in kept for span in spans(n)]


@pytest.mark.parametrize("served", [False, True], ids=["before", "after"])
def test_who_is_interrupted_while_waiting_leaves_no_claim(store: DiskStore, served: bool) -> None:
    version = open_version(store, url(0))
    desk = store._index._desk
    turn = desk._turn

    class Interrupted:
        """A lock at which Ctrl-C comes, before or after another thread has claimed for all."""

        def __enter__(self) -> None:
            desk._turn = turn
            if served:
                store.claim(version, spans(1))
            raise KeyboardInterrupt

        def __exit__(self, *_: object) -> None:
            raise AssertionError("It was never entered.")

    desk._turn = Interrupted()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        store.claim(version, spans(0))
    assert claimed(store) == ([tuple(span) for span in spans(1)] if served else [])
    assert store.claim(version, spans(0)).mine == spans(0)


def test_what_others_do_after_a_claim_is_seen_by_the_next(tmp_path: Path) -> None:
    ours, theirs = disk(tmp_path), disk(tmp_path)
    version = open_version(ours, url(0))
    assert ours.claim(version, [ByteRange(50_000, 50_100)]).mine == [ByteRange(50_000, 50_100)]
    # Of another host only the lease is known.
    claim_as(theirs, Holder("elsewhere", 1, here().started), lease=30.0)
    assert mine(ours) == []
    with theirs.catalogue.writing() as db:
        db.execute("DELETE FROM claims WHERE host='elsewhere'")
    theirs.put(version, 0, content(url(0), 0, 5_000))
    theirs.flush()
    claim = ours.claim(version, [WANTED])
    assert (claim.mine, claim.others) == ([ByteRange(5_000, 10_000)], [ByteRange(0, 5_000)])
    ours.close()
    theirs.close()
