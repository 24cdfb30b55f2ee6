"""Which sessions, resources and files a collection is about, and what it says of bad wishes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import nearline as nl
from measurements.sites import Site, light_site
from nearline.errors import AccessDenied, InvalidOption, NotFound, Unavailable
from nearline.testing.xnat import freesurfer_session


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Site]:
    with light_site(tmp_path, 5) as made:
        yield made


def put(held: Site, project: str, subject: str, resource: str = "FREESURFER6", **more: Any) -> Any:
    """Add a session with results."""
    if project not in held.archive.projects:
        held.archive.add_project(project)
    one = held.archive.add_session(project, subject=subject)
    files = freesurfer_session(subject, subject=subject, **more)
    held.archive.put_files(one, resource, files)
    return one


def ids(collection: Any) -> list[str]:
    return collection.sessions["ID"].tolist()


def test_shared_sessions_are_taken_on_demand_and_once(held: Site) -> None:
    other = put(held, "BETA", "b1")
    held.archive.share(other, "ALFA", label="shared_b1")
    own = [one.id for one in held.sessions]
    assert ids(held.collect()) == own
    with_shared = held.collect(shared=True)
    assert ids(with_shared) == [*own, other.id]
    assert with_shared.sessions["shared"].tolist() == [False] * 5 + [True]
    assert with_shared.sessions["session"].tolist()[-1] == "shared_b1"
    # Without them, they are neither shown nor forgotten.
    assert set(held.collect().frame["ID"]) == set(own)
    held.collect(shared=True, verify="fast")
    assert held.asked["file"] == 0
    for projects in (["ALFA", "BETA"], ["BETA", "ALFA"]):
        both = held.collect(project=projects, shared=True)
        assert sorted(ids(both)) == sorted([*own, other.id])
        assert both.frame["ID"].nunique() == 6
        assert set(both.frame.query(f"ID == '{other.id}'")["project"]) == {"BETA"}


def test_results_in_assessors(held: Site) -> None:
    one = held.sessions[0]
    assessor = held.archive.add_assessor(one, label="fs")
    held.archive.put_files(assessor, "DATA", freesurfer_session(9, "5.3.0", subject="x"))
    options = {"resource": "DATA", "family": "freesurfer6"}
    with pytest.raises(NotFound, match="any"):
        held.collect(**options)
    found = held.collect(where="assessor", **options)
    states = dict(zip(found.sessions["ID"], found.sessions["status"], strict=True))
    assert states.pop(one.id) == "ok"
    assert set(states.values()) == {"no resource"}
    assert found.sessions["freesurfer_version"][0]
    again = held.collect(where="assessor", verify="fast", **options)
    assert held.asked["file"] == 0
    assert sum(held.asked.values()) <= 2
    assert again.report.unchanged == (one.id,)
    # A change of the assessor is a change of the session.
    held.archive.put_files(assessor, "DATA", freesurfer_session(10, "5.3.0", subject="x"))
    held.archive.edit(assessor)
    assert held.collect(where="assessor", verify="fast", **options).report.changed == (one.id,)


def test_ambiguity_is_decided_by_rule_and_said(held: Site) -> None:
    one = held.sessions[0]
    second = held.archive.add_resource(one, "FREESURFER6")
    held.archive.put_files(one, second, freesurfer_session("second", subject="s"))
    two = held.sessions[1]
    both = freesurfer_session("a", subject="a_long") | freesurfer_session("b", subject="b_long")
    held.archive.put_files(two, "FREESURFER6", both)
    found = held.collect()
    notes = dict(zip(found.sessions["ID"], found.sessions["note"], strict=True))
    assert f"{second.id} is used" in notes[one.id]
    assert "3 folders" in notes[two.id]
    assert set(notes) - {key for key, note in notes.items() if not note} == {one.id, two.id}
    assert len(found.report.notes) == 2
    uri = found.sessions.set_index("ID").loc[one.id, "uri"]
    assert f"/resources/{second.id}/" in uri
    assert found.frame["ID"].nunique() == 5


def test_two_sessions_of_a_subject_are_both_there(held: Site) -> None:
    other = held.archive.add_session("ALFA", subject="ALFA0001", label="ALFA0001_MR2")
    held.archive.put_files(other, "FREESURFER6", freesurfer_session(3, subject="ALFA0001"))
    frame = held.collect().frame
    assert frame.query("subject == 'ALFA0001'")["ID"].nunique() == 2


def test_a_label_in_another_case_is_found(held: Site) -> None:
    one = put(held, "ALFA", "x1", "FreeSurfer6")
    rows = held.collect().sessions.set_index("ID")
    assert rows.loc[one.id, "status"] == "ok"
    assert "FreeSurfer6" in rows.loc[one.id, "note"]


def test_any_label_and_any_version(held: Site) -> None:
    for number, version in enumerate(("5.1.0", "5.3.0", "6.0.0", "7.1.1", "7.4.1")):
        one = put(held, "GAMMA", f"g{number}", "MIXED", version=version)
        assert one
    found = held.collect(project="GAMMA", resource="MIXED")
    assert found.report.statuses == {"ok": 5}
    assert found.frame["eTIV"].notna().all()
    assert "7.4.1" in set(found.sessions["freesurfer_version"])


def test_limits_take_the_first_and_forget_nobody(held: Site) -> None:
    held.collect()
    few = held.collect(max_rows=2)
    assert few.frame["ID"].nunique() == len(ids(few)) == 2
    assert few.report.vanished == few.report.removed == ()
    held.collect(verify="fast")
    assert held.asked["file"] == 0


def test_a_project_without_sessions_is_an_empty_table(held: Site) -> None:
    held.archive.add_project("EMPTY")
    found = held.collect(project="EMPTY")
    assert len(found.frame) == len(found.sessions) == 0
    assert list(found.frame.columns) == list(held.collect().frame.columns)
    assert "EMPTY" in found.report.notes[0]
    assert found.wide().empty
    assert found.quality().empty


def test_wishes_that_cannot_be_met_are_told_in_a_sentence(held: Site) -> None:
    address = held.server.address
    for error, words, wish in (
        (AccessDenied, ["admin", address], {"password": "wrong"}),
        (NotFound, ["NOPE", address], {"project": "NOPE"}),
        (NotFound, ["NOPE", address], {"project": ["ALFA", "NOPE"]}),
        (NotFound, ["FREESURFER9", "FREESURFER6 (5 sessions)", "ALFA", address],
         {"resource": "FREESURFER9"}),
        (InvalidOption, ["asegg", "aseg"], {"measurements": "asegg"}),
        (InvalidOption, ["quick", "normal"], {"verify": "quick"}),
        (InvalidOption, ["nowhere", "assessor"], {"where": "nowhere"}),
        (InvalidOption, ["fs99", "freesurfer6"], {"family": "fs99"}),
        (InvalidOption, ["ignore", "report"], {"on_error": "ignore"}),
        (InvalidOption, ["project"], {"project": []}),
        (InvalidOption, ["measurement"], {"measurements": []}),
        (InvalidOption, ["force", "offline"], {"force": True, "offline": True}),
        (InvalidOption, ["-1"], {"max_rows": -1}),
    ):  # fmt: skip
        with pytest.raises(error) as caught:
            held.collect(**wish)
        for word in words:
            assert word in str(caught.value), str(caught.value)
        assert "wrong" not in str(caught.value)


def test_a_project_that_may_not_be_seen_is_no_empty_one(held: Site) -> None:
    held.archive.revoke("ALFA", "admin")
    with pytest.raises((AccessDenied, NotFound), match="ALFA"):
        held.collect()


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    few = nl.settings(cache_dir=tmp_path, timeout=0.5, retries=1)
    with few, pytest.raises(Unavailable, match=r"127\.0\.0\.1:9"):
        nl.collect("http://127.0.0.1:9", "ALFA", "aseg", user="a", password="b")
