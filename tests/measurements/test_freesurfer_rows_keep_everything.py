"""Nothing in a file is lost, and what the file says of itself goes with its rows."""

import pytest

from measurements import made
from nearline.errors import UnreadableMeasurements
from nearline.measurements.families import choose, find
from nearline.measurements.freesurfer import VOXEL_VOLUMES
from nearline.measurements.stats_file import StatsFile


def parse(measurement, files, **options):
    _, wanted = find(measurement, **options)
    given = {path: text.encode() for path, text in files.items()}
    choice = choose(given, wanted)
    return wanted.parse({path: given[path] for path in choice.paths}, where="session")


def both(version="7.4.1", name="aparc", **options):
    return {
        f"stats/{hemi}.{name}.stats": made.aparc(version, hemi, **options) for hemi in ("lh", "rh")
    }


@pytest.mark.parametrize("version", ["5.1", "6.0", "7.0.0", "7.4.1"])
@pytest.mark.parametrize("measurement", ["aseg", "wmparc"])
def test_every_cell_of_a_segmentation_is_a_row(version, measurement):
    text = made.aseg(version)
    stats = StatsFile.parse(text.encode(), where="x")
    rows = parse(measurement, {f"stats/{measurement}.stats": text})
    expected = {
        (column.name, region): value
        for column in stats.columns
        for region, value in zip(stats.regions, column.values, strict=True)
    }
    (file,) = rows.files
    table = list(rows)[file.measures :]
    assert {(row[3], row[4]): row[5] for row in table} == expected
    assert len(table) == len(expected)
    kinds = {"mm^3": "Volume_mm3", "unitless": "unitless"}
    assert [(row[3], row[4], row[5], row[6]) for row in list(rows)[: file.measures]] == [
        (kinds[m.unit], m.name, m.value, m.unit) for m in stats.measures
    ]
    assert rows.value.dtype == "float64"
    assert {row[6] for row in table if row[3] == "Volume_mm3"} == {"mm^3"}
    assert file.freesurfer_version == version
    assert (file.subject, file.etiv, rows.etiv) == ("sub-01", stats.etiv, stats.etiv)


def test_sides_and_the_atlas_are_columns():
    rows = parse("aparc", both())
    own = [row for row in rows if row[4] == "NumVert"]
    assert [row[0] for row in own] == ["left", "right"]
    assert {row[1] for row in rows} == {"desikan-killiany"}
    assert [(file.hemisphere, file.path[-13:]) for file in rows.files] == [
        ("left", "lh.aparc.stats"[-13:]),
        ("right", "rh.aparc.stats"[-13:]),
    ]


def test_measures_of_the_whole_brain_are_there_once():
    rows = parse("aparc", both("6.0"))
    for name in ("eTIV", "CortexVol", "BrainSegVol"):
        assert [row[0] for row in rows if row[4] == name] == [None]
    assert rows.notes == ()
    assert rows.files[0].irregular == ("CortexVol",)


def test_an_etiv_that_differs_between_files_is_noted():
    files = both()
    files["stats/rh.aparc.stats"] = made.aparc("7.4.1", "rh", seed=1)
    rows = parse("aparc", files)
    assert any(note.startswith("eTIV is ") for note in rows.notes)
    assert rows.files[0].etiv != rows.files[1].etiv


@pytest.mark.parametrize(
    ("measurement", "name", "annotation", "atlas"),
    [
        ("aparc", "aparc", "aparc", "desikan-killiany"),
        ("aparc.a2009s", "aparc.a2009s", "aparc.a2009s", "destrieux"),
        ("aparc.DKTatlas", "aparc.DKTatlas", "aparc.DKTatlas", "dkt"),
        ("aparc.DKTatlas", "aparc.DKTatlas40", "aparc.DKTatlas40", "dkt40"),
        ("aparc.pial", "aparc.pial", "aparc", "desikan-killiany"),
        ("BA_exvivo", "BA_exvivo", "BA_exvivo", "ba_exvivo"),
        ("BA_exvivo.thresh", "BA_exvivo.thresh", "BA_exvivo.thresh", "ba_exvivo.thresh"),
        ("aparc", "aparc", "Schaefer2018_100Parcels", "Schaefer2018_100Parcels"),
    ],
)
def test_the_atlas_is_that_of_the_annotation(measurement, name, annotation, atlas):
    rows = parse(measurement, both(name=name, annotation=annotation))
    assert set(rows.atlas) == {atlas}
    assert len(rows.files) == 2


def test_the_contrast_of_white_and_gray_matter_takes_its_side_from_the_name():
    text = made.aseg("7.4.1", regions=("bankssts", "insula"))
    rows = parse("w-g.pct", {"stats/lh.w-g.pct.stats": text, "stats/rh.w-g.pct.stats": text})
    assert [file.hemisphere for file in rows.files] == ["left", "right"]


def test_a_file_under_the_other_hemispheres_name_is_refused():
    files = both()
    files["stats/rh.aparc.stats"] = files["stats/lh.aparc.stats"]
    with pytest.raises(UnreadableMeasurements, match=r"rh\.aparc\.stats: the name says right"):
        parse("aparc", files)


def test_brainvol_has_no_table():
    rows = parse("brainvol", {"stats/brainvol.stats": "# Measure A, AVol, of A, 2.5, mm^3\n"})
    assert list(rows) == [(None, None, None, "Volume_mm3", "AVol", 2.5, "mm^3")]


@pytest.mark.parametrize("family", ["freesurfer6", "freesurfer6_hires"])
def test_volumes_in_voxels_are_left_out_and_noted(family):
    files = {"stats/aseg.stats": made.aseg("6.0", voxel=0.512)}
    rows = parse("aseg", files, family=family)
    measures = set(rows.region[: rows.files[0].measures])
    assert not VOXEL_VOLUMES & measures
    assert {"eTIV", "BrainSegVolNotVentSurf", "VentricleChoroidVol"} <= measures
    assert "15 global volumes were left out" in rows.files[0].notes[0]


@pytest.mark.parametrize("family", ["freesurfer6", "freesurfer6_hires", "freesurfer7"])
@pytest.mark.parametrize("build", ["7.4.1", "a build of my own"])
def test_volumes_that_the_file_calls_fixed_are_kept(family, build):
    text = made.aseg("7.4.1", voxel=0.512).replace("cvs_version 7.4.1", f"cvs_version {build}")
    files = {"stats/aseg.stats": text}
    rows = parse("aseg", files, family=family)
    assert "BrainSegVol" in rows.region
    assert rows.files[0].notes == ()


def test_hires_parcellations_tell_no_voxel_size_and_lose_their_volumes():
    rows = parse("aparc", both("6.0"), family="freesurfer6_hires")
    assert {"eTIV", "NumVert", "BrainSegVolNotVentSurf"} <= set(rows.region)
    assert not VOXEL_VOLUMES & set(rows.region)
    assert "BrainSegVol" in parse("aparc", both("6.0")).region


def test_one_hemisphere_alone_is_read():
    rows = parse("aparc", {"stats/rh.aparc.stats": made.aparc("7.4.1", "rh")})
    assert {row[0] for row in rows} == {None, "right"}


def test_rows_can_be_picked():
    rows = parse("aparc", both())
    picked = rows.select([3, 0])
    assert list(picked) == [list(rows)[index] for index in (3, 0)]
    assert picked.files == ()
