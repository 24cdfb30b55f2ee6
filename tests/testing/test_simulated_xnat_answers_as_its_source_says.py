from __future__ import annotations

import csv
import hashlib
import io
import zipfile

import pytest

from nearline.testing.xnat import Behaviour, SimulatedXnat
from xnat_sites import client, rows, small_archive

FILES = "/data/experiments/{}/resources/FREESURFER6/files"


@pytest.fixture
def server():
    with SimulatedXnat(small_archive()) as server:
        yield server


@pytest.fixture
def get(server):
    return client(server)


def ids(answer):
    return [row["ID"] for row in rows(answer)]


# --- tables of experiments ----------------------------------------------------------


def test_known_columns_come_under_their_names_and_unknown_ones_are_dropped(get):
    found = rows(
        get("/data/projects/ALFA/experiments?columns=ID,label,last_modified,bogus&limit=*")
    )
    assert set(found[0]) == {
        "xnat:subjectassessordata/id",
        "ID",
        "label",
        "last_modified",
        "xsiType",
        "project",
        "URI",
    }
    assert found[0]["URI"] == "/data/experiments/XNAT_E00001"


def test_columns_given_as_paths_come_under_their_short_names(get):
    path = "xnat:mrSessionData/label,xnat:experimentData/meta/last_modified"
    (found, *_) = rows(get(f"/data/projects/ALFA/experiments?columns={path}"))
    assert found["label"] == "0001_MR1"
    assert found["last_modified"].startswith("2024-02-02 09:30:")


def test_projects_list_shared_experiments_as_they_are_called_there(get):
    (found,) = rows(get("/data/projects/BETA/experiments?columns=ID,label,project,subject_label"))
    assert (found["ID"], found["label"], found["project"]) == ("XNAT_E00001", "renamed", "BETA")


def test_the_list_of_all_goes_by_primary_project(get):
    assert len(ids(get("/data/experiments?project=ALFA&columns=ID,subject_ID"))) == 4
    assert ids(get("/data/experiments?project=BETA&columns=ID,subject_ID")) == []


def test_lists_of_sessions_leave_out_assessors_and_lists_of_a_type_the_rest(get):
    assert len(ids(get("/data/experiments"))) == 9
    found = rows(get("/data/experiments?xsiType=fs:fsData&columns=ID,session_ID"))
    assert [row["session_ID"] for row in found] == [f"XNAT_E0000{n}" for n in (1, 3, 5, 7)]
    assert ids(get("/data/projects/GAMMA/experiments?xsiType=xnat:mrSessionData")) == []


def test_rows_are_filtered_by_columns(get):
    assert ids(get("/data/projects/ALFA/experiments?label=0002_MR1")) == ["XNAT_E00003"]
    assert ids(get("/data/projects/ALFA/experiments?label=%250003%25")) == ["XNAT_E00005"]


def test_pages_have_no_total(get):
    page = get("/data/projects/ALFA/experiments?limit=2&offset=1").json()["ResultSet"]
    assert [row["ID"] for row in page["Result"]] == ["XNAT_E00003", "XNAT_E00005"]
    assert "totalRecords" not in page
    assert get("/data/projects/ALFA/experiments?limit=*").json()["ResultSet"]["totalRecords"] == "4"


def test_an_empty_table_has_no_columns(get):
    assert get("/data/experiments?project=NOPE&format=csv").text == "\n"


def test_csv_and_json_say_the_same(get):
    path = "/data/experiments/XNAT_E00001/resources?format="
    assert list(csv.DictReader(io.StringIO(get(path + "csv").text))) == rows(get(path + "json"))


@pytest.mark.parametrize(
    ("key", "names"),
    [
        ("both", {"ID", "xnat:subjectassessordata/id"}),
        ("ID", {"ID"}),
        ("xpath", {"xnat:subjectassessordata/id"}),
    ],
)
def test_servers_differ_in_what_they_call_the_id(key, names):
    with SimulatedXnat(small_archive(), behaviour=Behaviour(id_key=key)) as server:
        (found, *_) = rows(client(server)("/data/projects/ALFA/experiments?columns=ID,label"))
    assert {name for name in found if found[name] == "XNAT_E00001"} == names


