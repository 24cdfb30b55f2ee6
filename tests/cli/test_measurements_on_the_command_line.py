"""``nearline collect``, ``families``, ``xnat probe`` and ``cache`` as typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pandas as pd
import pytest

from measurements.sites import Site, light_site
from nearline.testing.xnat import faults

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Site]:
    with light_site(tmp_path, 4) as made:
        yield made


@pytest.fixture
def command(held: Site, tmp_path: Path) -> Command:
    """Run the command line as its users do, in a process of its own."""

    def type_in(
        *words: object, environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        given = {key: value for key, value in os.environ.items() if "XNAT" not in key}
        given |= {
            "HOME": str(tmp_path),
            "NEARLINE_CACHE_DIR": str(held.folder),
            "NEARLINE_RETRIES": "0",
            "XNAT_HOST": held.server.address,
            "XNAT_USER": "admin",
            "XNAT_PASS": "admin",
            "COLUMNS": "300",
        }
        given = {key: value for key, value in (given | dict(environ or {})).items() if value}
        program = "from nearline.cli.main import run; run()"
        return subprocess.run(
            [sys.executable, "-c", program, *map(str, words)],
            capture_output=True, text=True, env=given, cwd=tmp_path, check=False,
        )  # fmt: skip

    return type_in


def test_collect_writes_a_table_and_a_report(held: Site, command: Command, tmp_path: Path) -> None:
    for suffix, read in (
        (".parquet", pd.read_parquet), (".csv", pd.read_csv), (".xlsx", pd.read_excel)
    ):  # fmt: skip
        path = tmp_path / f"aseg{suffix}"
        done = command(
            "collect", "aseg", "--project", "ALFA", "-o", path, "--report", "report.json"
        )
        assert done.returncode == 0, done.stderr
        assert "4 ok" in done.stdout
        assert f"Wrote {path}" in done.stderr
        assert read(path)["ID"].nunique() == 4
    (report,) = json.loads((tmp_path / "report.json").read_text())
    assert report["statuses"] == {"ok": 4}
    assert len(report["unchanged"]) == 4


def test_several_measurements_go_to_files_of_their_own(
    held: Site, command: Command, tmp_path: Path
) -> None:
    done = command(
        "collect", "aseg", "aparc", "--project", "ALFA", "--verify", "strict", "-o",
        "table.csv", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "table-aseg.csv").exists()
    assert (tmp_path / "table-aparc.csv").exists()
    reports = json.loads(done.stdout)["reports"]
    assert [one["measurement"] for one in reports] == ["aseg", "aparc"]
    assert {one["level"] for one in reports} == {"strict"}


def test_a_run_with_failures_writes_what_it_has_and_says_so_by_its_exit_code(
    held: Site, command: Command, tmp_path: Path
) -> None:
    held.server.misbehave("*ALFA0002*", faults.fail(500))
    done = command("collect", "aseg", "-p", "ALFA", "-o", "aseg.csv")
    assert done.returncode == 1
    assert held.sessions[1].id in done.stdout
    assert pd.read_csv(tmp_path / "aseg.csv")["ID"].nunique() == 3
    held.server.behave()
    assert command("collect", "aseg", "-p", "ALFA", "-o", "aseg.csv").returncode == 0
    assert pd.read_csv(tmp_path / "aseg.csv")["ID"].nunique() == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["collect", "asegg", "-p", "ALFA"], "asegg"),
        (["collect", "aseg", "-p", "NOPE"], "NOPE"),
        (["collect", "aseg", "-p", "ALFA", "-o", "aseg.docx"], "aseg.docx"),
        (["cache", "purge"], "--project"),
    ],
)
def test_mistakes_end_in_one_sentence(command: Command, words: list[str], said: str) -> None:
    done = command(*words)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_server_may_be_that_of_xnat_cfg(held: Site, command: Command, tmp_path: Path) -> None:
    without = {"XNAT_HOST": "", "XNAT_USER": "", "XNAT_PASS": ""}
    done = command("collect", "aseg", "-p", "ALFA", environ=without)
    assert done.returncode == 1
    assert "--server" in done.stderr
    login = {"server": held.server.address, "user": "admin", "password": "admin"}
    (tmp_path / ".xnat.cfg").write_text(json.dumps(login))
    done = command("collect", "aseg", "-p", "ALFA", environ=without)
    assert done.returncode == 0, done.stderr
    assert "4 ok" in done.stdout


def test_projects_are_collected_together(held: Site, command: Command, tmp_path: Path) -> None:
    held.archive.add_project("BETA")
    one = held.archive.add_session("BETA", subject="b1")
    held.archive.put_files(one, "FREESURFER6", {"b1/stats/aseg.stats": held.data(0)})
    words = ["collect", "aseg", "aparc", "--project", "ALFA", "--project", "BETA"]
    done = command(*words, "--verify", "strict", "--report", "report.json", "-o", "all.parquet")
    assert done.returncode == 0, done.stderr
    aseg, aparc = json.loads((tmp_path / "report.json").read_text())
    assert (aseg["projects"], aseg["statuses"]) == (["ALFA", "BETA"], {"ok": 5})
    assert aparc["statuses"] == {"file missing": 5}
    assert set(pd.read_parquet(tmp_path / "all-aseg.parquet")["project"]) == {"ALFA", "BETA"}


def test_families_lists_what_can_be_collected(command: Command) -> None:
    told = json.loads(command("families", "--json").stdout)["families"]
    names = {one["family"]: one for one in told}
    assert names["freesurfer6"]["resources"] == ["FREESURFER6"]
    assert "aseg" in names["freesurfer6"]["measurements"]
    assert "FREESURFER7" in command("families").stdout


def test_probe_tells_what_the_server_can(held: Site, command: Command) -> None:
    told = json.loads(command("xnat", "probe", held.server.address, "--json").stdout)
    assert told["not_modified"] is True
    assert told["resource_lists"] is True
    held.server.behaviour.not_modified = False
    text = command("xnat", "probe", held.server.address, "-p", "ALFA").stdout
    assert "304 for unmodified files" in text
    assert "no" in text


def test_the_cache_commands_know_measurements(held: Site, command: Command) -> None:
    command("collect", "aseg", "-p", "ALFA")
    told = json.loads(command("cache", "info", "--json").stdout)["measurements"]
    (scope,) = told["holdings"]
    assert (scope["project"], scope["sessions"], scope["files"]) == ("ALFA", 4, 4)
    assert "4 sessions" in command("cache", "info").stdout
    assert "Checked 4 files of measurements" in command("cache", "verify").stdout
    assert "of 1 sessions" in command("cache", "purge", "--subject", "ALFA0003").stdout
    assert "of 3 sessions" in command("cache", "purge", "--project", "ALFA").stdout
    assert json.loads(command("cache", "info", "--json").stdout)["measurements"]["holdings"] == []
    command("collect", "aseg", "-p", "ALFA")
    assert "measurements of 4 sessions" in command("cache", "clear").stdout
