"""Where the cache lies, and that nobody else reads or writes it."""

# Several statements under one `pytest.warns`: one warning for all of them is the promise.
# ruff: noqa: PT031

from __future__ import annotations

import os
import stat
import warnings
from pathlib import Path

import pytest

from cache.contents import disk, open_version, url
from cache.safeguards import turn_off
from nearline.cache import folder as folder_module
from nearline.cache.disk import DiskStore
from nearline.cache.folder import CacheWarning, Unusable, filesystem_type, locate, prepare
from nearline.cache.memory import MemoryStore
from nearline.cache.store import open_store
from nearline.ranges import ByteRange
from nearline.settings import Settings

MOUNTS = """\
/dev/sda1 / ext4 rw,relatime 0 0
server:/export /home nfs4 rw,vers=4.2 0 0
/dev/sdb1 /home/local xfs rw 0 0
fs1 /gpfs/my\\040data gpfs rw 0 0
1.2.3.4@tcp:/l /scratch lustre rw 0 0
tmpfs /home/over tmpfs rw 0 0
server:/other /home/over nfs rw 0 0
"""


@pytest.fixture(autouse=True)
def _warnings_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "_said", set())


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/cache", "ext4"),
        ("/home/me/.cache/nearline", "nfs4"),
        ("/homeless/me", "ext4"),
        ("/home/local/me", "xfs"),
        ("/gpfs/my data/x", "gpfs"),
        ("/scratch", "lustre"),
        ("/home/over/x", "nfs"),
    ],
)
def test_file_system_is_that_of_the_innermost_mount(path: str, kind: str) -> None:
    assert filesystem_type(Path(path), MOUNTS) == kind


def test_this_machines_mounts_are_read(tmp_path: Path) -> None:
    assert filesystem_type(tmp_path)


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "lustre", "gpfs"])
def test_home_on_a_shared_disk_means_a_local_folder_and_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    home, local = tmp_path / "home", tmp_path / "local"
    monkeypatch.setattr(folder_module, "local_folder", lambda: local)
    monkeypatch.setattr(
        folder_module, "filesystem_type", lambda path: kind if path == home else "ext4"
    )
    with pytest.warns(CacheWarning, match=kind) as warned:
        for size in (1 << 20, 1 << 21):
            store = open_store(Settings(cache_dir=home, cache_size=size), signed=False)
            assert isinstance(store, DiskStore)
            assert store.folder == local
    assert len(warned) == 1
    assert not home.exists()


def test_only_shared_disks_mean_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "filesystem_type", lambda path: "nfs")
    with pytest.raises(Unusable, match="NEARLINE_CACHE_DIR"):
        locate(tmp_path)


