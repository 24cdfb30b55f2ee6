"""How often a server is asked, counted there."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from pathlib import Path

import pytest

import nearline as nl
from measurements.sites import LOGIN, Site, assert_complete, site

COUNT = 130


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path, COUNT, listing=60) as made:
        yield made


def test_a_cold_run_stays_below_its_bound_and_a_second_one_far_below(held: Site) -> None:
    cold = held.collect()
    assert_complete(cold, held)
    assert sum(held.asked.values()) <= held.bound()
    assert held.asked["file"] == COUNT
    assert cold.report.requests == len(held.log)
    assert cold.report.bytes == sum(one.sent for one in held.log if one.kind not in LOGIN)
    few = 3 + ceil(COUNT / 100) + ceil(COUNT / 25)
    for level, at_most in (("fast", 2), ("normal", 3 + ceil(COUNT / 100)), ("strict", few)):
        again = held.collect(verify=level)
        assert_complete(again, held)
        assert sum(held.asked.values()) <= at_most, (level, held.asked)
        assert held.fetched == []
        assert again.report.unchanged == cold.report.added
    voucher = {"fast": "last_modified", "normal": "resources", "strict": "digest"}
    for level, means in voucher.items():
        assert held.collect(verify=level).report.vouched == {means: COUNT}
    for extra in (2, 0):  # once, whether conditional requests are answered is found out
        full = held.collect(verify="full")
        assert sum(held.asked.values()) <= held.bound() + extra
        assert full.report.vouched == {"not modified": COUNT}
        assert_complete(full, held)


def test_at_most_eight_requests_run_at_once(tmp_path: Path) -> None:
    with site(tmp_path, 60, latency_s=0.01) as held:
        assert_complete(held.collect(), held)
        assert 6 <= max(one.concurrent for one in held.log) <= 8


def test_one_login_serves_a_run_and_is_closed(held: Site) -> None:
    held.collect()
    assert held.server.accounts.live_sessions() == 0
    assert held.server.accounts.logins == {"admin": 1}


def test_only_what_changed_is_fetched(held: Site) -> None:
    held.collect()
    changed = range(3, 130, 13)
    for number in changed:
        held.overwrite(number, 1234567.0 + number)
        held.touch(number)
    held.touch(1)  # its files are what they were
    for level in ("fast", "normal", "strict"):
        again = held.collect(verify=level)
        assert_complete(again, held)
        expected = [held.path(number) for number in changed] if level == "fast" else []
        assert [path.partition("/files/")[2] for path in held.fetched] == expected
    assert len(again.report.changed) == 0


@pytest.mark.parametrize(
    ("digest", "found_by"), [("fresh", "strict"), ("blank", "strict"), ("keep", "full")]
)
def test_overwrites_that_leave_no_trace_are_found_at_the_level_that_promises_it(
    tmp_path: Path, digest: str, found_by: str
) -> None:
    with site(tmp_path, 12) as held:
        held.collect()
        held.overwrite(5, 1111111.0, digest=digest)
        levels = ["fast", "normal", "strict", "full"]
        for level in levels:
            found = held.collect(verify=level)
            etiv = found.frame.groupby("ID", observed=True)["eTIV"].first()
            is_found = etiv[held.sessions[5].id] == 1111111.0
            assert is_found == (levels.index(level) >= levels.index(found_by)), level
            note = found.sessions.set_index("ID").loc[held.sessions[5].id, "note"]
            assert note == (
                "" if digest != "keep" or not is_found else f"digest stale: {held.path(5)}"
            )
        assert_complete(found, held)


def test_measurements_that_share_files_share_downloads(tmp_path: Path) -> None:
    with site(tmp_path, 10) as held:
        aseg, aparc = held.collect(["aseg", "aparc"])
        assert sum(held.asked.values()) <= held.bound(3)
        assert held.asked["file"] == 30
        assert aseg.report.requests == aparc.report.requests == len(held.log)
        held.collect(["aparc", "hippoSfVolumes", "aseg"], verify="fast")
        assert held.asked["file"] == 20
        assert held.asked["files"] == 0
        with nl.settings(cache_dir=held.folder):
            nl.cache_freesurfer6(
                held.server.address.replace("://", "://admin:admin@"), "ALFA", verify="fast"
            )
        assert held.asked["file"] == 20


def test_a_new_parser_needs_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nearline.measurements import reading

    with site(tmp_path, 5) as held:
        held.collect()
        before = reading.parser_of
        for module in ("reading", "gather", "tabulate"):
            name = f"nearline.measurements.{module}.parser_of"
            monkeypatch.setattr(name, lambda measurement: before(measurement) + "+1")
        again = held.collect(verify="fast")
        assert sum(held.asked.values()) <= 2
        assert_complete(again, held)
        assert len(again.report.changed) == 5
