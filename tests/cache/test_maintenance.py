"""Looking into a cache, checking it, emptying it, and taking a file out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cache.contents import content, disk, open_version, url
from nearline.cache import maintenance
from nearline.cache.disk import DiskStore
from nearline.errors import CacheDamaged, NotFound
from nearline.provenance import Validator
from nearline.ranges import ByteRange

SIZE = 900_000


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    """Object 0 whole, object 1 in part, each with a header."""
    store = disk(tmp_path / "cache")
    for number, stop in ((0, SIZE), (1, 300_000)):
        version = open_version(store, url(number), size=SIZE)
        store.put(version, 0, content(url(number), 0, stop))
        store.keep(version, "header", f"header of {number}".encode())
    store.flush()
    return store


def spoil(store: DiskStore, at: int) -> None:
    store.close()
    (pack,) = store.packs.folder.glob("*.pack")
    data = bytearray(pack.read_bytes())
    data[at] ^= 1
    pack.write_bytes(data)


def test_info_counts_what_is_there(store: DiskStore) -> None:
    info = maintenance.info(store.folder)
    assert (info.objects, info.versions, info.artefacts, info.packs) == (2, 2, 2, 1)
    assert info.pieces == 4 + 2
    assert info.bytes > SIZE + 300_000
    assert info.oldest_use is not None
    assert info.newest_use is not None
    assert info.oldest_use <= info.newest_use


def test_no_cache_is_empty_and_is_not_made(tmp_path: Path) -> None:
    assert maintenance.info(tmp_path / "none").bytes == 0
    assert maintenance.verify(tmp_path / "none").sound
    assert maintenance.clear(tmp_path / "none") == 0
    with pytest.raises(NotFound):
        maintenance.export(tmp_path / "none", url(0), tmp_path / "out")
    assert not (tmp_path / "none").exists()


def test_verify_names_and_drops_what_is_damaged(store: DiskStore) -> None:
    assert maintenance.verify(store.folder).sound
    spoil(store, 10_000)
    report = maintenance.verify(store.folder)
    assert report.checked == 8
    (damaged,) = report.damaged
    assert url(0) in damaged
    assert maintenance.verify(store.folder).sound
    store = disk(store.folder)
    version = open_version(store, url(0), size=SIZE)
    assert store.held(version, ByteRange(0, SIZE)) == [ByteRange(262_144, SIZE)]


@pytest.mark.parametrize("name", [url(0), url(0).split()[1]])
def test_export_gives_the_whole_object(store: DiskStore, tmp_path: Path, name: str) -> None:
    out = maintenance.export(store.folder, name, tmp_path / "out.dcm")
    assert out.read_bytes() == content(url(0), 0, SIZE)
    folder = tmp_path / "folder"
    folder.mkdir()
    assert maintenance.export(store.folder, name, folder) == folder / "0"
    assert [one.name for one in folder.iterdir()] == ["0"]


def test_export_of_a_part_names_what_is_missing_and_writes_nothing(
    store: DiskStore, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.write_bytes(b"of the user")
    with pytest.raises(CacheDamaged, match="300000 to 900000"):
        maintenance.export(store.folder, url(1), out)
    spoil(store, 5)
    with pytest.raises(CacheDamaged):
        maintenance.export(store.folder, url(0), out)
    assert out.read_bytes() == b"of the user"
    assert sorted(os.listdir(tmp_path)) == ["cache", "out"]


def test_export_asks_when_a_url_is_filed_twice(store: DiskStore, tmp_path: Path) -> None:
    open_version(store, "signed http://server/0 at http://proxy")
    store.flush()
    with pytest.raises(NotFound, match="signed http://server/0 at http://proxy"):
        maintenance.export(store.folder, "http://server/0", tmp_path / "out")


def test_export_of_the_latest_version_only(store: DiskStore, tmp_path: Path) -> None:
    version = store.version(url(0), Validator(size=3, etag='"new"'), checked=2.0)
    store.put(version, 0, b"new")
    store.flush()
    assert maintenance.export(store.folder, url(0), tmp_path / "out").read_bytes() == b"new"


def test_clear_leaves_no_byte(store: DiskStore) -> None:
    assert maintenance.clear(store.folder) == 2
    assert list(store.packs.folder.iterdir()) == []
    assert store.held(open_version(store, url(0)), ByteRange(0, SIZE)) == []
    assert maintenance.info(store.folder).pieces == 0


def test_clear_by_url_leaves_no_byte_of_those_and_every_byte_of_others(store: DiskStore) -> None:
    mark = content(url(1), 4096, 4160)
    assert any(mark in one.read_bytes() for one in store.packs.folder.iterdir())
    assert maintenance.clear(store.folder, "http://server/1") == 1
    store.close()
    left = [one.read_bytes() for one in store.folder.rglob("*") if one.is_file()]
    assert not any(mark in data or b"server/1" in data for data in left)
    assert not any(b"header of 1" in data for data in left)
    again = disk(store.folder)
    version = open_version(again, url(0), size=SIZE)
    assert again.get(version, ByteRange(0, SIZE)) == content(url(0), 0, SIZE)
    assert again.artefact(version, "header") == b"header of 0"
    again.close()


def test_unreadable_catalogue_is_a_sentence(store: DiskStore) -> None:
    store.close()
    store.catalogue.path.write_bytes(b"x" * 8192)
    with pytest.raises(CacheDamaged, match="cannot be read"):
        maintenance.info(store.folder)
