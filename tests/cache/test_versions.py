"""Versions of an object, across processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from cache.contents import disk, url
from nearline.cache.store import Store
from nearline.provenance import Validator
from nearline.ranges import ByteRange

A, B = Validator(size=10, etag='"a"'), Validator(size=20, etag='"b"')


def test_latest_is_the_one_named_last(tmp_path: Path) -> None:
    store = disk(tmp_path)
    store.version(url(0), A, checked=5.0)
    newest = store.version(url(0), B, checked=6.0)
    assert store.latest(url(0)) == newest
    store.close()
    store = disk(tmp_path)
    assert store.latest(url(0)) == newest
    back = store.version(url(0), A, checked=7.0)
    store.flush()
    assert disk(tmp_path).latest(url(0)) == back
    assert back.checked == 7.0


def test_latest_survives_a_clock_that_was_set_back(tmp_path: Path) -> None:
    store = disk(tmp_path)
    store.version(url(0), A, checked=5.0)
    store.flush()
    with store.catalogue.writing() as db:
        db.execute("UPDATE versions SET seen=seen+1e6")
    newest = store.version(url(0), B, checked=6.0)
    store.flush()
    assert disk(tmp_path).latest(url(0)) == newest


def test_earlier_check_does_not_replace_a_later_one(tmp_path: Path) -> None:
    store = disk(tmp_path)
    store.version(url(0), A, checked=9.0)
    store.flush()
    assert store.version(url(0), A, checked=3.0).checked == 9.0


def test_what_an_earlier_answer_told_is_not_forgotten(tmp_path: Path) -> None:
    store = disk(tmp_path)
    store.version(url(0), Validator(size=10, etag='"a"', last_modified="then"), checked=1.0)
    store.flush()
    again = store.version(url(0), Validator(etag='"a"'), checked=2.0)
    assert again.validator == Validator(size=10, etag='"a"', last_modified="then")


def test_versions_do_not_mix(tmp_path: Path) -> None:
    store: Store = disk(tmp_path)
    old = store.version(url(0), A, checked=1.0)
    store.put(old, 0, b"old")
    new = store.version(url(0), B, checked=2.0)
    store.put(new, 1, b"new")
    assert store.held(new, ByteRange(0, 10)) == [ByteRange(1, 4)]
    assert store.get(old, ByteRange(0, 3)) == b"old"
    assert store.get(old, ByteRange(1, 4)) is None


def test_opening_a_store_needs_neither_numpy_nor_the_catalogue(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from nearline.cache.store import open_store\n"
        "from nearline.settings import Settings\n"
        f"open_store(Settings(cache_dir={str(tmp_path)!r} and __import__('pathlib').Path("
        f"{str(tmp_path)!r})), signed=False)\n"
        "import os\n"
        f"assert 'numpy' not in sys.modules; assert not os.path.exists({str(tmp_path)!r} + "
        "'/v1/catalogue.sqlite')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
