"""What a collection shows: numbers as numbers, sessions, quality, provenance, files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from measurements.sites import Site, site
from nearline.errors import InvalidOption
from nearline.measurements.export import export
from nearline.testing.xnat import freesurfer_session


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path, 6) as made:
        yield made


COLUMNS = [
    *("project", "subject", "session", "ID"),
    *("side", "atlas", "analysis", "measurement", "region", "value", "unit", "eTIV"),
]


def test_the_frame_has_the_same_columns_and_types_in_every_run(held: Site) -> None:
    first, second = held.collect().frame, held.collect().frame
    pd.testing.assert_frame_equal(first, second)
    assert list(first.columns) == COLUMNS
    for name in COLUMNS:
        expected = "float64" if name in ("value", "eTIV") else "category"
        assert first[name].dtype.name == expected
    assert first["side"].isna().all()  # and yet it is there
    hippo = held.collect("hippoSfVolumes").frame
    assert list(hippo.columns) == COLUMNS
    assert set(hippo["side"]) == {"left", "right"}


def test_the_question_of_the_blog_is_answered_with_numbers(held: Site) -> None:
    frame = held.collect().frame
    etiv = frame.query('measurement == "Volume_mm3" & region == "eTIV"')
    assert etiv["value"].tolist() == etiv["eTIV"].tolist()
    mean = frame.query('measurement == "Volume_mm3" & region == "Left-Hippocampus"').value.mean()
    assert isinstance(mean, float)


def test_an_updated_table_equals_one_made_anew(held: Site, tmp_path: Path) -> None:
    held.collect(["aseg", "aparc"])
    held.overwrite(3, 1_234_567.0)
    held.archive.delete_experiment(held.sessions[0])
    one = held.archive.add_session("ALFA", subject="ALFA0000")
    held.archive.put_files(one, "FREESURFER6", freesurfer_session("new", subject="ALFA0000"))
    updated = held.collect(["aseg", "aparc"], verify="strict")
    anew = Site(held.server, held.sessions, tmp_path / "other").collect(["aseg", "aparc"])
    for mine, other in zip(updated, anew, strict=True):
        pd.testing.assert_frame_equal(mine.frame, other.frame)
        pd.testing.assert_frame_equal(mine.wide(), other.wide())
    report = updated[0].report
    assert report.added == (one.id,)
    assert report.changed == (held.sessions[3].id,)
    assert report.removed == report.vanished == (held.sessions[0].id,)
    assert len(report.unchanged) == 4


def test_a_renamed_session_goes_under_its_new_name(held: Site) -> None:
    held.collect()
    held.archive.edit(held.sessions[2], label="another name")
    again = held.collect()
    assert held.fetched == []
    assert "another name" in set(again.frame["session"])
    assert again.report.changed == ()


def test_wide_has_one_row_per_session_and_one_column_per_number(held: Site) -> None:
    aseg, aparc = held.collect(["aseg", "aparc"])
    wide = aseg.wide()
    assert wide.index.names == ["project", "subject", "session", "ID"]
    assert len(wide) == 6
    assert (wide.dtypes == "float64").all()
    long = aseg.frame.query('measurement == "Volume_mm3" & region == "eTIV"')
    assert wide["Volume_mm3.eTIV"].tolist() == long["value"].tolist()
    other = aparc.wide()
    assert "desikan-killiany.left.ThickAvg.insula" in other.columns
    assert other.notna().all().all()
    assert other.shape[1] == len(other.columns.unique())


def test_sessions_say_what_became_of_each(held: Site) -> None:
    held.archive.delete_resource(held.sessions[0], "FREESURFER6")
    held.archive.delete_file(held.sessions[1], "FREESURFER6", held.path(1))
    held.archive.put_file(held.sessions[2], "FREESURFER6", held.path(2), b"<html>no</html>\n")
    rows = held.collect().sessions.set_index("ID")
    states = [rows.loc[one.id, "status"] for one in held.sessions]
    assert states[:2] == ["no resource", "file missing"]
    assert states[2] in ("unreadable", "failed")
    assert states[3:] == ["ok"] * 3
    for one in held.sessions[:3]:
        assert rows.loc[one.id, "why"]
    good = rows.loc[held.sessions[4].id]
    assert good["freesurfer_version"].startswith("6.0")
    file = held.archive.file(held.sessions[4], "FREESURFER6", held.path(4))
    assert good["digest"] == file.digest
    assert good["uri"].endswith("ALFA0005/stats/aseg.stats")
    assert str(rows["read"].dtype).startswith("datetime64")
    assert str(rows["read"].dtype).endswith("UTC]")


def test_quality_names_what_looks_wrong(held: Site) -> None:
    archive, sessions = held.archive, held.sessions
    path = held.path(0, "stats/rh.aparc.stats")
    archive.delete_file(sessions[0], "FREESURFER6", path)
    other = freesurfer_session("other", "7.4.1", subject="ALFA0002")
    name = held.path(1, "stats/rh.aparc.stats")
    archive.put_file(sessions[1], "FREESURFER6", name, other[name])
    hippo = held.path(2, "mri/lh.hippoSfVolumes-T1.v21.txt")
    v10 = held.data(2, "mri/lh.hippoSfVolumes-T1.v10.txt")
    archive.put_file(sessions[2], "FREESURFER6", hippo, v10)
    right = hippo.replace("/lh.", "/rh.")
    archive.put_file(sessions[2], "FREESURFER6", right, v10)
    aparc, hippos = held.collect(["aparc", "hippoSfVolumes"])
    found = {(row.ID, row.finding) for row in aparc.quality().itertuples()}
    assert (sessions[0].id, "hemisphere missing") in found
    assert (sessions[1].id, "versions mixed") in found
    assert (sessions[1].id, "eTIV differs") in found
    assert {one for one, _ in found} == {sessions[0].id, sessions[1].id}
    assert {(row.ID, row.finding) for row in hippos.quality().itertuples()} == {
        (sessions[2].id, "two analyses")
    }
    # Half of a session is shown, and said to be half.
    rows = aparc.sessions.set_index("ID")
    assert rows.loc[sessions[0].id, "status"] == "file missing"
    assert set(aparc.frame.query(f"ID == '{sessions[0].id}'")["side"].dropna()) == {"left"}


def test_provenance_travels_with_the_frame_and_with_files(held: Site, tmp_path: Path) -> None:
    found = held.collect(verify="strict")
    told = found.frame.attrs["nearline"]
    assert told["server"] == held.server.address
    assert (told["user"], told["projects"], told["resource"]) == ("admin", ["ALFA"], "FREESURFER6")
    assert (told["level"], told["measurement"]) == ("strict", "aseg")
    assert told["checked"]
    assert told["parser"]
    every = json.loads(found.frame.attrs["nearline_sessions"])
    assert every[0]["files"][0]["md5"] == found.sessions["digest"][0]
    assert every[0]["freesurfer_version"]
    assert found.frame.query("value > 0").attrs["nearline"] == told
    found.frame.to_parquet(tmp_path / "own.parquet")
    assert pd.read_parquet(tmp_path / "own.parquet").attrs["nearline"] == told
    import pyarrow.parquet as pq

    (kept,) = held.folder.rglob("aseg.parquet")
    metadata = json.loads(pq.read_metadata(kept).metadata[b"nearline"])
    assert metadata["facts"]["server"] == held.server.address
    assert metadata["sessions"][0]["files"][0][0].startswith("/data/experiments/")
    report = json.loads(found.report.to_json(tmp_path / "report.json"))
    assert json.loads((tmp_path / "report.json").read_text()) == report
    assert report["level"] == "strict"
    assert "password" not in json.dumps(report)


def test_row_groups_hold_about_a_hundred_sessions(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    from measurements.sites import light_site

    with light_site(tmp_path, 230) as held:
        held.collect()
        (path,) = held.folder.rglob("aseg.parquet")
        file = pq.ParquetFile(path)
        groups = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
        assert len(groups) == 3
        assert groups[0] == groups[1] == groups[2] * 100 // 30


@pytest.mark.parametrize("wide", [False, True])
def test_files_of_the_users_own(held: Site, tmp_path: Path, wide: bool) -> None:
    found = held.collect()
    for suffix in (".parquet", ".csv", ".xlsx"):
        path = tmp_path / f"aseg{suffix}"
        export(found, path, wide=wide)
        read = {".parquet": pd.read_parquet, ".csv": pd.read_csv, ".xlsx": pd.read_excel}[suffix]
        frame = read(path)
        if wide:
            assert len(frame) == 6
            expected = found.wide()["Volume_mm3.eTIV"].tolist()
            assert frame["Volume_mm3.eTIV"].tolist() == pytest.approx(expected, rel=1e-15)
        else:
            assert list(frame.columns) == COLUMNS
            expected = found.frame["value"].tolist()
            assert frame["value"].tolist() == pytest.approx(expected, rel=1e-15)
        assert list(tmp_path.glob(".aseg*")) == []
    with pytest.raises(InvalidOption, match="docx"):
        export(found, tmp_path / "aseg.docx")


def test_a_sheet_too_small_is_refused_before_anything_is_written(
    held: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nearline.measurements.export.EXCEL_ROWS", 100)
    with pytest.raises(InvalidOption, match=r"aseg\.parquet"):
        export(held.collect(), tmp_path / "aseg.xlsx")
    assert list(tmp_path.glob("*aseg*")) == []
