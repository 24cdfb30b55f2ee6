"""Rows of resources and files, in whatever form they come: labels, digests, places, odd paths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearline.testing.xnat import Behaviour, SimulatedXnat
from nearline.xnat import inventory, rows
from xnat_projects import everything, ids_of, project_of


def test_a_label_that_occurs_twice_or_in_another_case_is_told_by_its_id(log_in):
    archive = project_of(3)
    one = ids_of(archive)[0]
    twin = archive.add_resource(one, "FREESURFER6")
    archive.put_files(one, twin, {"twin/stats/aseg.stats": b"twin"})
    small = archive.put_files(one, "freesurfer6", {"small/stats/aseg.stats": b"small"})
    with SimulatedXnat(archive) as server:
        client = log_in(server)
        found, _ = inventory.resources(client, ids_of(archive))
        assert [r.label for r in found[one]] == ["FREESURFER6", "FREESURFER6", "freesurfer6"]
        chosen = {r.id: r for held in found.values() for r in held}
        listings, errors = inventory.files(
            client, chosen, projects=dict.fromkeys(ids_of(archive), "ALFA")
        )
        assert not errors
        assert len(listings) == 5
        assert [f.path for f in listings[str(twin.id)]] == ["twin/stats/aseg.stats"]
        assert [f.path for f in listings[str(small.id)]] == ["small/stats/aseg.stats"]


def test_digests_may_be_blank_or_have_no_column(log_in):
    archive = project_of(2)
    archive.replace_file(
        ids_of(archive)[0], "FREESURFER6", "0000/stats/aseg.stats", b"new", digest="blank"
    )
    for behaviour, digests in (
        (Behaviour(), [0, 32]),
        (Behaviour(digest_column=False), [0, 0]),
    ):
        with SimulatedXnat(archive, behaviour=behaviour) as server:
            _, listings = everything(log_in(server))
            assert [len(held[0].digest) for held in listings.values()] == digests


def test_an_empty_resource_has_no_files_and_no_error(log_in):
    archive = project_of(3)
    empty = archive.add_session("ALFA", subject="e")
    archive.add_resource(empty, "FREESURFER6")
    with SimulatedXnat(archive) as server:
        _, listings = everything(log_in(server))
        assert listings[empty.id] == ()


# --- assessors ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "of_assessors"),
    [("session", {False}), ("assessor", {True}), ("any", {False, True})],
)
def test_results_of_sessions_and_of_assessors(server, client, place, of_assessors):
    sessions = inventory.experiments(client, "ALFA")
    ids = [one.id for one in sessions]
    theirs = inventory.assessors(client, "ALFA")
    assert [one.session_id for one in theirs] == ids
    found, errors = inventory.resources(client, ids, place=place, of=theirs)
    assert not errors
    assert set(found) == set(ids)
    for held in found.values():
        assert {r.assessor_id is not None for r in held} == of_assessors
    assert server.counts["experiments"] == 2
    assert server.counts["resources"] == len(of_assessors)


def test_files_of_assessors(server, client):
    ids = [one.id for one in inventory.experiments(client, "ALFA")]
    found, _ = inventory.resources(
        client, ids, place="assessor", of=inventory.assessors(client, "ALFA")
    )
    chosen = {one: held[0] for one, held in found.items()}
    listings, errors = inventory.files(client, chosen, projects=dict.fromkeys(ids, "ALFA"))
    assert not errors
    assert server.counts["files"] == 1
    for one, files in listings.items():
        assert {file.experiment_id for file in files} == {one}
        (aseg,) = (file for file in files if file.path.endswith("/stats/aseg.stats"))
        (held,) = server.archive.assessors(one)
        assert client.file(aseg.uri).data == server.archive.file(held, "DATA", aseg.path).data


def test_assessors_of_another_type_are_left_out(server, client):
    server.archive.add_assessor("XNAT_E00001", xsi_type="xnat:qcManualAssessorData")
    assert len(inventory.assessors(client, "ALFA")) == 4
    assert len(inventory.assessors(client, "ALFA", xsi_type=None)) >= 4


# --- rows -------------------------------------------------------------------------------------

NAMES = st.text(st.characters(blacklist_characters="/", blacklist_categories=("Cs", "Cc")),
                min_size=1, max_size=12)  # fmt: skip
RESOURCE = rows.Resource("E1", None, "12", "L", None, None)


@given(st.lists(NAMES, min_size=1, max_size=4), st.sampled_from(["/data", ""]), st.booleans())
def test_paths_of_files_survive_any_way_of_listing_them(names, prefix, encode):
    path = "/".join(names)
    shown = rows.encoded(path) if encode else path
    row = {
        "URI": f"{prefix}/experiments/E1,E2/resources/12/files/{shown}",
        "Name": names[-1],
        "Size": "",
        "digest": " ABC ",
    }
    (file,) = rows.files([row], {"12": RESOURCE})
    if encode and shown != path and rows.encoded(names[-1]) == names[-1]:
        # The name does not tell which; folders that look encoded are taken as they stand.
        assert file.path in (path, shown)
    else:
        assert file.path == path
    assert (file.size, file.digest) == (None, "abc")
    assert file.uri == f"/data/experiments/E1/resources/12/files/{rows.encoded(file.path)}"


def test_rows_about_something_else_are_none():
    for row in ({}, {"URI": "/data/experiments/E1"}, {"URI": "/x/resources/99/files/a"}):
        assert rows.files([row], {"12": RESOURCE}) == []
    assert rows.resource({"label": "x"}, "E1", None) is None
    assert rows.experiment({"label": "x"}, shared=False) is None
    assert rows.assessor({"ID": "A"}) is None
