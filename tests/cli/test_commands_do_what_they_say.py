"""The command line as typed: what it prints, writes and returns."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import highdicom
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image as Picture

from nearline.testing import RangeServer
from slides import Recipe, write_slide

ROWS, COLUMNS = 1000, 900
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("slide") / "slide.dcm"
    write_slide(
        path,
        Recipe(rows=ROWS, columns=COLUMNS, tile_rows=128, tile_columns=128, codec="jpegls"),
    )
    return path


@pytest.fixture(scope="module")
def whole(path: Path) -> np.ndarray:
    return highdicom.imread(path).get_total_pixel_matrix(dtype=np.uint8)


def test_info_for_people_names_kind_size_encoding_and_cost(command: Command, path: Path) -> None:
    with RangeServer({"/slide.dcm": path.read_bytes()}) as server:
        code, printed, _ = command("info", server.url("/slide.dcm"))
        seen = len(server.requests)
    assert code == 0
    for expected in (
        "VL Whole Slide Microscopy Image Storage",
        f"{ROWS} rows x {COLUMNS} columns",
        "64 of 128 x 128",
        "JPEG-LS Lossless Image Compression",
        "Basic Offset Table",
        f"{seen} requests",
    ):
        assert expected in printed


def test_info_shows_no_patient(command: Command, path: Path) -> None:
    header = highdicom.imread(path)
    for words in (["info", path], ["info", path, "--json"]):
        _, printed, _ = command(*words)
        assert str(header.PatientName) not in printed
        assert str(header.PatientID) not in printed


def test_info_for_machines_is_one_json_object(command: Command, path: Path) -> None:
    code, printed, _ = command("info", path, "--json")
    facts = json.loads(printed)
    assert code == 0
    assert facts["total_pixel_matrix"] == {"rows": ROWS, "columns": COLUMNS}
    assert facts["frames"] == 64
    assert facts["bytes"] == path.stat().st_size
    assert facts["offsets_from"] == "Basic Offset Table"


@pytest.mark.parametrize("suffix", [".png", ".tif", ".npy"])
def test_region_writes_the_pixels_that_highdicom_reads(
    command: Command, path: Path, whole: np.ndarray, tmp_path: Path, suffix: str
) -> None:
    target = tmp_path / f"region{suffix}"
    code, printed, _ = command(
        "region", path, "--rows", "101:400", "--columns", "51:600", "-o", target
    )
    assert code == 0
    assert str(target) in printed
    written = np.load(target) if suffix == ".npy" else np.asarray(Picture.open(target))
    assert_array_equal(written, whole[100:399, 50:599])


def test_region_counts_from_0_when_asked(
    command: Command, path: Path, whole: np.ndarray, tmp_path: Path
) -> None:
    target = tmp_path / "region.npy"
    command("region", path, "--rows", "100:-10", "--as-indices", "-o", target)
    assert_array_equal(np.load(target), whole[100:-10])


def test_large_region_is_read_in_steps_without_reading_a_tile_twice(
    command: Command,
    path: Path,
    whole: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nearline.cli.region._PIXELS_PER_STEP", 2 * 128 * COLUMNS)
    monkeypatch.setenv("NEARLINE_TILE_MEMORY", "0")
    target = tmp_path / "region.npy"
    with RangeServer({"/slide.dcm": path.read_bytes()}) as server:
        code, _, _ = command("region", server.url("/slide.dcm"), "--rows", "5:", "-o", target)
        assert server.sent < path.stat().st_size * 1.3
    assert code == 0
    assert_array_equal(np.load(target), whole[4:])


def test_cache_says_what_it_holds_checks_it_and_removes_it(command: Command, path: Path) -> None:
    with RangeServer({"/slide.dcm": path.read_bytes()}) as server:
        url = server.url("/slide.dcm")
        command("region", url, "-o", path.parent / "region.npy")
        held = json.loads(command("cache", "info", "--json")[1])
        assert held["objects"] == 1
        assert held["pieces"] > 0
        code, printed, _ = command("cache", "verify")
        assert (code, "Damaged" in printed) == (0, False)

        copy = path.parent / "copy.dcm"
        code, printed, _ = command("cache", "export", url, copy)
        assert (code, printed.strip()) == (0, str(copy))
        assert copy.read_bytes() == path.read_bytes()

        assert command("cache", "clear", "s3://elsewhere/")[1].startswith("Removed 0")
        assert command("cache", "clear", url)[1].startswith("Removed 1")
        assert json.loads(command("cache", "info", "--json")[1])["pieces"] == 0
        code, _, told = command("cache", "export", url, copy)
        assert code == 1
        assert url in told


def test_damaged_cache_is_told_by_the_exit_code(command: Command, path: Path) -> None:
    program = Path(sys.executable).with_name("nearline")
    with RangeServer({"/slide.dcm": path.read_bytes()}) as server:
        # A process of its own has written everything when it ends.
        subprocess.run([program, "info", server.url("/slide.dcm")], check=True)
    folder = Path(json.loads(command("cache", "info", "--json")[1])["folder"])
    packs = [one for one in folder.rglob("*") if one.is_file() and one.stat().st_size > 50_000]
    damaged = 0
    for pack in packs:
        if "pack" in str(pack):
            content = bytearray(pack.read_bytes())
            content[len(content) // 2] ^= 1
            pack.write_bytes(content)
            damaged += 1
    assert damaged
    code, printed, _ = command("cache", "verify")
    assert code == 1
    assert "Damaged" in printed


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["info", "{missing}"], "nothing.dcm"),
        (["info", "gopher://a/b"], "gopher"),
        (["info", "s3://bucket/slide.dcm", "-O", "colour=blue"], "colour"),
        (["info", "{slide}", "-O", "secret-without-name"], "NAME=VALUE"),
        (["region", "{slide}", "-o", "a.jpg"], "a.jpg"),
        (["region", "{slide}", "--rows", "1-2", "-o", "{out}"], "START:END"),
        (["region", "{slide}", "--rows", "1:5000", "-o", "{out}"], "5000"),
    ],
)
def test_errors_are_one_sentence_and_no_traceback(
    command: Command, path: Path, tmp_path: Path, words: list[str], told: str
) -> None:
    names = {"slide": path, "missing": tmp_path / "nothing.dcm", "out": tmp_path / "out.png"}
    code, _, printed = command(*(word.format(**names) for word in words))
    assert code != 0
    assert told in printed
    assert "Traceback" not in printed
    assert "secret-without-name" not in printed


def test_selftest_needs_permission_and_says_what_it_could_not_reach(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, _ = command("selftest")
    assert code != 0
    # A proxy that is not there stands for a machine without network.
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NEARLINE_RETRIES", "0")
    code, printed, _ = command("selftest", "--live", "--json")
    assert code == 1
    outcomes = json.loads(printed)["objects"]
    assert [one["url"].split(":")[0] for one in outcomes] == ["s3", "gs"]
    assert all(one["nearline"].startswith("not reached: ") for one in outcomes)