def test_everything_is_private_to_the_user(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        folder = tmp_path / "a" / "cache"
        store = disk(folder)
        store.put(open_version(store, url(0)), 0, b"patient")
        store.keep(open_version(store, url(0)), "header", b"patient")
        store.flush()
        found = [folder, *folder.rglob("*")]
        assert len(found) > 6
        for one in found:
            mode = stat.S_IMODE(one.stat().st_mode)
            assert mode == (0o700 if one.is_dir() else 0o600), one
        store.close()
    finally:
        os.umask(old)


def test_folder_is_tagged_as_a_cache_and_names_its_format(tmp_path: Path) -> None:
    inner = prepare(tmp_path / "cache")
    tag = (tmp_path / "cache" / "CACHEDIR.TAG").read_bytes()
    assert tag.startswith(b"Signature: 8a477f597d28d172789f06886806bc55\n")
    assert inner == tmp_path / "cache" / "v1"


def test_folder_with_other_things_in_it_stays_in_backups(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    inner = prepare(tmp_path)
    assert not (tmp_path / "CACHEDIR.TAG").exists()
    assert (inner / "CACHEDIR.TAG").exists()


def test_another_release_shares_the_folder(tmp_path: Path) -> None:
    (tmp_path / "v2").mkdir()
    (tmp_path / "v2" / "catalogue.sqlite").write_bytes(b"of another format")
    store = disk(tmp_path)
    store.put(open_version(store, url(0)), 0, b"abc")
    store.close()
    assert (tmp_path / "v2" / "catalogue.sqlite").read_bytes() == b"of another format"


def others_may_write(folder: Path) -> None:
    folder.chmod(0o770)


def inner_others_may_write(folder: Path) -> None:
    (folder / "v1").mkdir()
    (folder / "v1").chmod(0o707)


def inner_is_a_link(folder: Path) -> None:
    (folder.parent / "elsewhere").mkdir()
    (folder / "v1").symlink_to(folder.parent / "elsewhere")


def is_a_file(folder: Path) -> None:
    folder.rmdir()
    folder.touch()


UNSAFE = [others_may_write, inner_others_may_write, inner_is_a_link]


@pytest.mark.parametrize("spoil", [*UNSAFE, is_a_file])
def test_unsafe_folder_means_memory_and_one_warning(tmp_path: Path, spoil: object) -> None:
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o700)
    spoil(folder)  # type: ignore[operator]
    with pytest.warns(CacheWarning) as warned:
        stores = {open_store(Settings(cache_dir=folder), signed=False) for _ in range(3)}
    assert len(warned) == 1
    assert [type(one) for one in stores] == [MemoryStore]


@pytest.mark.parametrize("spoil", UNSAFE)
def test_that_suite_fails_without_the_check(
    tmp_path: Path, spoil: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn_off(["private"], monkeypatch.setattr)
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o700)
    spoil(folder)  # type: ignore[operator]
    assert isinstance(open_store(Settings(cache_dir=folder), signed=False), DiskStore)


def test_link_is_followed_only_where_nobody_else_can_put_one(tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir(mode=0o700)
    (tmp_path / "everybodys").mkdir()
    (tmp_path / "everybodys").chmod(0o1777)
    for parent in (tmp_path, tmp_path / "everybodys"):
        (parent / "cache").symlink_to(tmp_path / "scratch")
    assert prepare(tmp_path / "cache").resolve() == tmp_path / "scratch" / "v1"
    with pytest.raises(Unusable):
        prepare(tmp_path / "everybodys" / "cache")


def test_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(Unusable, match="another user"):
        prepare(tmp_path)


def test_defaults_keep_what_was_read_with_credentials_off_the_disk(tmp_path: Path) -> None:
    def kind(**changes: object) -> dict[bool, type]:
        chosen = Settings(cache_dir=tmp_path, **changes)  # type: ignore[arg-type]
        return {signed: type(open_store(chosen, signed=signed)) for signed in (False, True)}

    assert kind() == {False: DiskStore, True: MemoryStore}
    assert kind(cache="disk") == {False: DiskStore, True: DiskStore}
    assert kind(cache="memory") == {False: MemoryStore, True: MemoryStore}
    assert kind(cache="off") == {False: type(None), True: type(None)}


def test_one_store_per_folder_and_size(tmp_path: Path) -> None:
    first = open_store(Settings(cache_dir=tmp_path), signed=False)
    assert open_store(Settings(cache_dir=tmp_path, timeout=3), signed=False) is first
    assert open_store(Settings(cache_dir=tmp_path / "x"), signed=False) is not first


def test_unidentified_version_never_reaches_the_disk(tmp_path: Path) -> None:
    from nearline.provenance import Validator

    store = disk(tmp_path)
    version = store.version(url(0), Validator(size=100, etag='W/"weak"'), checked=1.0)
    store.put(version, 0, b"patient of nobody")
    store.keep(version, "header", b"patient of nobody")
    assert store.get(version, ByteRange(0, 7)) == b"patient"
    assert store.artefact(version, "header") == b"patient of nobody"
    assert store.latest(url(0)) is None
    another = store.version(url(0), Validator(size=100, etag='W/"weak"'), checked=1.0)
    assert store.get(another, ByteRange(0, 7)) is None
    store.close()
    assert not any(b"patient" in one.read_bytes() for one in tmp_path.rglob("*") if one.is_file())


def test_warning_is_given_once_whatever_the_filters(tmp_path: Path) -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for _ in range(3):
            folder_module.warn_once("The cache is in trouble.")
    assert len(seen) == 1
