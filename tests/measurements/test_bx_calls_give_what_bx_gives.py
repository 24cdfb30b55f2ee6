"""`cache_freesurfer6` and `cache_ashs` against bx and pyxnat, unmodified, on the same server."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import nearline as nl
from measurements.bx_frames import archive, frames_of_bx, same
from nearline.errors import InvalidOption, NotFound
from nearline.testing.xnat import SimulatedXnat, freesurfer_session

COLUMNS = [
    ["measurement", "region", "value", "ID", "eTIV"],
    ["side", "measurement", "region", "value", "ID"],
    ["side", "region", "value", "ID", "eTIV"],
]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SimulatedXnat]:
    with SimulatedXnat(archive()) as made, nl.settings(cache_dir=tmp_path / "cache"):
        yield made


def url(server: SimulatedXnat) -> str:
    return server.address.replace("://", "://admin:admin@")


def test_frames_equal_those_of_bx(server: SimulatedXnat) -> None:
    theirs = frames_of_bx(server, "ALFA")
    for _ in range(2):
        ours = nl.cache_freesurfer6(url(server), "ALFA")
        ashs = nl.cache_ashs(url(server), "ALFA")
        assert [list(frame.columns) for frame in ours] == COLUMNS
        for mine, other in zip([*ours, ashs], theirs, strict=True):
            same(mine, other)


def test_both_runs_have_the_same_dtypes_and_values(server: SimulatedXnat) -> None:
    first = nl.cache_freesurfer6(url(server), "ALFA")
    second = nl.cache_freesurfer6(url(server), "ALFA")
    for one, two in zip(first, second, strict=True):
        pd.testing.assert_frame_equal(one, two)
        assert one.index.dtype == two.index.dtype
    assert first[0].index[0] == "0001"  # a label is a text


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    caplog.clear()
    return found


def test_the_log_reads_as_that_of_bx(
    server: SimulatedXnat, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        nl.cache_freesurfer6(url(server), "ALFA", measurements=["aseg"])
        first = lines(caplog)
        nl.cache_freesurfer6(url(server), "ALFA", measurements=["aseg"])
        second = lines(caplog)
        one = server.archive.experiments["XNAT_E00001"]
        server.archive.put_files(one, "FREESURFER6", freesurfer_session(77, subject="0001"))
        server.archive.edit(one)
        nl.cache_freesurfer6(url(server), "ALFA", measurements=["aseg"])
        third = lines(caplog)
        nl.cache_freesurfer6(url(server), "ALFA", measurements=["aseg"], force=True)
        forced = lines(caplog)
    # As bx makes it of the same arguments.
    config = (["ALFA"], "FREESURFER6", ["aseg"])
    digest = "MD5: " + hashlib.md5(str(config).encode()).hexdigest()
    shape = [
        [digest, "Checked aseg .*6 sessions, 5 added", "Saving .*parquet", "Elapsed time: 0:00:.*"],
        [
            *(
                digest,
                r"Found cache \d{8}_\d{6}",
                "Checked aseg .*5 unchanged",
                r"Loading \['.*'\]",
            ),
            r"Elapsed time: 0:00:\d\d",
        ],
        [digest, "Found cache .*", "Checked .* 1 changed", "Saving .*", "Elapsed time: .*"],
        [digest, "Checked .* 5 unchanged", r"Loading \['.*'\]", "Elapsed time: .*"],
    ]
    for said, expected in zip([first, second, third, forced], shape, strict=True):
        assert len(said) == len(expected), said
        for line, pattern in zip(said, expected, strict=True):
            assert re.match(pattern, line), line


def test_od_receives_copies_under_the_names_of_bx(server: SimulatedXnat, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    frames = nl.cache_freesurfer6(url(server), "ALFA", od=folder)
    digest = hashlib.md5(
        str((["ALFA"], "FREESURFER6", ["aseg", "aparc", "hippoSfVolumes"])).encode()
    ).hexdigest()
    (held,) = folder.iterdir()
    assert held.name == f"bxcache_{digest}"
    for name, frame in zip(("aseg", "aparc", "hippoSfVolumes"), frames, strict=True):
        (path,) = held.glob(f"bxcache_{name}_*.xlsx")
        assert re.fullmatch(rf"bxcache_{name}_\d{{8}}_\d{{6}}\.xlsx", path.name)
        read = pd.read_excel(path, engine="openpyxl", dtype={"subject": str}).set_index("subject")
        pd.testing.assert_series_equal(read["value"], frame["value"], check_index_type=False)
    nl.cache_ashs(url(server), "ALFA", od=folder)
    assert len(list(folder.glob("bxcache_*/bxcache_20*.xlsx"))) == 1


def test_more_rows_than_a_sheet_holds_go_to_a_csv(
    server: SimulatedXnat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nearline.measurements.bx.EXCEL_ROWS", 1000)
    (frame,) = nl.cache_freesurfer6(url(server), "ALFA", measurements=["aseg"], od=tmp_path)
    (path,) = tmp_path.glob("bxcache_*/*.csv")
    assert len(pd.read_csv(path)) == len(frame) > 1000


def test_several_projects_and_max_rows(server: SimulatedXnat) -> None:
    (both,) = nl.cache_freesurfer6(url(server), ["BETA", "ALFA"], measurements=["aseg"])
    assert both.index.nunique() == 6
    (few,) = nl.cache_freesurfer6(url(server), "ALFA", measurements=["aseg"], max_rows=2)
    assert few.index.unique().tolist() == ["0001", "0002"]
    # Fewer rows do not spoil what the whole project has.
    (all_of_it,) = nl.cache_freesurfer6(url(server), "ALFA", measurements=["aseg"])
    assert all_of_it.index.nunique() == 5


def test_a_session_without_hippocampal_files_has_no_rows_there(server: SimulatedXnat) -> None:
    for side in ("lh", "rh"):
        server.archive.delete_file(
            "XNAT_E00001", "FREESURFER6", f"0001/mri/{side}.hippoSfVolumes-T1.v10.txt"
        )
    aseg, _, hippo = nl.cache_freesurfer6(url(server), "ALFA")
    assert "0001" in aseg.index
    assert "0001" not in hippo.index


def test_ashs_sessions_that_lack_a_file_are_logged_and_left_out(
    server: SimulatedXnat, caplog: pytest.LogCaptureFixture
) -> None:
    path = "final/0002_left_corr_nogray_volumes.txt"
    server.archive.delete_file("XNAT_E00002", "ASHS", path)
    frame = nl.cache_ashs(url(server), "ALFA")
    assert "0002" not in frame.index
    assert "Error: check subject 0002" in caplog.text


def test_mistakes_are_told(server: SimulatedXnat) -> None:
    with pytest.raises(InvalidOption, match="project_id"):
        nl.cache_freesurfer6(url(server))
    with pytest.raises(InvalidOption, match="asegg"):
        nl.cache_freesurfer6(url(server), "ALFA", measurements=["asegg"])
    with pytest.raises(NotFound, match=r"FREESURFER9.*FREESURFER6 \(5 sessions\)"):
        nl.cache_freesurfer6(url(server), "ALFA", resource_name="FREESURFER9")
    with pytest.raises(NotFound, match="NOPE"):
        nl.cache_freesurfer6(url(server), "NOPE")
