from __future__ import annotations

import pytest

from nearline.errors import AccessDenied, NotFound, Unavailable
from nearline.testing.xnat import Archive, Behaviour, SimulatedXnat, faults
from nearline.xnat import inventory
from xnat_projects import assert_true, chosen_of, everything, ids_of, project_of
from xnat_sites import small_archive

# --- experiments ------------------------------------------------------------------------


def test_experiments_of_a_project_come_in_one_request(server, client):
    found = inventory.experiments(client, "ALFA")
    assert [one.id for one in found] == ids_of(server.archive)
    assert [one.label for one in found] == [f"{n:04d}_MR1" for n in range(1, 5)]
    assert [one.subject_label for one in found] == [f"{n:04d}" for n in range(1, 5)]
    assert {one.project for one in found} == {"ALFA"}
    assert {one.xsi_type for one in found} == {"xnat:mrSessionData"}
    assert {one.shared for one in found} == {False}
    assert all(one.last_modified.startswith("2024-02-02 09:3") for one in found)
    assert server.counts["experiments"] == 1


@pytest.mark.parametrize("key", ["both", "ID", "xpath"])
def test_ids_are_found_whatever_their_column_is_called(log_in, key):
    with SimulatedXnat(small_archive(), behaviour=Behaviour(id_key=key)) as server:
        client = log_in(server)
        assert [one.id for one in inventory.experiments(client, "ALFA")] == ids_of(server.archive)
        assert len(inventory.assessors(client, "ALFA")) == 4


def test_shared_sessions_come_when_asked_for_and_once(server, client):
    assert inventory.experiments(client, "BETA") == ()
    (shared,) = inventory.experiments(client, "BETA", shared=True)
    assert (shared.id, shared.label, shared.shared) == ("XNAT_E00001", "renamed", True)
    server.archive.share("XNAT_E00001", "ALFA")
    found = inventory.experiments(client, "ALFA", shared=True)
    assert [one.id for one in found] == ids_of(server.archive)
    assert not any(one.shared for one in found)


def test_a_project_without_sessions_is_empty_and_no_error(server, client):
    server.archive.add_project("EMPTY")
    assert inventory.experiments(client, "EMPTY") == ()
    assert inventory.experiments(client, "EMPTY", shared=True) == ()
    assert inventory.assessors(client, "EMPTY") == ()


@pytest.mark.parametrize("shared", [False, True])
def test_a_project_that_is_not_there_is_not_found(server, client, shared):
    with pytest.raises(NotFound, match="does not find the experiments of project NONE") as error:
        inventory.experiments(client, "NONE", shared=shared)
    assert server.address in str(error.value)


@pytest.mark.parametrize("shared", [False, True])
def test_a_project_that_may_not_be_seen_is_denied(server, client, shared):
    server.archive.revoke("ALFA", "admin")
    with pytest.raises(AccessDenied, match="admin may not see the experiments of project ALFA"):
        inventory.experiments(client, "ALFA", shared=shared)


def test_what_another_project_lets_through_does_not_stand_for_the_project(server, client):
    """BETA shares one of ALFA's sessions, which therefore remains readable."""
    server.archive.revoke("ALFA", "admin")
    assert len(inventory.experiments(client, "BETA", shared=True)) == 1
    for shared in (False, True):
        with pytest.raises(AccessDenied):
            inventory.experiments(client, "ALFA", shared=shared)
        with pytest.raises(AccessDenied):
            inventory.assessors(client, "ALFA", shared=shared)


def test_another_name_of_a_project_is_told(server, client):
    server.archive.projects["alias"] = server.archive.projects["ALFA"]
    with pytest.raises(NotFound, match="alias is another name of project ALFA"):
        inventory.experiments(client, "alias")


def test_columns_that_did_not_come_are_an_error(server, client, monkeypatch):
    monkeypatch.setattr(inventory, "_MODIFIED", "last_modified_in_a_later_version")
    with pytest.raises(Unavailable, match="left the columns last_modified_in_a_later_version out"):
        inventory.experiments(client, "ALFA")


