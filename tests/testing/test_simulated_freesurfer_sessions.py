from __future__ import annotations

import csv
import io

import pytest

from nearline.testing.xnat import Archive, freesurfer_project, freesurfer_session, with_etiv

VERSIONS = ["5.1.0", "5.3.0", "6.0.0", "7.0.0", "7.1.1", "7.2.0", "7.3.2", "7.4.1"]


def measures(data):
    lines = [row for row in data.decode().splitlines() if row.startswith("# Measure ")]
    return {row.rsplit(", ", 4)[-4]: row.rsplit(", ", 2)[1] for row in lines if row.count(",") == 4}


def table(data):
    lines = data.decode().splitlines()
    (heads,) = (row.split()[2:] for row in lines if row.startswith("# ColHeaders"))
    return [dict(zip(heads, row.split(), strict=True)) for row in lines if not row.startswith("#")]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_table_has_the_columns_and_rows_that_it_announces(version):
    files = freesurfer_session(1, version)
    for path, data in files.items():
        if not path.endswith(".stats") or "brainvol" in path:
            continue
        rows = table(data)
        text = data.decode()
        if "# NRows" in text:
            assert f"# NRows {len(rows)} " in text
        assert len({row["StructName"] for row in rows}) == len(rows)
        for row in rows:
            assert all(float(v) >= 0 for k, v in row.items() if k != "StructName")


def test_what_versions_say_differently():
    asegs = {v: freesurfer_session(1, v)["subject/stats/aseg.stats"] for v in VERSIONS}
    known = {version: measures(data) for version, data in asegs.items()}
    assert [v for v in VERSIONS if "ICV" in known[v]] == ["5.1.0"]
    assert [v for v in VERSIONS if "eTIV" in known[v]] == VERSIONS[1:]
    assert [v for v in VERSIONS if "lhCorticalWhiteMatterVol" in known[v]] == VERSIONS[:2]
    assert [v for v in VERSIONS if "VentricleChoroidVol" in known[v]] == VERSIONS[2:]
    assert [v for v in VERSIONS if "BrainSegVolNotVentSurf" in known[v]] == ["5.3.0", "6.0.0"]
    named = [v for v in VERSIONS if b" Left-Thalamus-Proper " in asegs[v]]
    assert named == VERSIONS[:3]
    told = [v for v in VERSIONS if f"# cvs_version {v}\n".encode() in asegs[v]]
    assert told == VERSIONS[3:]


def test_parcellations_have_their_regions_and_both_sides_the_same():
    files = freesurfer_session(1, "7.4.1")
    sizes = {"aparc": 34, "aparc.a2009s": 74, "aparc.DKTatlas": 31, "aparc.pial": 34}
    for name, size in {**sizes, "BA_exvivo": 14, "w-g.pct": 34}.items():
        left, right = (table(files[f"subject/stats/{side}.{name}.stats"]) for side in ("lh", "rh"))
        assert len(left) == size
        assert [row["StructName"] for row in left] == [row["StructName"] for row in right]
        assert left != right


def test_files_of_one_session_agree_on_etiv():
    files = freesurfer_session(5, "6.0.0")
    values = {
        measures(data)["eTIV"]
        for path, data in files.items()
        if path.endswith(("aseg.stats", ".aparc.stats", "wmparc.stats"))
    }
    assert len(values) == 1


@pytest.mark.parametrize(
    ("version", "names"),
    [
        ("5.3.0", set()),
        ("6.0.0", {"hippoSfVolumes-T1.v10"}),
        ("7.1.1", {"hippoSfVolumes-T1.v21", "amygNucVolumes-T1.v21"}),
        ("7.4.1", {"hippoSfVolumes-T1.v22", "amygNucVolumes-T1.v22"}),
    ],
)
def test_subfields_come_with_the_analysis_of_the_version(version, names):
    files = freesurfer_session(2, version)
    found = {path for path in files if path.endswith(".txt")}
    assert found == {f"subject/mri/{side}.{name}.txt" for side in ("lh", "rh") for name in names}
    for path in found:
        lines = [row.split(" ") for row in files[path].decode().splitlines()]
        parts = {name: float(value) for name, value in lines}
        whole = next(name for name in reversed(parts) if name.startswith("Whole_"))
        rest = sum(value for name, value in parts.items() if not name.startswith("Whole_"))
        assert parts[whole] == pytest.approx(rest)


def test_extras_are_tables_of_one_subject():
    files = freesurfer_session(2, "7.4.1", subject="s", extras=True)
    for name in ("mri/hypothalamic_subunits_volumes.v1.csv", "stats/synthseg.vol.csv"):
        heads, row = csv.reader(io.StringIO(files[f"s/{name}"].decode()))
        assert (heads[0], row[0]) == ("subject", "s")
        assert len(heads) == len(row)
    assert files["s/mri/brainstemSsVolumes.v13.txt"].count(b"\n") == 5
    assert b"Right-Whole_thalamus " in files["s/mri/ThalamicNuclei.v13.T1.volumes.txt"]


def test_seeds_decide_all_and_listings_are_filled():
    assert freesurfer_session(7) == freesurfer_session(7)
    assert freesurfer_session(7) != freesurfer_session(8)
    full = freesurfer_session(7, listing=350)
    assert len(full) == 350
    assert freesurfer_session(7).items() <= full.items()
    assert sum(path.endswith("aseg.stats") for path in full) == 1


def test_etiv_is_overwritten_in_as_many_bytes():
    data = freesurfer_session(1)["subject/stats/aseg.stats"]
    value = float(measures(data)["eTIV"])
    other = with_etiv(data, 1234567.5)
    assert len(str(int(value))) == 7
    assert len(other) == len(data)
    assert measures(other) == {**measures(data), "eTIV": "1234567.500000"}
    with pytest.raises(ValueError, match="not as long"):
        with_etiv(data, 1.0)


def test_projects_are_filled_with_sessions_of_their_own_subjects():
    archive = Archive()
    made = freesurfer_project(archive, "ALFA", 3, version="7.4.1", resource="FS7")
    assert [session.label for session in archive.sessions("ALFA")] == [
        "ALFA0001_MR1",
        "ALFA0002_MR1",
        "ALFA0003_MR1",
    ]
    files = [archive.file(s, "FS7", f"{s.label[:8]}/stats/aseg.stats").data for s in made]
    assert len(set(files)) == 3


def test_volumes_of_other_resolutions_come_in_voxels_before_version_7():
    plain = measures(freesurfer_session(1, "6.0.0")["subject/stats/aseg.stats"])
    fine = measures(freesurfer_session(1, "6.0.0", voxel_mm3=0.5)["subject/stats/aseg.stats"])
    assert float(fine["BrainSegVol"]) == 2 * float(plain["BrainSegVol"])
    assert fine["eTIV"] == plain["eTIV"]
