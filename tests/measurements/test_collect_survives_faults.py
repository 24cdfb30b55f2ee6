"""Whatever goes wrong half-way, no session is lost silently and no wrong value is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from measurements.sites import Site, assert_complete, assert_nothing_lost, light_site
from nearline.errors import IncompleteCollection, NearlineError
from nearline.testing.xnat import Archive, Behaviour, faults
from nearline.testing.xnat.accounts import Accounts
from nearline.testing.xnat.freesurfer import with_etiv
from nearline.testing.xnat.records import Experiment

COUNT = 200
FILES, LISTINGS, RESOURCES = "*/files/*aseg.stats", "*/files?*", "*/resources?*"
LATER = range(COUNT // 2, 10**9)
ONE = {COUNT // 2}
AT_ONCE: dict[str, Any] = {"retry_after": 0}

# Name: pattern, fault, its arguments, which requests.
ANSWERS: dict[str, tuple[str, Callable[..., faults.Fault], dict[str, Any], Any]] = {
    "bad gateway": (FILES, faults.bad_gateway_page, {}, LATER),
    "service unavailable": (
        FILES,
        faults.bad_gateway_page,
        {"status": 503, "retry_after": 0},
        LATER,
    ),
    "too many requests": (FILES, faults.bad_gateway_page, {"status": 429, "retry_after": 0}, LATER),
    "internal error": (FILES, faults.fail, {"status": 500}, LATER),
    "one bad gateway": (FILES, faults.bad_gateway_page, {}, ONE),
    "forbidden": (FILES, faults.forbidden, {}, LATER),
    "unauthorised": (FILES, faults.unauthorised, {}, LATER),
    "one unauthorised": (FILES, faults.unauthorised, {}, ONE),
    "login page": (FILES, faults.login_page, {}, LATER),
    "one login page": (FILES, faults.login_page, {}, ONE),
    "missing": (FILES, faults.missing, {}, LATER),
    "empty": (FILES, faults.empty, {}, LATER),
    "cut": (FILES, faults.cut_body, {"after_bytes": 4000}, LATER),
    "one cut": (FILES, faults.cut_body, {"after_bytes": 4000}, ONE),
    "shortened": (FILES, faults.shorten, {"to_bytes": 4000}, LATER),
    "one shortened": (FILES, faults.shorten, {"to_bytes": 4000}, ONE),
    "stalled": (FILES, faults.stall, {}, ONE),
    "slow": (FILES, faults.late, {"seconds": 0.3}, range(100, 120)),
    "dripping": (FILES, faults.drip, {"bytes_per_second": 2_000_000}, LATER),
    "told to slow down": (FILES, faults.slow_down, AT_ONCE, ONE),
    "of another type": (FILES, faults.set_headers, {"Content_Type": "text/html"}, LATER),
    "without a date": (FILES, faults.set_headers, {"Last_Modified": None}, LATER),
    "listing is empty": (LISTINGS, faults.empty, {}, range(4, 10**9)),
    "listing is a login page": (LISTINGS, faults.login_page, {}, range(4, 10**9)),
    "listing is cut": (LISTINGS, faults.cut_body, {"after_bytes": 900}, range(4, 10**9)),
    "listing is shortened": (LISTINGS, faults.shorten, {"to_bytes": 900}, range(4, 10**9)),
    "listing fails": (LISTINGS, faults.fail, {"status": 500}, range(4, 10**9)),
    "listing is forbidden": (LISTINGS, faults.forbidden, {}, range(4, 10**9)),
    "resources are empty": (RESOURCES, faults.empty, {}, range(2, 10**9)),
    "resources fail": (RESOURCES, faults.bad_gateway_page, {}, range(2, 10**9)),
    "resources are too long": (RESOURCES, faults.fail, {"status": 414}, {1, 2}),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_bad_answers_half_way(tmp_path: Path, name: str) -> None:
    pattern, fault, arguments, when = ANSWERS[name]
    with light_site(tmp_path, COUNT) as held:
        script = held.server.misbehave(pattern, fault(**arguments), requests=when)
        first = held.collect()
        assert script.done, "the fault was met"
        assert_nothing_lost(first, held)
        held.server.behave()
        second = held.collect(verify="fast")
        assert_complete(second, held)
        # Nothing that was right is fetched again.
        assert not set(second.report.unchanged) & {path.split("/")[3] for path in held.fetched}


def test_every_fault_is_among_them() -> None:
    used = {fault.__name__ for _, fault, _, _ in ANSWERS.values()}
    # `act` is what the changes below are made with.
    assert used | {"act", "Fault"} == set(faults.__all__)


def overwrite_all(held: Site, **options: Any) -> None:
    for number in range(COUNT):
        held.overwrite(number, 1_500_000.0 + number, **options)


def every_seventh(change: Callable[[Site, Experiment, str], Any]) -> Callable[[Site], Any]:
    """Change some sessions, from the first to almost the last."""

    def changed(held: Site) -> None:
        for number in range(0, COUNT, 7):
            change(held, held.sessions[number], held.path(number))

    return changed


def edit_file(held: Site, one: Experiment, path: str) -> None:
    data = held.archive.file(one, "FREESURFER6", path).data
    assert data is not None
    held.archive.edit_on_disk(one, "FREESURFER6", path, data.replace(b"Left-", b"Loft-"))


def lose_from_catalogue(held: Site, one: Experiment, path: str) -> None:
    held.archive.edit_on_disk(one, "FREESURFER6", path, None)
    held.archive.refresh_catalog(one, "FREESURFER6")


def add_session(held: Site) -> None:
    one = held.archive.add_session("ALFA", subject="ALFA0201", label="ALFA0201_MR1")
    data = held.data(0)
    held.archive.put_file(one, "FREESURFER6", "ALFA0201/stats/aseg.stats", data)
    held.sessions.append(one)


def add_neighbours(held: Site, one: Experiment, path: str) -> None:
    """More files, more resources, the same label once more, an assessor and a scan with files."""
    archive = held.archive
    archive.put_files(one, "FREESURFER6", {"notes.txt": b"none"})
    archive.add_resource(one, "SNAPSHOTS")
    archive.add_scan(one, "1", {"1.dcm": b"none"}, label="FREESURFER6")
    again = archive.add_resource(one, "FREESURFER6")
    data = archive.file(one, "FREESURFER6", path).data
    assert data is not None
    archive.put_file(one, again, path, data)
    assessor = archive.add_assessor(one, label=f"{one.label}_FS")
    archive.put_file(assessor, "FREESURFER6", path, with_etiv(data, 1_900_000.0))


def share_and_back(held: Site, one: Experiment, path: str) -> None:
    del path
    held.archive.projects.get("BETA") or held.archive.add_project("BETA")
    held.archive.share(one, "BETA")
    if one is not held.sessions[0]:
        held.archive.unshare(one, "BETA")


CHANGES: dict[str, tuple[Callable[[Site], Any], str]] = {
    "overwritten": (overwrite_all, "replace_file"),
    "overwritten, digests stale": (lambda held: overwrite_all(held, digest="keep"), ""),
    "overwritten, digests blank": (lambda held: overwrite_all(held, digest="blank"), ""),
    "sessions vanish": (
        every_seventh(lambda held, one, path: held.archive.delete_experiment(one)),
        "delete_experiment",
    ),
    "resources vanish": (
        every_seventh(lambda held, one, path: held.archive.delete_resource(one, "FREESURFER6")),
        "delete_resource",
    ),
    "files are deleted": (
        every_seventh(lambda held, one, path: held.archive.delete_file(one, "FREESURFER6", path)),
        "delete_file",
    ),
    "files vanish from disk": (
        every_seventh(
            lambda held, one, path: held.archive.edit_on_disk(one, "FREESURFER6", path, None)
        ),
        "edit_on_disk",
    ),
    "files vanish from the catalogue": (every_seventh(lose_from_catalogue), "refresh_catalog"),
    "files change on disk": (every_seventh(edit_file), ""),
    "sessions are renamed": (
        every_seventh(lambda held, one, path: held.archive.edit(one, label=f"{one.label}_old")),
        "edit",
    ),
    "a session comes": (add_session, "add_session add_subject put_file"),
    "neighbours come": (
        every_seventh(add_neighbours),
        "add_resource add_assessor add_scan put_files",
    ),
    "sessions are shared": (every_seventh(share_and_back), "add_project share unshare"),
    "sessions end": (lambda held: held.server.accounts.end_sessions(), "end_sessions"),
    "tokens end": (lambda held: held.server.accounts.revoke_tokens(), "revoke_tokens"),
    "right to read is lost": (lambda held: held.archive.revoke("ALFA", "admin"), "revoke grant"),
}
HARMLESS = {
    # They read, keep the time, or are what clients ask for.
    *("experiment", "resource", "resource_by_id", "sessions", "assessors", "can_read", "file"),
    *("tick", "live_sessions", "issue_token", "visit", "sign_in", "sign_out", "cookies"),
}


def test_every_change_is_among_them() -> None:
    there = {
        name
        for kind in (Archive, Accounts)
        for name in dir(kind)  # of its bases, too
        if callable(getattr(kind, name)) and not name.startswith("_")
    }
    assert {name for _, names in CHANGES.values() for name in names.split()} | HARMLESS == there


@pytest.mark.parametrize("name", CHANGES)
def test_the_archive_changes_half_way(tmp_path: Path, name: str) -> None:
    with light_site(tmp_path, COUNT) as held:
        once = threading.Lock()

        def change() -> None:
            if once.acquire(blocking=False):
                CHANGES[name][0](held)

        before = [held.data(number) for number in range(COUNT)]
        there = {one.id for one in held.sessions}
        held.server.misbehave(FILES, faults.act(change), requests={COUNT // 2})
        first = held.collect()
        assert not once.acquire(blocking=False), "the change was made"
        held.server.behave()
        # Values of the first run are those of before or of after, each session's own.
        etivs = first.frame.groupby("ID", observed=True)["eTIV"].first()
        for number, one in enumerate(held.sessions[:COUNT]):
            if one.id in etivs.index:
                assert etivs[one.id] in (1_000_000.0 + number, 1_500_000.0 + number)
        rows = first.sessions.set_index("ID")
        assert set(rows.index) == there
        assert all(rows["why"][rows["status"] != "ok"])
        if name == "right to read is lost":
            with pytest.raises(NearlineError, match="ALFA"):
                held.collect()
            held.archive.grant("ALFA", "admin")
        if name == "files vanish from disk":
            for number in range(0, COUNT, 7):
                held.archive.edit_on_disk(
                    held.sessions[number], "FREESURFER6", held.path(number), before[number]
                )
        second = held.collect(verify="full")
        bad = assert_nothing_lost(second, held)
        assert bad == (set(range(0, COUNT, 7)) if name in LOSSES else set())
        assert second.report.complete


LOSSES = {"resources vanish", "files are deleted", "files vanish from the catalogue"}
"""After these, sessions rightly lack their file."""


BECOMES: dict[str, list[dict[str, Any]]] = {
    "comma_lists": [{"comma_lists": False}],
    "unknown_list": [{"comma_lists": False, "unknown_list": 200}],
    "longest_list": [{"longest_list": 7}],
    "list_refusal": [
        {"longest_list": 7, "list_refusal": status} for status in (400, 413, 431, 502, 504)
    ],
    "missing_experiment": [{"missing_experiment": 404}],
    "longest_target": [{"longest_target": 200}],
    "folder_zip": [{"folder_zip": False}],
    "not_modified": [{"not_modified": False}],
    "digest_column": [{"digest_column": False}],
    "id_key": [{"id_key": "xpath"}],
    "require_login": [{"require_login": False}],
    "session_limit": [{"session_limit": 1}],
    "session_requests": [{"session_requests": 20}],
    "version": [{"version": "1.9.0"}],
}


def test_every_behaviour_is_among_them() -> None:
    assert set(BECOMES) == {field.name for field in fields(Behaviour)}


@pytest.mark.parametrize(
    "change", [one for several in BECOMES.values() for one in several], ids=str
)
def test_the_server_becomes_another_half_way(tmp_path: Path, change: dict[str, Any]) -> None:
    """In the midst of its lists: of resources for what may concern these, else of files."""
    where = RESOURCES if change.keys() & {"comma_lists", "longest_target"} else LISTINGS
    with light_site(tmp_path, COUNT) as held:

        def become() -> None:
            for name, value in change.items():
                setattr(held.server.behaviour, name, value)

        held.server.misbehave(where, faults.act(become), requests={2})
        assert_nothing_lost(held.collect(), held)
        assert_complete(held.collect(), held)


def test_a_server_that_goes_away_half_way(tmp_path: Path) -> None:
    with light_site(tmp_path, COUNT) as held:
        held.server.misbehave(None, faults.fail(503), requests=range(60, 10**9))
        first = held.collect()
        failed = assert_nothing_lost(first, held)
        assert failed
        held.server.behave()
        assert_complete(held.collect(), held)
        assert held.asked["file"] == len(failed)


def test_failures_raise_where_that_is_asked_for_and_the_rest_is_kept(tmp_path: Path) -> None:
    with light_site(tmp_path, 12) as held:
        held.server.misbehave("*ALFA0003*", faults.forbidden("Not for you"))
        with pytest.raises(IncompleteCollection) as caught:
            held.collect(on_error="raise")
        one = held.sessions[2].id
        assert set(caught.value.failed) == {one}
        for name in (held.server.address, "ALFA", one, "aseg.stats", "Not for you"):
            assert name in str(caught.value)
        held.server.behave()
        assert_complete(held.collect(verify="fast"), held)
        assert held.asked["file"] == 1


def test_a_known_session_that_fails_is_not_shown_with_old_numbers(tmp_path: Path) -> None:
    with light_site(tmp_path, 12) as held:
        held.collect()
        held.overwrite(4, 1_900_000.0)
        held.server.misbehave("*ALFA0005*", faults.fail(500))
        assert assert_nothing_lost(held.collect(verify="strict"), held) == {4}
        held.server.behave()
        assert_complete(held.collect(verify="fast"), held)


@pytest.mark.parametrize("where", ["gather", "origin", "table"])
def test_this_suite_notices_a_session_that_is_dropped_on_purpose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """The checks of this file fail when the code loses one session without a word."""
    with light_site(tmp_path, 12) as held:
        lost = held.sessions[7].id
        if where == "gather":
            from nearline.measurements.run import _once_each as whole

            monkeypatch.setattr(
                "nearline.measurements.run._once_each",
                lambda listed, limit: {
                    project: [one for one in several if one.id != lost]
                    for project, several in whole(listed, limit).items()
                },
            )
        elif where == "origin":
            from nearline.measurements.xnat_origin import XnatOrigin

            every = XnatOrigin.experiments
            monkeypatch.setattr(
                XnatOrigin,
                "experiments",
                lambda *given, **more: [one for one in every(*given, **more) if one.id != lost],
            )
        else:
            from nearline.measurements import tabulate

            write = tabulate.write_table
            monkeypatch.setattr(
                tabulate,
                "write_table",
                lambda path, parts, *given, **more: write(
                    path, [part for part in parts if lost != part.ID], *given, **more
                ),
            )
        with pytest.raises(AssertionError):
            assert_complete(held.collect(), held)


def test_progress_reaches_the_end(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    with light_site(tmp_path, 12) as held:
        held.collect(progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (12, 12)
    assert [done for done, _ in told] == list(range(1, 13))