def test_names_with_odd_characters(log_in):
    archive = Archive()
    archive.add_project("A B&C")
    session = archive.add_session("A B&C", subject="ä/1", label="x y")
    archive.put_files(session, "FREE SURFER,6", {"ä b/100% +#?.stats": b"x", "a%20b": b"y"})
    with SimulatedXnat(archive) as server:
        client = log_in(server)
        (found,) = inventory.experiments(client, "A B&C")
        assert (found.label, found.subject_label) == ("x y", "ä/1")
        (resource,) = inventory.resources(client, [found.id])[0][found.id]
        assert resource.label == "FREE SURFER,6"
        listings, errors = inventory.files(client, {"k": resource}, projects={})
        assert not errors
        assert {file.path for file in listings["k"]} == {"ä b/100% +#?.stats", "a%20b"}
        (spaced,) = (file for file in listings["k"] if " " in file.path)
        assert client.file(spaced.uri).data == b"x"


# --- resources and files ----------------------------------------------------------------


def test_resources_and_files_come_by_lists(log_in):
    with SimulatedXnat(project_of(230)) as server:
        client = log_in(server)
        assert_true(server, *everything(client))
        assert server.counts == {"login": 1, "experiments": 1, "resources": 3, "files": 10}
        assert max(len(r.target) for r in server.requests) < 6000


@pytest.mark.parametrize("sessions", [1, 2, 26])
@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(comma_lists=False),
        Behaviour(longest_list=1),
        Behaviour(longest_list=7, list_refusal=400),
        Behaviour(longest_list=7, list_refusal=502),
        Behaviour(longest_list=13, list_refusal=431),
        Behaviour(longest_target=200),
        Behaviour(digest_column=True, id_key="xpath"),
    ],
)
def test_whatever_lists_a_server_takes_the_inventory_is_the_same(log_in, behaviour, sessions):
    with SimulatedXnat(project_of(sessions), behaviour=behaviour) as server:
        assert_true(server, *everything(log_in(server)))


def test_a_server_without_lists_costs_one_request_for_each(log_in):
    with SimulatedXnat(project_of(60), behaviour=Behaviour(comma_lists=False)) as server:
        client = log_in(server)
        everything(client)
        assert client.lists is False
        server_sees = server.counts
        assert server_sees["resources"] <= 60 + 1
        assert server_sees["files"] <= 60 + 3
        before = len(server.requests)
        everything(client, lists=False)
        assert len(server.requests) - before == 1 + 60 + 60


def test_sessions_without_resources_are_asked_for_once_more_unless_known(log_in):
    archive = project_of(5)
    bare = [archive.add_session("ALFA", subject=f"bare{n}").id for n in range(3)]
    with SimulatedXnat(archive) as server:
        client = log_in(server)
        found, _ = everything(client)
        assert [found[one] for one in bare] == [(), (), ()]
        assert server.counts["resources"] == 1 + 3
        found, errors = inventory.resources(client, ids_of(archive), known_empty=bare[:2])
        assert (found[bare[0]], errors) == ((), {})
        assert server.counts["resources"] == 4 + 1 + 1


def test_what_vanished_and_what_is_forbidden_are_told_apart(log_in):
    archive = project_of(30)
    archive.add_project("SECRET", members={"somebody"})
    hidden = archive.add_session("SECRET", subject="x").id
    ids = [*ids_of(archive), hidden]
    gone = ids[3]
    archive.delete_experiment(gone)
    with SimulatedXnat(archive) as server:
        client = log_in(server)
        found, errors = inventory.resources(client, [*ids, "NEVER"])
        assert set(found) == set(ids_of(archive))
        assert {one: type(error) for one, error in errors.items()} == {
            gone: NotFound,
            "NEVER": NotFound,
            hidden: AccessDenied,
        }
        assert gone in str(errors[gone])
        assert server.address in str(errors[gone])


def test_nothing_but_what_vanished(log_in):
    archive = project_of(3)
    ids = ids_of(archive)
    with SimulatedXnat(archive) as server:
        client = log_in(server)
        found, _ = inventory.resources(client, ids)
        chosen = chosen_of(found)
        for one in ids:
            archive.delete_experiment(one)
        for answered, errors in (
            inventory.resources(client, ids),
            inventory.files(client, chosen, projects=dict.fromkeys(ids, "ALFA")),
        ):
            assert answered == {}
            assert {one: type(error) for one, error in errors.items()} == dict.fromkeys(
                ids, NotFound
            )


