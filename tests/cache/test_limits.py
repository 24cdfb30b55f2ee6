"""How much of the disk, of its inodes and of the descriptors a cache takes."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.contents import content, disk, open_version, url
from nearline.cache import evict, maintenance
from nearline.cache.evict import PackUse, hot_since, plan
from nearline.cache.packs import Packs
from nearline.provenance import Validator
from nearline.ranges import ByteRange

WHOLE = ByteRange(0, 32_000_000)


def opened(folder: Path) -> int:
    """Count this process's descriptors of files in a folder; other stores have theirs."""
    found = 0
    for one in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found += os.readlink(one).startswith(f"{folder}/")
    return found


def on_disk(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):  # evicted meanwhile
                total += os.stat(os.path.join(parent, name)).st_size
    return total


def test_hundred_thousand_small_objects_cost_under_a_thousand_inodes(tmp_path: Path) -> None:
    store = disk(tmp_path, 20 << 30)
    for number in range(100_000):
        version = store.version(url(number), Validator(size=600, etag='"a"'), checked=1.0)
        store.put(version, 0, number.to_bytes(4, "big") * 150)
    store.close()
    assert sum(1 for _ in tmp_path.rglob("*")) < 1000
    store = disk(tmp_path, 20 << 30)
    for number in range(0, 100_000, 9973):
        version = store.latest(url(number))
        assert version is not None
        assert store.get(version, ByteRange(0, 600)) == number.to_bytes(4, "big") * 150
    store.close()


def test_process_keeps_few_descriptors_open(tmp_path: Path) -> None:
    store = disk(tmp_path, 10_000_000)  # packs of 625 kB: some 80 of them
    store.bound = 1 << 30
    version = open_version(store, url(0), size=50_000_000)
    for start in range(0, 50_000_000, 500_000):
        store.put(version, start, bytes(500_000))
        store.get(version, ByteRange(start, start + 10))
    assert len(store.packs.sizes()) > 60
    for start in range(0, 50_000_000, 500_000):
        assert store.get(version, ByteRange(start, start + 10)) == bytes(10)
    assert 16 < opened(tmp_path) < 32
    store.close()
    assert opened(tmp_path) == 0


def test_object_larger_than_the_bound_is_kept_in_part(tmp_path: Path) -> None:
    bound = 8_000_000
    store = disk(tmp_path, bound)
    version = open_version(store, url(0), size=WHOLE.stop)
    for start in range(0, WHOLE.stop, 50_000):
        store.put(version, start, content(url(0), start, start + 50_000))
        assert on_disk(tmp_path) < 1.5 * bound
    store.flush()
    assert on_disk(tmp_path) < bound + 2_000_000  # the log of the catalogue
    store.close()
    store = disk(tmp_path, bound)
    version = open_version(store, url(0), size=WHOLE.stop)
    kept = 0
    # In small parts: this store may make room meanwhile.
    for start in range(0, WHOLE.stop, 50_000):
        found = store.get(version, ByteRange(start, start + 50_000))
        if found is not None:
            assert bytes(found) == content(url(0), start, start + 50_000)
            kept += len(found)
    assert bound / 3 < kept < bound
    store.close()


def test_without_eviction_the_bound_is_passed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evict, "plan", lambda packs, room: [])
    store = disk(tmp_path, 2_000_000)
    version = open_version(store, url(0), size=WHOLE.stop)
    store.put(version, 0, bytes(WHOLE.stop))
    store.flush()
    assert on_disk(tmp_path) > 3 * store.bound
    store.close()


def test_what_was_used_lately_survives_eviction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nearline.cache.disk.TOUCH_AFTER", 0.0)
    store = disk(tmp_path, 4_000_000)
    hot = open_version(store, url(1))
    cold = open_version(store, url(2), size=1 << 30)
    for start in range(0, 200_000, 10_000):
        store.put(hot, start, content(url(1), start, start + 10_000))
        store.put(cold, start, content(url(2), start, start + 10_000))
    for start in range(200_000, 16_000_000, 100_000):
        store.put(cold, start, bytes(100_000))
        if start % 500_000 == 0:
            assert store.get(hot, ByteRange(0, 200_000)) == content(url(1), 0, 200_000)
            store.flush()
    store.flush()
    assert store.get(hot, ByteRange(0, 200_000)) == content(url(1), 0, 200_000)
    assert store.held(cold, ByteRange(0, 200_000)) == [] or (
        store.get(cold, ByteRange(0, 200_000)) is None
    )
    store.close()


