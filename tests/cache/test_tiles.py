"""Decoded tiles: once each, bounded, read-only."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearline.cache.tiles import TileMemory, tile_memory


def tile(value: int, size: int = 100) -> np.ndarray:
    return np.full(size, value, np.uint8)


def test_many_threads_compute_a_tile_once() -> None:
    memory = TileMemory(1000)
    together = threading.Barrier(8)
    computed = []

    def compute() -> np.ndarray:
        computed.append(1)
        threading.Event().wait(0.05)
        return tile(7)

    def ask(_: int) -> np.ndarray:
        together.wait()
        return memory.get_or_compute("k", compute)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(8)))
    assert len(computed) == 1
    assert all(one is found[0] for one in found)


def test_failure_reaches_everyone_and_is_not_kept() -> None:
    memory = TileMemory(1000)
    together = threading.Barrier(3)

    def fail() -> np.ndarray:
        threading.Event().wait(0.05)
        raise ValueError("not a JPEG")

    def ask(_: int) -> str:
        together.wait()
        try:
            memory.get_or_compute("k", fail)
        except ValueError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(ask, range(3))) == ["not a JPEG"] * 3
    assert memory.get_or_compute("k", lambda: tile(1))[0] == 1


def test_tiles_are_read_only_and_the_array_given_stays_writable() -> None:
    memory = TileMemory(1000)
    mine = tile(1)
    kept = memory.put("k", mine)
    with pytest.raises(ValueError, match="read-only"):
        kept[0] = 2
    mine[:] = 1
    assert memory.get("k") is kept


def test_view_of_something_larger_does_not_keep_it_alive() -> None:
    memory = TileMemory(1000)
    large = np.zeros((1000, 1000), np.uint8)
    kept = memory.put("k", large[:5, :5])
    assert not np.shares_memory(kept, large)
    assert memory.size == 25


@given(
    st.integers(0, 600),
    st.lists(st.tuples(st.integers(0, 9), st.integers(1, 300), st.booleans()), max_size=40),
)
def test_least_recently_used_go_first(bound: int, steps: list[tuple[int, int, bool]]) -> None:
    memory = TileMemory(bound)
    model: list[tuple[int, int]] = []  # key and size, latest last
    for key, size, write in steps:
        held = [one for one in model if one[0] == key]
        if write:
            memory.put(key, tile(key, size))
            model = [one for one in model if one[0] != key]
            if size <= bound:
                model.append((key, size))
                while sum(s for _, s in model) > bound:
                    model.pop(0)
        else:
            found = memory.get(key)
            assert (found is not None) == bool(held)
            if held:
                model.remove(held[0])
                model.append(held[0])
        assert memory.size == sum(s for _, s in model) <= bound
        assert len(memory) == len(model)


def test_one_memory_per_bound() -> None:
    assert tile_memory(12345) is tile_memory(12345)
