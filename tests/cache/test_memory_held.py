"""What is on disk is not in memory as well."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from cache.contents import content, disk, open_version, url
from nearline.ranges import ByteRange

WHOLE = ByteRange(0, 1_200_000)


def memory_held(work: Callable[[], object]) -> int:
    """Return the bytes that are held after `work`, while its result is."""
    tracemalloc.start()
    try:
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        result = work()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
        del result
        return after - before
    finally:
        tracemalloc.stop()


def test_bytes_put_on_disk_are_not_held(tmp_path: Path) -> None:
    store = disk(tmp_path)
    version = open_version(store, url(0), size=WHOLE.stop)
    data = content(url(0), *WHOLE)
    assert memory_held(lambda: store.put(version, 0, data)) < 60_000
    store.close()


def test_bytes_read_from_disk_belong_to_the_caller_alone(tmp_path: Path) -> None:
    store = disk(tmp_path)
    version = open_version(store, url(0), size=WHOLE.stop)
    store.put(version, 0, content(url(0), *WHOLE))
    store.close()
    store = disk(tmp_path)
    assert memory_held(lambda: len(store.get(version, WHOLE) or b"")) < 60_000
    store.close()


def test_small_part_of_a_piece_does_not_hold_the_piece(tmp_path: Path) -> None:
    store = disk(tmp_path)
    version = open_version(store, url(0), size=WHOLE.stop)
    store.put(version, 0, content(url(0), *WHOLE))
    store.close()
    store = disk(tmp_path)
    parts = [ByteRange(at, at + 1000) for at in range(0, WHOLE.stop, 260_000)]
    assert memory_held(lambda: [store.get(version, part) for part in parts]) < 60_000
    assert all(store.get(version, part) == content(url(0), *part) for part in parts)
    store.close()