# --- resources ------------------------------------------------------------------------


def test_one_request_lists_resources_of_many_and_skips_the_unknown_silently(get):
    found = rows(get("/data/experiments/XNAT_E00001,NOPE,XNAT_E00003,XNAT_E00003/resources"))
    assert [(row["cat_id"], row["label"]) for row in found] == [
        ("XNAT_E00001", "FREESURFER6"),
        ("XNAT_E00001", "ASHS"),
        ("XNAT_E00003", "FREESURFER6"),
        ("XNAT_E00003", "ASHS"),
    ]
    assert {type(value) for row in found for value in row.values()} == {str}


def test_the_first_id_decides_between_sessions_and_assessors(get):
    sessions = rows(get("/data/experiments/XNAT_E00001,XNAT_E00002/resources"))
    assert {row["cat_id"] for row in sessions} == {"XNAT_E00001"}
    assessors = rows(get("/data/experiments/XNAT_E00002,XNAT_E00001/resources"))
    assert [(r["cat_id"], r["category"]) for r in assessors] == [("XNAT_E00002", "assessors")]


def test_with_all_assessors_come_too_and_sessions_are_not_named(get):
    found = rows(get("/data/experiments/XNAT_E00001/resources?all=true"))
    assert [(row["label"], row["cat_id"]) for row in found] == [
        ("FREESURFER6", ""),
        ("ASHS", ""),
        ("DATA", "XNAT_E00002"),
    ]


def test_an_experiment_that_nobody_has_is_an_empty_200_and_its_files_a_500(server, get):
    answer = get("/data/experiments/NOPE/resources?format=json")
    assert (answer.status_code, answer.content) == (200, b"")
    assert get(FILES.format("NOPE")).status_code == 500
    assert get("/data/experiments/NOPE").status_code == 404
    server.behaviour.missing_experiment = 404
    assert get("/data/experiments/NOPE/resources").status_code == 404
    assert get(FILES.format("NOPE")).status_code == 404


# --- listings of files -------------------------------------------------------------------


def test_uris_of_one_catalogue_begin_with_data_and_of_several_do_not(server, get):
    one = rows(get(FILES.format("XNAT_E00001")))
    several = rows(get(FILES.format("XNAT_E00001,XNAT_E00003")))
    assert one[0]["URI"].startswith("/data/experiments/XNAT_E00001/resources/101/files/0001/")
    assert several[0]["URI"].startswith("/experiments/XNAT_E00001/resources/101/files/0001/")
    assert len(several) == 2 * len(one)
    for row in one + several:
        assert get("/data" + row["URI"].removeprefix("/data")).status_code == 200


def test_the_uri_of_the_only_catalogue_of_several_experiments_has_all_their_ids(get):
    found = rows(get(FILES.format("XNAT_E00001,XNAT_E00007")))
    base = "/data/experiments/XNAT_E00001,XNAT_E00007/resources/101/files/"
    assert found[0]["URI"].startswith(base)
    assert get(found[0]["URI"]).status_code == 200


def test_files_of_assessors_are_found_both_ways(get):
    one = rows(get("/data/experiments/XNAT_E00002/resources/DATA/files"))
    two = rows(get("/data/experiments/XNAT_E00002,XNAT_E00004/resources/DATA/files"))
    assert one[0]["URI"].startswith("/data/experiments/XNAT_E00002/resources/")
    base = "/experiments/XNAT_E00001/assessors/XNAT_E00002/out/resources/"
    assert two[0]["URI"].startswith(base)
    first, second = get(one[0]["URI"]), get("/data" + two[0]["URI"])
    assert first.content == second.content != b""
    assert [r["ID"] for r in rows(get("/data/experiments/XNAT_E00001/assessors"))] == [
        "XNAT_E00002"
    ]


def test_listings_tell_digests_unless_the_server_is_old(server, get):
    for row in rows(get(FILES.format("XNAT_E00001"))):
        data = get(row["URI"]).content
        assert row["digest"] == hashlib.md5(data).hexdigest()
        assert int(row["Size"]) == len(data)
    server.behaviour.digest_column = False
    assert "digest" not in rows(get(FILES.format("XNAT_E00001")))[0]


