"""Bytes in memory follow the same rules, within their bound."""

from __future__ import annotations

import gc

from hypothesis import given
from hypothesis import strategies as st

from cache.contents import content, url
from nearline.cache.extents import Extents
from nearline.cache.memory import MemoryStore
from nearline.cache.pieces import Piece
from nearline.cache.store import Store
from nearline.provenance import Validator
from nearline.ranges import ByteRange, merge, subtract

VALIDATOR = Validator(size=10_000, etag='"a"')
steps = st.lists(
    st.tuples(st.booleans(), st.integers(0, 400), st.integers(1, 200)), min_size=1, max_size=30
)


@given(steps)
def test_memory_returns_what_was_put(steps: list[tuple[bool, int, int]]) -> None:
    store = MemoryStore(1 << 20)
    version = store.version(url(0), VALIDATOR, checked=1.0)
    put: list[ByteRange] = []
    for write, start, length in steps:
        part = ByteRange(start, start + length)
        if write:
            store.put(version, start, content(url(0), *part))
            put = merge([*put, part])
        held = store.held(version, part)
        assert held == subtract([part], subtract([part], put))
        found = store.get(version, part)
        assert (found is not None) == (held == [part])
        assert found is None or bytes(found) == content(url(0), *part)


@given(steps, st.integers(0, 700))
def test_memory_stays_within_its_bound(steps: list[tuple[bool, int, int]], bound: int) -> None:
    store = MemoryStore(bound)
    version = store.version(url(0), VALIDATOR, checked=1.0)
    for write, start, length in steps:
        if write:
            store.put(version, start, content(url(0), start, start + length))
        else:
            store.keep(version, str(start), bytes(length))
        assert store.size <= bound
        found = store.get(version, ByteRange(start, start + length))
        assert found is None or bytes(found) == content(url(0), start, start + length)


def test_bytes_of_what_nothing_identifies_go_with_who_held_it() -> None:
    store = MemoryStore(1 << 20)
    version = store.version(url(0), Validator(size=5000, etag='W/"a"'), checked=1.0)
    store.put(version, 0, bytes(5000))
    assert store.size == 5000
    del version
    gc.collect()
    assert store.size == 0


def test_least_recently_used_bytes_go_first() -> None:
    store = MemoryStore(3000)
    version = store.version(url(0), VALIDATOR, checked=1.0)
    for start in (0, 1000, 2000):
        store.put(version, start, bytes(1000))
    assert store.get(version, ByteRange(0, 1000))
    store.put(version, 3000, bytes(1000))
    assert store.held(version, ByteRange(0, 4000)) == [ByteRange(0, 1000), ByteRange(2000, 4000)]


def test_both_stores_are_stores() -> None:
    assert isinstance(MemoryStore(1), Store)


def test_bytes_of_an_unidentified_version_go_when_it_is_closed() -> None:
    store = MemoryStore(1 << 20)
    version = store.version(url(0), Validator(size=5), checked=1.0)
    store.put(version, 0, bytes(1000))
    assert store.size == 1000
    del version
    gc.collect()
    store.put(store.version(url(1), VALIDATOR, checked=1.0), 0, b"x")
    assert store.size == 1


def test_latest_is_the_one_named_last_and_remembers_the_last_check() -> None:
    store = MemoryStore(1 << 20)
    old = store.version(url(0), VALIDATOR, checked=5.0)
    store.version(url(0), Validator(size=3, etag='"b"'), checked=6.0)
    latest = store.latest(url(0))
    assert latest is not None
    assert latest.validator.etag == '"b"'
    again = store.version(url(0), VALIDATOR, checked=4.0)
    assert store.latest(url(0)) == again
    assert again.id == old.id


spans = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=25)


@given(spans, st.integers(0, 70), st.integers(1, 40), st.data())
def test_extents_agree_with_a_set_of_bytes(
    spans: list[tuple[int, int]], start: int, length: int, data: st.DataObject
) -> None:
    extents: Extents[Piece] = Extents()
    here: list[Piece] = []
    for low, size in spans:
        piece = Piece("", low, low + size, 1, 0, 0, 0.0)
        here.append(piece)
        for obsolete in extents.add(piece):
            here.remove(obsolete)
    assert list(extents) == sorted(here, key=lambda p: p.start)
    if here and data.draw(st.booleans()):
        gone = data.draw(st.sampled_from(here))
        extents.discard(gone)
        here.remove(gone)
    held = {at for p in here for at in range(p.start, p.stop)}
    wanted = set(range(start, start + length))
    found = extents.held(start, start + length)
    assert {at for part in found for at in range(*part)} == held & wanted
    assert found == merge(found)
    cover = extents.cover(start, start + length)
    assert (cover is not None) == (wanted <= held)
    if cover is not None:
        assert wanted <= {at for p in cover for at in range(p.start, p.stop)}
        assert [p.stop for p in cover] == sorted({p.stop for p in cover})
