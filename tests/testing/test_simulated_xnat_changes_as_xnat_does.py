"""What a change does to last_modified, counts, sizes and digests, holes included."""

from __future__ import annotations

import hashlib

import pytest

from nearline.testing.xnat import Archive, SimulatedXnat
from xnat_sites import client, rows

LISTING = "/data/experiments/XNAT_E00001/resources/R/files"


def md5(data):
    return hashlib.md5(data).hexdigest()


@pytest.fixture
def archive():
    archive = Archive()
    archive.add_project("P")
    session = archive.add_session("P", subject="s1")
    archive.put_files(session, "R", {"a.txt": b"aaaa", "b.txt": b"bb"})
    return archive


@pytest.fixture
def state(archive):
    """Return what a client sees: last_modified, (id, count, size), {file: (size, digest)}."""
    with SimulatedXnat(archive) as server:
        get = client(server)

        def see():
            (experiment,) = rows(get("/data/projects/P/experiments?columns=ID,last_modified"))
            (resource,) = rows(get("/data/experiments/XNAT_E00001/resources"))
            files = {row["Name"]: (row["Size"], row["digest"]) for row in rows(get(LISTING))}
            told = (resource["file_count"], resource["file_size"])
            return experiment["last_modified"], told, files

        see.body = lambda name: get(f"{LISTING}/{name}").content
        yield see


def test_another_size_shows_everywhere(archive, state):
    before = state()
    archive.replace_file("XNAT_E00001", "R", "a.txt", b"longer")
    after = state()
    assert before[1] == ("2", "6")
    assert after[1] == ("2", "8")
    assert after[0] != before[0]
    assert after[2]["a.txt"] == ("6", md5(b"longer"))


def test_the_same_size_shows_in_the_digest_alone(archive, state):
    before = state()
    archive.replace_file("XNAT_E00001", "R", "a.txt", b"AAAA")
    after = state()
    assert after[:2] == before[:2]
    assert after[2]["a.txt"] == ("4", md5(b"AAAA"))
    assert state.body("a.txt") == b"AAAA"


def test_a_stale_digest_shows_nothing_and_a_blank_one_nothing_but_itself(archive, state):
    before = state()
    archive.replace_file("XNAT_E00001", "R", "a.txt", b"AAAA", digest="keep")
    assert state() == before
    assert state.body("a.txt") == b"AAAA"
    archive.replace_file("XNAT_E00001", "R", "a.txt", b"Aaaa", digest="blank")
    assert state()[2]["a.txt"] == ("4", "")


def test_uploads_without_stats_show_in_the_listing_alone(archive, state):
    before = state()
    archive.put_file("XNAT_E00001", "R", "c.txt", b"c", update_stats=False)
    after = state()
    assert after[:2] == before[:2]
    assert set(after[2]) == {"a.txt", "b.txt", "c.txt"}


def test_edits_on_disk_show_nowhere_until_the_catalogue_is_refreshed(archive, state):
    before = state()
    archive.edit_on_disk("XNAT_E00001", "R", "a.txt", b"edited")
    assert state() == before
    assert state.body("a.txt") == b"edited"
    archive.refresh_catalog("XNAT_E00001", "R")
    after = state()
    assert after[0] != before[0]
    assert after[2]["a.txt"] == ("6", md5(b"edited"))


def test_unrelated_edits_show_in_last_modified_alone(archive, state):
    before = state()
    archive.edit("XNAT_E00001")
    after = state()
    assert after[0] != before[0]
    assert after[1:] == before[1:]


def test_a_resource_made_again_has_another_id(archive, state):
    before = state()
    old = archive.resource("XNAT_E00001", "R")
    archive.delete_resource("XNAT_E00001", "R")
    archive.put_files("XNAT_E00001", "R", {"a.txt": b"aaaa", "b.txt": b"bb"})
    after = state()
    assert archive.resource("XNAT_E00001", "R").id > old.id
    assert archive.resource_by_id(old.id) is None
    assert (after[1], after[2]) == (before[1], before[2])
    assert after[0] != before[0]


def test_without_checksums_new_files_have_no_digest_and_old_ones_a_stale_one(archive, state):
    archive.checksums = False
    archive.put_file("XNAT_E00001", "R", "c.txt", b"c")
    archive.put_file("XNAT_E00001", "R", "a.txt", b"AAAA")
    found = state()[2]
    assert found["c.txt"] == ("1", "")
    assert found["a.txt"] == ("4", md5(b"aaaa"))


def test_deleting_a_file_and_an_experiment(archive, state):
    before = state()
    archive.delete_file("XNAT_E00001", "R", "b.txt")
    after = state()
    assert after[1] == ("1", "4")
    assert after[0] != before[0]
    assessor = archive.add_assessor("XNAT_E00001")
    archive.delete_experiment("XNAT_E00001")
    assert archive.experiments == {}
    assert assessor.session == "XNAT_E00001"


def test_what_does_not_exist_cannot_be_changed(archive):
    with pytest.raises(KeyError):
        archive.replace_file("XNAT_E00001", "R", "none.txt", b"")
    with pytest.raises(KeyError):
        archive.delete_experiment("NOPE")
