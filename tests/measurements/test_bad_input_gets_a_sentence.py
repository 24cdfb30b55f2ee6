"""Bad input: a sentence that names server, project, session and file; all other numbers intact."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import nearline as nl
from measurements.sites import (
    assert_complete,
    assert_nothing_lost,
    assert_values_true,
    light_site,
)
from nearline.cli.main import run
from nearline.errors import AccessDenied, NotFound, Unavailable
from nearline.testing.xnat import faults

LOGIN_PAGE = b"<!DOCTYPE html><html><body><input type='password'/></body></html>\n"

FILES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda data: b"", "empty"),
    "cut in a line": (lambda data: data[: len(data) * 2 // 3], "line"),
    "cut in the header": (lambda data: data[:200], ""),
    "cut after a row": (lambda data: data[: data.rindex(b"\n", 0, len(data) - 200) + 1], "NRows"),
    "a web page": (lambda data: LOGIN_PAGE, "page"),
    "binary": (lambda data: bytes(range(256)) * 40, "binary"),
    "compressed": (lambda data: b"\x1f\x8b\x08\0" + data[:500], "binary"),
    "a missing column": (
        lambda data: data.replace(b"# ColHeaders  Index SegId ", b"# ColHeaders  Index "),
        "column",
    ),
    "no names": (lambda data: data.replace(b" StructName ", b" Struct     "), "StructName"),
    "a word for a number": (
        lambda data: re.sub(rb"(?m)^(\s*\d+\s+\d+\s+)\d+", rb"\1many", data, count=1),
        "many",
    ),
    "not a number": (
        lambda data: re.sub(rb"(?m)^(\s*\d+\s+\d+\s+)\d+", rb"\1nan", data, count=1),
        "nan",
    ),
    "another file": (lambda data: b"# a note\nof nothing in particular\n", ""),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("digest", ["fresh", "blank"])
def test_a_bad_file(tmp_path: Path, name: str, digest: str) -> None:
    spoil, says = FILES[name]
    with light_site(tmp_path, 5) as held:
        good, one = held.data(2), held.sessions[2]
        bad = spoil(good)
        assert bad != good
        held.archive.replace_file(one, "FREESURFER6", held.path(2), bad, digest=digest)
        found = held.collect()
        assert assert_nothing_lost(found, held) == {2}
        row = found.sessions.set_index("ID").loc[one.id]
        # Pages and empty answers are never believed; everything else is a file that came.
        assert row["status"] in ("unreadable", "failed", "forbidden")
        assert (found.report.unread | found.report.failed) == {one.id: row["why"]}
        for word in (held.server.address, "ALFA", one.label, one.id, held.path(2), says):
            assert word in row["why"], row["why"]
        assert "Traceback" not in row["why"]
        # The second run says the same, and a file put right is found.
        assert assert_nothing_lost(held.collect(verify="strict"), held) == {2}
        held.archive.put_file(one, "FREESURFER6", held.path(2), good)
        assert_complete(held.collect(verify="strict"), held)


def test_a_version_that_nobody_knows_is_read_and_named(tmp_path: Path) -> None:
    with light_site(tmp_path, 3) as held:
        data = re.sub(rb"# cvs_version .*", b"# cvs_version 9.9.9", held.data(1))
        held.archive.put_file(held.sessions[1], "FREESURFER6", held.path(1), data)
        found = held.collect()
        assert_complete(found, held)
        versions = found.sessions.set_index("ID")["freesurfer_version"]
        assert versions[held.sessions[1].id] == "9.9.9"
        (finding,) = found.quality().itertuples()
        assert (finding.ID, finding.finding) == (held.sessions[1].id, "version differs")


def test_two_servers_with_a_project_of_the_same_name(tmp_path: Path) -> None:
    with light_site(tmp_path, 3) as one, light_site(tmp_path, 4) as other:
        other.overwrite(0, 1_777_777.0)
        for _ in range(2):
            assert_complete(one.collect(), one)
            assert_complete(other.collect(), other)
        one.server.close()
        assert_values_true(one.collect(offline=True), one, range(3))
        assert_complete(other.collect(), other)


def test_what_concerns_all_of_it_names_server_and_project(tmp_path: Path) -> None:
    with light_site(tmp_path, 3) as held:
        held.archive.add_project("HIDDEN")
        held.archive.revoke("HIDDEN", "admin")
        address = held.server.address
        for error, wish, words in (
            (AccessDenied, {"password": "wrong"}, ["admin", address]),
            (NotFound, {"project": "NOPE"}, ["NOPE", address]),
            ((AccessDenied, NotFound), {"project": "HIDDEN"}, ["HIDDEN", address, "admin"]),
            (NotFound, {"resource": "FS9"}, ["FS9", "ALFA", address, "FREESURFER6 (3 sessions)"]),
        ):
            with pytest.raises(error) as caught:  # type: ignore[arg-type]
                held.collect(**wish)
            for word in words:
                assert word in str(caught.value), str(caught.value)
        held.server.close()
        with pytest.raises(Unavailable, match=re.escape(address)):
            held.collect()


def test_a_server_gone_half_way_says_so_and_keeps_the_rest(tmp_path: Path) -> None:
    with light_site(tmp_path, 40) as held:
        held.server.misbehave("*aseg.stats", faults.act(held.server.close), requests={20})
        found = held.collect()
        failed = assert_nothing_lost(found, held)
        assert failed
        assert held.server.address in next(iter(found.report.failed.values()))


def test_the_command_line_says_it_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with light_site(tmp_path, 4) as held, nl.settings(cache_dir=held.folder, retries=0):
        monkeypatch.setenv("XNAT_USER", "admin")
        monkeypatch.setenv("XNAT_PASS", "admin")
        held.archive.put_file(held.sessions[1], "FREESURFER6", held.path(1), b"\0\1\2")
        path = tmp_path / "aseg.csv"
        words = ["collect", "aseg", "--server", held.server.address, "-p", "ALFA", "-o", str(path)]
        monkeypatch.setattr("sys.argv", ["nearline", *words])
        with pytest.raises(SystemExit):
            run()
        told = capsys.readouterr().out
        for word in (held.server.address, "ALFA", held.sessions[1].id, held.path(1)):
            assert word in told, told
        assert set(pd.read_csv(path)["ID"]) == {
            one.id for one in held.sessions if one is not held.sessions[1]
        }