def test_moved_bytes_are_found_by_who_knew_their_old_place(tmp_path: Path) -> None:
    writer, other = disk(tmp_path), disk(tmp_path)
    part, elsewhere = ByteRange(0, 9000), ByteRange(20_000, 20_100)
    version = open_version(writer, url(0))
    writer.put(version, 0, content(url(0), *part))
    writer.flush()
    assert other.held(version, part) == [part]
    for pack in writer.packs.sizes():
        evict.rewrite(writer.catalogue, writer.packs, pack)
    assert other.held(version, elsewhere) == []  # looks for news, and reads of the new place
    assert other.get(version, part) == content(url(0), *part)
    writer.close()
    other.close()


def test_bytes_nobody_recorded_count_and_strange_packs_are_removed(tmp_path: Path) -> None:
    store = disk(tmp_path, 1 << 30)
    version = open_version(store, url(0))
    store.put(version, 0, bytes(1000))
    store.flush()
    (pack,) = store.packs.sizes()
    with (store.packs.folder / f"{pack:016x}.pack").open("ab") as file:
        file.write(bytes(5000))
    litter = store.packs.folder / f"{Packs.new_id():016x}.pack"
    litter.write_bytes(bytes(100))
    evict.make_room(store.catalogue, store.packs, 1 << 30)
    assert not litter.exists()
    with store.catalogue.reading() as db:
        assert db.execute("SELECT size FROM packs").fetchall() == [(6000,)]
    store.close()


def test_files_are_looked_through_once_and_only_by_who_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    honest = Packs.sizes
    monkeypatch.setattr(Packs, "sizes", lambda self: looks.append(1) or honest(self))
    store = disk(tmp_path)
    for number in range(3):
        store.put(open_version(store, url(number)), 0, b"abc")
        store.flush()
    store.close()
    assert len(looks) == 1
    store = disk(tmp_path)
    version = open_version(store, url(0))
    assert store.get(version, ByteRange(0, 3)) == b"abc"
    store.version(url(0), version.validator, checked=2.0)
    store.close()
    assert len(looks) == 1


def test_three_hundred_small_pieces_are_recorded_in_few_transactions(tmp_path: Path) -> None:
    store = disk(tmp_path)
    commits = []
    record = store.catalogue.record
    store.catalogue.record = lambda changes: commits.append(1) or record(changes)  # type: ignore[method-assign,func-returns-value]
    version = open_version(store, url(0), size=1 << 30)
    for start in range(0, 300 * 20_000, 20_000):
        store.put(version, start, bytes(16_384))
        assert store.held(version, ByteRange(start, start + 16_384))
    store.flush()
    assert maintenance.info(tmp_path).pieces == 300
    assert len(commits) < 100
    store.close()


packs = st.lists(
    st.tuples(st.integers(0, 100), st.floats(0, 1), st.floats(0, 1e6)).map(
        lambda t: (t[0], int(t[0] * t[1]), t[2])
    ),
    max_size=20,
).map(lambda rows: [PackUse(n, *row) for n, row in enumerate(rows)])


@given(packs, st.integers(0, 2000))
def test_plan_frees_enough_and_no_more_than_it_must(packs: list[PackUse], room: int) -> None:
    chosen = plan(packs, room)
    size = sum(p.size for p in packs)

    def left(removed: list[PackUse]) -> int:
        return size - sum(p.size - p.moved for p in removed)

    assert left(chosen) <= room or len(chosen) == len(packs)
    assert not chosen or left(chosen[:-1]) > room
    cold = [p for p in packs if not p.hot]
    assert [p for p in chosen if not p.hot] == sorted(cold, key=lambda p: (p.used, p.id))[
        : sum(1 for p in chosen if not p.hot)
    ]


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)), unique_by=lambda u: u[0]),
    st.integers(0, 300),
)
def test_hot_pieces_fit_into_the_room(uses: list[tuple[int, int]], room: int) -> None:
    latest_first = sorted(((float(t), size) for t, size in uses), reverse=True)
    since = hot_since(latest_first, room)
    assert sum(size for used, size in latest_first if used > since) <= room
    if since:
        assert sum(size for used, size in latest_first if used >= since) > room
