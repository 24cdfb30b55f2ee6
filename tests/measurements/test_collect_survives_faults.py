"""Whatever goes wrong half-way, no session is lost silently and no wrong value is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from measurements.sites import Site, assert_complete, assert_nothing_lost, light_site
from nearline.errors import IncompleteCollection, NearlineError
from nearline.testing.xnat import faults

COUNT = 200
FILES, LISTINGS, RESOURCES = "*/files/*aseg.stats", "*/files?*", "*/resources?*"
LATER = range(COUNT // 2, 10**9)
ONE = {COUNT // 2}

# Name: pattern, faults, which requests, and whether a retry may hide it altogether.
ANSWERS: dict[str, tuple[str, list[faults.Fault], Any]] = {
    "bad gateway": (FILES, [faults.bad_gateway_page()], LATER),
    "service unavailable": (FILES, [faults.bad_gateway_page(503, retry_after=0)], LATER),
    "too many requests": (FILES, [faults.bad_gateway_page(429, retry_after=0)], LATER),
    "internal error": (FILES, [faults.fail(500)], LATER),
    "one bad gateway": (FILES, [faults.bad_gateway_page()], ONE),
    "forbidden": (FILES, [faults.forbidden()], LATER),
    "unauthorised": (FILES, [faults.unauthorised()], LATER),
    "one unauthorised": (FILES, [faults.unauthorised()], ONE),
    "login page": (FILES, [faults.login_page()], LATER),
    "one login page": (FILES, [faults.login_page()], ONE),
    "missing": (FILES, [faults.missing()], LATER),
    "empty": (FILES, [faults.empty()], LATER),
    "cut": (FILES, [faults.cut_body(4000)], LATER),
    "one cut": (FILES, [faults.cut_body(4000)], ONE),
    "shortened": (FILES, [faults.shorten(4000)], LATER),
    "one shortened": (FILES, [faults.shorten(4000)], ONE),
    "stalled": (FILES, [faults.stall()], ONE),
    "slow": (FILES, [faults.late(0.3)], range(100, 120)),
    "listing is empty": (LISTINGS, [faults.empty()], range(4, 10**9)),
    "listing is a login page": (LISTINGS, [faults.login_page()], range(4, 10**9)),
    "listing is cut": (LISTINGS, [faults.cut_body(900)], range(4, 10**9)),
    "listing is shortened": (LISTINGS, [faults.shorten(900)], range(4, 10**9)),
    "listing fails": (LISTINGS, [faults.fail(500)], range(4, 10**9)),
    "listing is forbidden": (LISTINGS, [faults.forbidden()], range(4, 10**9)),
    "resources are empty": (RESOURCES, [faults.empty()], range(2, 10**9)),
    "resources fail": (RESOURCES, [faults.bad_gateway_page()], range(2, 10**9)),
    "resources are too long": (RESOURCES, [faults.fail(414)], {1, 2}),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_bad_answers_half_way(tmp_path: Path, name: str) -> None:
    pattern, wrong, when = ANSWERS[name]
    with light_site(tmp_path, COUNT) as held:
        script = held.server.misbehave(pattern, *wrong, requests=when)
        first = held.collect()
        assert script.done, "the fault was met"
        assert_nothing_lost(first, held)
        held.server.behave()
        second = held.collect(verify="fast")
        assert_complete(second, held)
        # Nothing that was right is fetched again.
        assert not set(second.report.unchanged) & {path.split("/")[3] for path in held.fetched}


def overwrite_all(held: Site, **options: Any) -> None:
    for number in range(COUNT):
        held.overwrite(number, 1_500_000.0 + number, **options)


def delete_some(held: Site) -> None:
    for number in range(0, COUNT, 7):
        held.archive.delete_experiment(held.sessions[number])


def lose_files(held: Site) -> None:
    for number in range(0, COUNT, 7):
        held.archive.edit_on_disk(held.sessions[number], "FREESURFER6", held.path(number), None)


def edit_files(held: Site) -> None:
    for number in range(0, COUNT, 7):
        data = held.data(number).replace(b"Left-", b"Loft-")
        held.archive.edit_on_disk(held.sessions[number], "FREESURFER6", held.path(number), data)


CHANGES: dict[str, Callable[[Site], Any]] = {
    "overwritten": overwrite_all,
    "overwritten, digests stale": lambda held: overwrite_all(held, digest="keep"),
    "overwritten, digests blank": lambda held: overwrite_all(held, digest="blank"),
    "sessions vanish": delete_some,
    "files vanish from disk": lose_files,
    "files change on disk": edit_files,
    "sessions end": lambda held: held.server.accounts.end_sessions(),
    "right to read is lost": lambda held: held.archive.revoke("ALFA", "admin"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_archive_changes_half_way(tmp_path: Path, name: str) -> None:
    with light_site(tmp_path, COUNT) as held:
        once = threading.Lock()

        def change() -> None:
            if once.acquire(blocking=False):
                CHANGES[name](held)

        before = [held.data(number) for number in range(COUNT)]
        held.server.misbehave(FILES, faults.act(change), requests={COUNT // 2})
        first = held.collect()
        held.server.behave()
        # Values of the first run are those of before or of after, each session's own.
        etivs = first.frame.groupby("ID", observed=True)["eTIV"].first()
        for number, one in enumerate(held.sessions):
            if one.id in etivs.index:
                assert etivs[one.id] in (1_000_000.0 + number, 1_500_000.0 + number)
        rows = first.sessions.set_index("ID")
        assert set(rows.index) == {one.id for one in held.sessions}
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
        assert_nothing_lost(second, held)
        assert second.report.complete


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