def test_what_vanishes_between_resources_and_files_takes_nothing_along(log_in):
    archive = project_of(40)
    with SimulatedXnat(archive) as server:
        client = log_in(server)
        ids = ids_of(archive)
        found, _ = inventory.resources(client, ids)
        archive.delete_experiment(ids[5])
        archive.delete_resource(ids[6], "FREESURFER6")
        listings, errors = inventory.files(
            client, chosen_of(found), projects=dict.fromkeys(ids, "ALFA")
        )
        assert set(listings) == set(ids) - {ids[5], ids[6]}
        assert isinstance(errors[ids[5]], NotFound)
        assert isinstance(errors[ids[6]], (NotFound, AccessDenied))


def test_one_list_that_always_fails_is_divided_until_one_session_is_left(log_in):
    archive = project_of(25)
    with SimulatedXnat(archive) as server:
        client = log_in(server)
        ids = ids_of(archive)
        ill = ids[17]
        server.misbehave(f"GET */experiments/*{ill}*/resources/*/files*", faults.fail(500))
        found, _ = inventory.resources(client, ids)
        listings, errors = inventory.files(
            client, chosen_of(found), projects=dict.fromkeys(ids, "ALFA")
        )
        assert set(listings) == set(ids) - {ill}
        assert list(errors) == [ill]
        assert "500" in str(errors[ill])


@pytest.mark.parametrize(
    "fault",
    [
        faults.empty(),
        faults.login_page(),
        faults.unauthorised(),
        faults.fail(500),
        faults.bad_gateway_page(504),
        faults.slow_down(retry_after=0),
        faults.cut_body(100),
        faults.shorten(100),
    ],
)
def test_a_fault_on_any_listing_loses_no_session(log_in, fault):
    with SimulatedXnat(project_of(60)) as server:
        client = log_in(server)
        server.misbehave("GET */experiments/*", fault, requests={1, 2, 4})
        found, listings = everything(client)
        assert_true(server, found, listings)


@pytest.mark.parametrize("fault", [faults.forbidden(), faults.missing()])
def test_a_refused_list_is_not_believed_but_a_refused_session_is(log_in, fault):
    with SimulatedXnat(project_of(60)) as server:
        client = log_in(server)
        server.misbehave("GET */experiments/*/resources*", fault, requests={1, 3})
        found, errors = inventory.resources(client, ids_of(server.archive))
        assert len(found) == 59
        (error,) = errors.values()
        assert isinstance(error, (AccessDenied, NotFound))


def test_projects_are_never_mixed_in_a_list(log_in):
    archive = project_of(3)
    archive.add_project("BETA")
    for number in range(3):
        session = archive.add_session("BETA", subject=f"b{number}")
        archive.put_files(session, "FREESURFER6", {"aseg.stats": b"b"})
    archive.share(session, "ALFA")
    with SimulatedXnat(archive) as server:
        client = log_in(server)
        sessions = [
            *inventory.experiments(client, "ALFA", shared=True),
            *inventory.experiments(client, "BETA"),
        ]
        found, _ = inventory.resources(client, [one.id for one in sessions])
        own = {one.id: one.project for one in sessions if not one.shared}
        listings, errors = inventory.files(client, chosen_of(found), projects=own)
        assert len(listings) == 6
        assert not errors
        asked = [r.path.split("/")[3].split(",") for r in server.requests if "/files" in r.path]
        for ids in asked:
            assert len({archive.experiments[one].project for one in ids}) == 1
        # A shared one's project may be told wrongly, so without it the session goes alone.
        before = len(server.requests)
        del own[session.id]
        inventory.files(client, chosen_of(found), projects=own)
        assert len(server.requests) - before == 3


def test_one_catalogue_answering_for_a_list_is_understood(log_in):
    archive = project_of(2)
    first, second = ids_of(archive)
    with SimulatedXnat(archive) as server:
        client = log_in(server)
        found, _ = inventory.resources(client, [first, second])
        archive.delete_resource(second, "FREESURFER6")
        archive.put_files(second, "OTHER", {"x": b"x"})
        listings, errors = inventory.files(
            client, chosen_of(found), projects=dict.fromkeys((first, second), "ALFA")
        )
        (file,) = listings[first]
        assert file.uri.startswith(f"/data/experiments/{first}/resources/")
        assert client.file(file.uri).data == b"# 0"
        assert list(errors) == [second]
