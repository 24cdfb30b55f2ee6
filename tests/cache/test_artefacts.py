"""Artefacts, across processes."""

from __future__ import annotations

from pathlib import Path

from cache.contents import content, disk, open_version, url
from nearline.cache.evict import rewrite
from nearline.ranges import ByteRange


def test_empty_artefact_hides_nothing_that_is_kept_after_it(tmp_path: Path) -> None:
    store = disk(tmp_path)
    version = open_version(store, url(0))
    store.keep(version, "header", b"")
    store.put(version, 0, content(url(0), 0, 300))
    store.keep(version, "frames", b"")
    store.close()
    for _ in range(2):
        store = disk(tmp_path)
        assert store.artefact(version, "header") == store.artefact(version, "frames") == b""
        assert store.get(version, ByteRange(0, 300)) == content(url(0), 0, 300)
        for pack in store.packs.sizes():
            rewrite(store.catalogue, store.packs, pack)
        store.close()