def test_a_label_that_an_experiment_has_twice_lists_both(server, get):
    second = server.archive.add_resource("XNAT_E00001", "FREESURFER6")
    server.archive.put_file("XNAT_E00001", second, "other.txt", b"x")
    found = rows(get(FILES.format("XNAT_E00001")))
    assert {row["cat_ID"] for row in found} == {"101", str(second.id)}
    # By its label only the first is read; by the id in the listing both are.
    assert get(FILES.format("XNAT_E00001") + "/other.txt").status_code == 404
    assert get("/data" + found[-1]["URI"]).content == b"x"


def test_ids_of_resources_are_refused_together(server, get):
    server.accounts.users["eve"] = "eve"
    server.archive.revoke("ALFA", "eve")
    public = server.archive.resource("XNAT_E00009", "FREESURFER6").id
    private = server.archive.resource("XNAT_E00003", "FREESURFER6").id
    path = f"/data/experiments/XNAT_E00009/resources/{public},{private}/files"
    assert get(path).status_code == 200
    refused = client(server, "eve", "eve")(path)
    assert refused.status_code == 403
    assert f"denied access to 1 of them: {private}" in refused.text


# --- files ---------------------------------------------------------------------------------

ASEG = FILES.format("XNAT_E00001") + "/0001/stats/aseg.stats"


def test_files_have_a_date_but_no_tag_and_ranges_are_announced_but_not_served(server, get):
    data = server.archive.file("XNAT_E00001", "FREESURFER6", "0001/stats/aseg.stats").data
    answer = get(ASEG, headers={"Range": "bytes=0-9"})
    assert (answer.status_code, answer.content) == (200, data)
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert "ETag" not in answer.headers
    head = get(ASEG, "HEAD")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(data))
    assert head.headers["Last-Modified"] == answer.headers["Last-Modified"]


def test_conditions_are_honoured_by_the_second_or_not_at_all(server, get):
    since = {"If-Modified-Since": get(ASEG).headers["Last-Modified"]}
    assert get(ASEG, headers=since).status_code == 304
    file = server.archive.file("XNAT_E00001", "FREESURFER6", "0001/stats/aseg.stats")
    same = file.modified.replace(microsecond=999_000)
    server.archive.put_file(
        "XNAT_E00001", "FREESURFER6", "0001/stats/aseg.stats", b"new", modified=same
    )
    assert get(ASEG, headers=since).status_code == 304
    server.archive.replace_file("XNAT_E00001", "FREESURFER6", "0001/stats/aseg.stats", b"newer")
    assert get(ASEG, headers=since).content == b"newer"
    server.behaviour.not_modified = False
    since = {"If-Modified-Since": get(ASEG).headers["Last-Modified"]}
    assert get(ASEG, headers=since).status_code == 200


def test_what_is_not_in_the_catalogue_or_not_on_disk_is_404(server, get):
    answer = get(FILES.format("XNAT_E00001") + "/none")
    assert (answer.status_code, "Unable to find catalog entry" in answer.text) == (404, True)
    server.archive.edit_on_disk("XNAT_E00001", "FREESURFER6", "0001/stats/aseg.stats", None)
    answer = get(ASEG)
    assert (answer.status_code, "Unable to find file." in answer.text) == (404, True)
    assert get(ASEG + "?accept-not-found=true").status_code == 204
    assert any(r["Name"] == "aseg.stats" for r in rows(get(FILES.format("XNAT_E00001"))))
    # No such label: nothing to list, nothing to read.
    assert rows(get("/data/experiments/XNAT_E00001/resources/NONE/files")) == []
    assert get("/data/experiments/XNAT_E00001/resources/NONE/files/x").status_code == 404


def test_paths_with_spaces_are_found_decoded(server, get):
    server.archive.put_file("XNAT_E00001", "ASHS", "a b/c.txt", b"spaced")
    path = "/data/experiments/XNAT_E00001/resources/ASHS/files/"
    assert get(path + "a%20b/c.txt").content == b"spaced"
    assert "/a b/c.txt" in rows(get(path))[-1]["URI"]


