"""What lies on the disk: private, checked, shared by processes, and gone when it is purged."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

import nearline as nl
from measurements.sites import Site, assert_complete, assert_nothing_lost, light_site, site
from nearline.errors import CacheDamaged, Offline
from nearline.measurements import upkeep
from nearline.measurements.store import FORMAT


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Site]:
    with light_site(tmp_path, 6) as made:
        yield made


def files_below(folder: Path) -> list[Path]:
    return [one for one in folder.rglob("*") if one.is_file()]


def test_nobody_else_may_read_it(held: Site) -> None:
    held.collect()
    found = [held.folder / FORMAT, *(held.folder / FORMAT).rglob("*")]
    assert len(found) > 4
    for one in found:
        if one.name != "CACHEDIR.TAG":
            assert not stat.S_IMODE(one.stat().st_mode) & 0o077, one


@pytest.mark.parametrize("mode", ["off", "memory"])
def test_nothing_is_written_where_the_settings_allow_no_disk(held: Site, mode: str) -> None:
    with nl.settings(cache=mode):
        assert_complete(held.collect(), held)
        assert_complete(held.collect(), held)
    assert held.asked["file"] == 6
    assert not held.folder.exists()


def test_two_servers_of_equal_projects_and_two_users_are_kept_apart(tmp_path: Path) -> None:
    with light_site(tmp_path, 3) as one, light_site(tmp_path, 4) as other:
        other.overwrite(0, 1_777_777.0)
        for held in (one, other, one, other):
            assert_complete(held.collect(), held)
        one.server.accounts.users["guest2"] = "secret"
        assert_complete(one.collect(user="guest2", password="secret"), one)
        assert one.asked["file"] == 3
    assert {(h.login, h.sessions) for h in upkeep.info(one.folder).holdings} == {
        ("admin", 3), ("admin", 4), ("guest2", 3)
    }  # fmt: skip


def test_damaged_bytes_are_found_dropped_and_fetched_again(held: Site) -> None:
    held.collect()
    assert upkeep.verify(held.folder).sound
    assert upkeep.verify(held.folder).checked == 6
    with sqlite3.connect(held.folder / FORMAT / "catalogue.sqlite") as db:
        sha, data = db.execute("SELECT sha256, data FROM blobs ORDER BY sha256 LIMIT 1").fetchone()
        flipped = bytes([*data[:-9], data[-9] ^ 1, *data[-8:]])
        db.execute("UPDATE blobs SET data=? WHERE sha256=?", (flipped, sha))
    report = upkeep.verify(held.folder)
    assert len(report.damaged) == 1
    assert "aseg.stats of session XNAT_E" in report.damaged[0]
    assert_complete(held.collect(verify="fast"), held)
    assert held.asked["file"] == 1
    assert upkeep.verify(held.folder).sound


def test_damage_met_while_reading_never_becomes_a_number(held: Site) -> None:
    held.collect()
    with sqlite3.connect(held.folder / FORMAT / "catalogue.sqlite") as db:
        db.execute("UPDATE blobs SET data=zeroblob(100)")
        db.execute("DELETE FROM results")
    for path in (held.folder / FORMAT).rglob("*.parquet"):
        path.unlink()
    assert len(assert_nothing_lost(held.collect(verify="fast"), held)) == 6
    assert_complete(held.collect(verify="fast"), held)


@pytest.mark.parametrize("damage", [b"", b"PAR1 and nonsense", None])
def test_a_damaged_table_is_made_again(held: Site, damage: bytes | None) -> None:
    held.collect()
    (path,) = (held.folder / FORMAT).rglob("*.parquet")
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage)
    assert_complete(held.collect(verify="fast"), held)
    assert held.asked["file"] == 0


def test_a_catalogue_that_is_none_is_told(held: Site) -> None:
    held.collect()
    (held.folder / FORMAT / "catalogue.sqlite").write_bytes(b"nonsense" * 1000)
    for name in ("catalogue.sqlite-wal", "catalogue.sqlite-shm"):
        (held.folder / FORMAT / name).unlink(missing_ok=True)
    with pytest.raises(CacheDamaged, match=str(held.folder)):
        held.collect()


def test_purging_a_subject_leaves_no_byte_of_it(tmp_path: Path) -> None:
    with site(tmp_path, 4) as held:
        held.collect(["aseg", "hippoSfVolumes"])
        needle = b"ALFA0002"
        assert any(needle in one.read_bytes() for one in files_below(held.folder))
        assert upkeep.purge(held.folder, subject="ALFA0002") == 1
        assert not any(needle in one.read_bytes() for one in files_below(held.folder))
        assert upkeep.info(held.folder).holdings[0].sessions == 3
        assert_complete(held.collect(verify="fast"), held)
        assert held.asked["file"] == 1


def test_purging_a_project_leaves_the_others(tmp_path: Path) -> None:
    with light_site(tmp_path, 3) as held:
        held.archive.add_project("BETA")
        one = held.archive.add_session("BETA", subject="b1")
        held.archive.put_files(one, "FREESURFER6", {"b1/stats/aseg.stats": held.data(0)})
        held.collect(project=["ALFA", "BETA"])
        assert upkeep.purge(held.folder, project="ALFA") == 3
        (left,) = upkeep.info(held.folder).holdings
        assert (left.project, left.sessions, left.files) == ("BETA", 1, 1)
        assert upkeep.purge(held.folder) == 1
        assert upkeep.info(held.folder).holdings == ()
        assert not list((held.folder / FORMAT).rglob("*.parquet"))


def test_offline_gives_what_is_held_and_asks_nobody(held: Site) -> None:
    with pytest.raises(Offline, match="ALFA"):
        held.collect(offline=True)
    held.collect()
    held.overwrite(1, 1_888_888.0)
    found = held.collect(offline=True)
    assert held.log == []
    assert found.report.level == "offline"
    assert found.frame["ID"].nunique() == 6
    # Another measurement of the same files would need them.
    other = held.collect("aparc", offline=True)
    assert set(other.sessions["status"]) == {"file missing"}


def test_processes_share_it(held: Site) -> None:
    program = (
        "import sys, nearline as nl\n"
        "with nl.settings(cache_dir=sys.argv[2]):\n"
        "    c = nl.collect(sys.argv[1], 'ALFA', 'aseg', user='admin', password='admin')\n"
        "    print(len(c.frame), c.report.complete)\n"
    )
    command = [sys.executable, "-c", program, held.server.address, str(held.folder)]
    several = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    told = {one.communicate()[0] for one in several}
    assert len(told) == 1
    assert "True" in told.pop()
    assert_complete(held.collect(verify="fast"), held)
    assert held.asked["file"] == 0


def test_importing_nearline_loads_none_of_it() -> None:
    program = (
        "import sys, nearline\n"
        "print([m for m in ('pandas', 'pyarrow', 'requests', 'sqlite3') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_no_warning_is_given(held: Site) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = held.collect()
        assert len(found.frame)
        assert len(found.sessions)
        assert len(found.wide())
