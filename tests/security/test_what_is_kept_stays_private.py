"""What is kept is the user's alone, lies where it should, and is gone when it is purged."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nearline as nl
from nearline.fetch.keeper import keeper
from nearline.testing import RangeServer
from nearline.testing.xnat import Archive, SimulatedXnat, freesurfer_session
from slides import Recipe, write_slide
from xnat_sites import small_archive

RUN = "from nearline.cli.main import run; run()"

HOSTILE = ["/../../../evil.dcm", "/a/..", "/a/.", "/..%2F..%2Fevil.dcm", "/C:%5Cevil.dcm", "//x"]
"""Paths of objects, each of which would leave a folder if it were taken for a file's name."""


def files_below(folder: Path) -> list[Path]:
    return sorted(one for one in folder.rglob("*") if one.is_file())


def nearline(*words: str, folder: Path) -> None:
    """Run ``nearline cache``."""
    command = [sys.executable, "-c", RUN, "cache", *words, "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def open_to_all() -> Any:
    """A user whose files are everybody's unless a program says otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("slide") / "slide.dcm"
    write_slide(path, Recipe(rows=256, columns=320, tile_rows=64, tile_columns=64))
    return path.read_bytes()


def test_nobody_else_may_read_what_is_kept(slide: bytes, tmp_path: Path, open_to_all: None) -> None:
    folder = tmp_path / "cache"
    with (
        RangeServer({"/a.dcm": slide}) as server,
        SimulatedXnat(small_archive()) as xnat,
        nl.settings(cache_dir=folder),
    ):
        nl.imread(server.url("/a.dcm")).get_total_pixel_matrix()
        nl.collect(xnat.address, "ALFA", "aseg", user="admin", password="admin")
        keeper().drain()
    found = [folder, *folder.rglob("*")]
    assert len([one for one in found if one.is_file()]) > 5
    exposed = [one for one in found if stat.S_IMODE(one.stat().st_mode) & 0o077]
    assert [one.name for one in exposed if one.name != "CACHEDIR.TAG"] == []


@pytest.mark.parametrize("path", HOSTILE)
def test_no_name_from_a_server_leaves_the_folder(slide: bytes, tmp_path: Path, path: str) -> None:
    folder, out = tmp_path / "deep" / "er" / "cache", tmp_path / "deep" / "er" / "out"
    out.mkdir(parents=True)
    with RangeServer({path: slide}) as server, nl.settings(cache_dir=folder):
        url = server.url(path)
        with nl.open(url) as file:
            assert file.read() == slide
        keeper().drain()
        nearline("export", url, str(out), folder=folder)
    (exported,) = files_below(out)
    assert exported.read_bytes() == slide
    inside = {*files_below(folder), exported}
    assert set(files_below(tmp_path)) == inside
    assert "evil" not in "".join(str(one.relative_to(folder)) for one in files_below(folder))


def test_no_name_in_an_archive_leaves_the_folder(tmp_path: Path) -> None:
    archive = Archive()
    archive.add_project("ALFA")
    evil = "../../../evil"
    session = archive.add_session("ALFA", subject=evil, label=f"{evil}_MR1")
    files = freesurfer_session(1, subject="s")
    hostile = {f"{evil}/{name}": data for name, data in files.items()}
    archive.put_files(session, "FREESURFER6", files | hostile)
    folder, out = tmp_path / "deep" / "er" / "cache", tmp_path / "deep" / "er" / "out"
    out.mkdir(parents=True)
    with SimulatedXnat(archive) as xnat, nl.settings(cache_dir=folder):
        table = nl.collect(xnat.address, "ALFA", "aseg", user="admin", password="admin")
        (frame,) = nl.cache_freesurfer6(interface(xnat), "ALFA", measurements=["aseg"], od=str(out))
    assert list(table.sessions["status"]) == ["ok"]
    assert len(frame) > 50
    beside = set(files_below(tmp_path)) - {*files_below(folder), *files_below(out)}
    assert beside == set()
    assert files_below(out)


def interface(xnat: SimulatedXnat) -> Any:
    import pyxnat

    return pyxnat.Interface(xnat.address, user="admin", password="admin")


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for what is written while nobody waits for it; pytest's limit ends a vain wait."""
    while not true():
        time.sleep(0.05)


def kept_text(folder: Path) -> str:
    return "".join(one.read_bytes().decode("latin-1") for one in files_below(folder))


def test_an_object_is_purged_to_the_last_byte(slide: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    with RangeServer({"/patient-7.dcm": slide, "/b.dcm": slide}) as server:
        with nl.settings(cache_dir=folder):
            for path in ("/patient-7.dcm", "/b.dcm"):
                with nl.open(server.url(path)) as file:
                    file.read()
            keeper().drain()
        wait_until(lambda: "patient-7" in kept_text(folder))
        size = sum(one.stat().st_size for one in files_below(folder))
        nearline("clear", server.url("/patient-7.dcm"), folder=folder)
    left = kept_text(folder)
    assert "patient-7" not in left
    assert left.count(slide[1000:1400].decode("latin-1")) == 1
    assert sum(one.stat().st_size for one in files_below(folder)) < size - len(slide) // 2


@pytest.mark.parametrize(
    ("what", "gone", "stays"),
    [
        (["--subject", "0002"], ["0002_MR1"], ["0001_MR1", "0003_MR1", "g1_PET"]),
        (["--project", "ALFA"], ["0001_MR1", "0002_MR1", "0003_MR1"], ["g1_PET"]),
    ],
)
def test_a_subject_or_a_project_is_purged_to_the_last_byte(
    tmp_path: Path, what: list[str], gone: list[str], stays: list[str]
) -> None:
    folder = tmp_path / "cache"
    with SimulatedXnat(small_archive()) as xnat, nl.settings(cache_dir=folder):
        for project in ("ALFA", "GAMMA"):
            nl.collect(xnat.address, project, "aseg", user="admin", password="admin")
    before = kept_text(folder)
    assert all(label in before for label in [*gone, *stays])
    nearline("purge", *what, folder=folder)
    after = kept_text(folder)
    assert [label for label in gone if label in after] == []
    assert [label for label in stays if label not in after] == []