def names(answer):
    assert answer.headers["Content-Type"] == "application/zip"
    return zipfile.ZipFile(io.BytesIO(answer.content)).namelist()


def test_a_resource_and_a_folder_of_it_come_as_zip(server, get):
    held = list(server.archive.resource("XNAT_E00001", "FREESURFER6").files)
    whole = names(get(FILES.format("XNAT_E00001") + "?format=zip"))
    assert whole == [f"0001_MR1/resources/FREESURFER6/files/{path}" for path in held]
    folder = FILES.format("XNAT_E00001") + "/0001/stats/?format=zip"
    assert names(get(folder)) == [path for path in held if path.startswith("0001/stats/")]
    server.behaviour.folder_zip = False
    assert get(folder).status_code == 404


def test_a_folder_as_zip_comes_from_the_first_catalogue_only(get):
    answer = get(FILES.format("XNAT_E00003,XNAT_E00001") + "/0002/stats/?format=zip")
    assert {name[:4] for name in names(answer)} == {"0002"}
    answer = get(FILES.format("XNAT_E00003,XNAT_E00001") + "/0001/stats/?format=zip")
    assert answer.status_code == 404


def test_a_folder_of_one_file_loses_its_path(server, get):
    server.archive.put_file("XNAT_E00001", "ASHS", "alone/x.txt", b"x")
    path = "/data/experiments/XNAT_E00001/resources/ASHS/files/alone/?format=zip"
    assert names(get(path)) == ["x.txt"]


# --- lists that are refused -----------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 413, 414, 431, 502, 504])
def test_lists_of_too_many_ids_are_refused(server, get, status):
    server.behaviour.longest_list, server.behaviour.list_refusal = 2, status
    assert (
        get("/data/experiments/XNAT_E00001,XNAT_E00003,XNAT_E00005/resources").status_code == status
    )
    assert len(rows(get("/data/experiments/XNAT_E00001,XNAT_E00003/resources"))) == 4


def test_servers_without_lists_take_one_for_an_unknown_id(server, get):
    server.behaviour.comma_lists = False
    assert get("/data/experiments/XNAT_E00001,XNAT_E00003/resources").status_code == 404
    assert len(rows(get("/data/experiments/XNAT_E00001/resources"))) == 2
    server.behaviour.unknown_list = 200
    assert get("/data/experiments/XNAT_E00001,XNAT_E00003/resources").content == b""


def test_targets_that_are_too_long_are_refused(server, get):
    assert get("/data/experiments/" + "X" * 8000 + "/resources").status_code == 414
    assert server.counts["refused"] == 1


# --- permissions ---------------------------------------------------------------------------


def test_who_may_not_read_is_told_so_or_nothing(server, get):
    server.accounts.users["eve"] = "eve"
    server.archive.revoke("ALFA", "eve")
    eve = client(server, "eve", "eve")
    assert eve("/data/projects/ALFA/experiments").status_code == 403
    assert eve("/data/projects/NOPE/experiments").status_code == 404
    # What BETA shares is read all the same.
    assert ids(eve("/data/experiments?project=ALFA&columns=ID,subject_ID")) == ["XNAT_E00001"]
    assert [row["ID"] for row in rows(eve("/data/projects"))] == ["BETA", "GAMMA"]
    assert len(rows(eve("/data/experiments/XNAT_E00001,XNAT_E00003/resources"))) == 2
    assert eve("/data/experiments/XNAT_E00003/resources").content == b""
    assert eve("/data/experiments/XNAT_E00003").status_code == 403
    path = "/data/projects/ALFA/subjects/XNAT_S00002/experiments/XNAT_E00003/resources"
    assert eve(path).status_code == 404
    server.archive.grant("ALFA", "eve")
    assert len(rows(eve("/data/projects/ALFA/experiments"))) == 4


def test_only_members_read_a_project_that_has_some(server):
    server.archive.add_project("DELTA", members={"amy"})
    server.accounts.users.update(amy="a", bob="b")
    assert client(server, "amy", "a")("/data/projects/DELTA/experiments").status_code == 200
    assert client(server, "bob", "b")("/data/projects/DELTA/experiments").status_code == 403
