"""`cache_freesurfer6` and `cache_ashs` against bx and pyxnat, unmodified, on the same server."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import nearline as nl
import peers
from nearline.errors import InvalidOption, NotFound
from nearline.testing.xnat import Archive, SimulatedXnat, ashs_session, freesurfer_session
from peers.environments import run_peer

COLUMNS = [
    ["measurement", "region", "value", "ID", "eTIV"],
    ["side", "measurement", "region", "value", "ID"],
    ["side", "region", "value", "ID", "eTIV"],
]


def archive() -> Archive:
    made = Archive()
    for project in ("ALFA", "BETA"):
        made.add_project(project)
    for number in range(1, 7):
        subject = f"{number:04d}"
        one = made.add_session("ALFA", subject=subject, label=f"{subject}_MR1")
        if number != 3:
            made.put_files(
                one, "FREESURFER6", freesurfer_session(number, subject=subject, listing=60)
            )
            made.put_files(one, "ASHS", ashs_session(number, subject=subject))
    other = made.add_session("BETA", subject="b1", label="b1_MR1")
    made.put_files(other, "FREESURFER6", freesurfer_session("b", subject="b1"))
    made.share(other.id, "ALFA")
    return made


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SimulatedXnat]:
    with SimulatedXnat(archive()) as made, nl.settings(cache_dir=tmp_path / "cache"):
        yield made


def url(server: SimulatedXnat) -> str:
    return server.address.replace("://", "://admin:admin@")


def same(ours: pd.DataFrame, theirs: dict[str, Any]) -> None:
    """Assert equality, cell by cell; theirs came as text."""
    assert ours.index.name == "subject"
    assert list(ours.columns) == theirs["columns"]
    assert ours.index.tolist() == theirs["index"]
    for position, name in enumerate(theirs["columns"]):
        cells = [row[position] for row in theirs["rows"]]
        mine = ours[name].tolist()
        if name in ("value", "eTIV", "volume", "n_slices"):
            assert ours[name].dtype == "float64"
            pd.testing.assert_series_equal(
                pd.Series(mine), pd.Series([float(cell) for cell in cells]), rtol=0, atol=0
            )
        else:
            missing = {"None", "nan"}
            plain = [None if pd.isna(cell) else cell for cell in mine]
            assert plain == [None if str(cell) in missing else cell for cell in cells]


def test_frames_equal_those_of_bx(server: SimulatedXnat) -> None:
    script = Path(peers.__file__).parent / "bx_caches_project.py"
    theirs = json.loads(run_peer("bx", script, json.dumps([server.address, "ALFA"])))
    for _ in range(2):
        ours = nl.cache_freesurfer6(url(server), "ALFA")
        ashs = nl.cache_ashs(url(server), "ALFA")
        assert [list(frame.columns) for frame in ours] == COLUMNS
        for mine, other in zip([*ours, ashs], theirs, strict=True):
            same(mine, other)


def clients(server: SimulatedXnat) -> Iterator[Any]:
    pyxnat = pytest.importorskip("pyxnat")
    xnat = pytest.importorskip("xnat")
    yield pyxnat.Interface(server.address, "admin", "admin")
    with xnat.connect(server.address, user="admin", password="admin", loglevel="ERROR") as session:
        yield session
    yield url(server)


def test_the_call_of_the_blog_runs_with_every_client(server: SimulatedXnat) -> None:
    from nearline import cache_freesurfer6

    for c in clients(server):
        (aseg,) = cache_freesurfer6(c, "ALFA", measurements=["aseg"])
        etiv = aseg.query('measurement == "Volume_mm3" & region == "eTIV"')
        assert len(etiv) == 5
        assert (etiv["value"] == etiv["eTIV"]).all()


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
