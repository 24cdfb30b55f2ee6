"""Subfields and nuclei: every volume, its side, and which analysis it is of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from measurements import made
from measurements.stats_samples import stats_samples
from nearline.errors import UnreadableMeasurements
from nearline.measurements.families import choose, find
from nearline.measurements.subfields import parse_subfields


def parse(measurement, files):
    _, wanted = find(measurement)
    given_files = {
        path: text.encode() if isinstance(text, str) else text for path, text in files.items()
    }
    choice = choose(given_files, wanted)
    return wanted.parse({path: given_files[path] for path in choice.paths}, where="session")


def volumes(text):
    return {name: float(value) for name, value in (line.split(" ") for line in text.splitlines())}


def test_two_analyses_are_both_kept_and_told_apart():
    files = {
        f"mri/{hemi}.hippoSfVolumes-T1.{version}.txt": made.subfields(seed=seed)
        for seed, (hemi, version) in enumerate(
            (h, v) for h in ("lh", "rh") for v in ("v10", "v21", "v22")
        )
    }
    rows = parse("hippoSfVolumes", files)
    found = {}
    for side, _, analysis, measurement, region, value, unit in rows:
        assert (measurement, unit) == ("Volume_mm3", "mm^3")
        found.setdefault((side, analysis), {})[region] = value
    assert found == {
        ({"l": "left", "r": "right"}[path[4]], path[22:-4]): volumes(text)
        for path, text in files.items()
    }


@pytest.mark.parametrize(
    ("measurement", "name", "analysis"),
    [
        ("hippoSfVolumes", "lh.hippoSfVolumes-T1.v10.txt", "T1.v10"),
        ("hippoSfVolumes", "lh.hippoSfVolumes-T1.long.v21.txt", "T1.long.v21"),
        ("hippoSfVolumes", "lh.hippoSfVolumes.v22.txt", "v22"),
        ("hippoSfVolumes", "lh.hippoSfVolumes.txt", None),
        ("hippoSfVolumes-T1-T2", "lh.hippoSfVolumes-T1-T2.v10.txt", "T1-T2.v10"),
        ("hippoSfVolumes-T1-T2", "lh.hippoSfVolumes-T1-PD.v21.txt", "T1-PD.v21"),
        ("hippoSfVolumes-T1-T2", "lh.hippoSfVolumes-T2.v22.txt", "T2.v22"),
        ("amygNucVolumes", "lh.amygNucVolumes-T1.v21.txt", "T1.v21"),
        ("amygNucVolumes-T1-T2", "lh.amygNucVolumes-T1-T2.v22.txt", "T1-T2.v22"),
        ("brainstem", "brainstemSsVolumes.v10.txt", "v10"),
        ("brainstem", "brainstemSsVolumes.long.v13.txt", "long.v13"),
        ("brainstem", "brainstemSsVolumes.v2.txt", "v2"),
        ("brainstem", "brainstemSsLabels.volumes.txt", None),
    ],
)
def test_the_analysis_is_in_the_name(measurement, name, analysis):
    rows = parse(measurement, {f"sub/mri/{name}": made.subfields()})
    assert set(rows.analysis) == {analysis}
    assert len(rows) == len(made.subfields().splitlines())


@pytest.mark.parametrize("other", ["hippoSfVolumes-T1-T2", "amygNucVolumes", "brainstem"])
def test_a_measurement_takes_no_files_of_another(other):
    _, wanted = find(other)
    assert not choose(["mri/lh.hippoSfVolumes-T1.v21.txt"], wanted)


@pytest.mark.parametrize(
    ("name", "analysis"),
    [("ThalamicNuclei.v12.T1.volumes.txt", "v12.T1"), ("ThalamicNuclei.volumes.txt", None)],
)
def test_nuclei_of_the_thalamus_have_the_side_of_their_name(name, analysis):
    text = made.thalamus()
    rows = parse("thalamus", {f"mri/{name}": text})
    found = {f"{row[0].capitalize()}-{row[4]}": row[5] for row in rows}
    assert found == volumes(text)
    assert set(rows.analysis) == {analysis}


def test_subunits_of_the_hypothalamus_have_the_side_of_their_column():
    text = made.hypothalamus()
    rows = parse("hypothalamus", {"mri/hypothalamic_subunits_volumes.v1.csv": text})
    names, values = (line.split(",") for line in text.splitlines())
    expected = dict(zip(names[1:], map(float, values[1:]), strict=True))
    found = {
        (f"whole {side}" if region == "whole" else f"{side} {region}"): value
        for side, _, _, _, region, value, _ in rows
    }
    assert found == expected
    assert (rows.files[0].subject, set(rows.analysis)) == ("sub-01", {"v1"})


def test_every_sample_equals_its_own_lines():
    for name, data in stats_samples("*hippoSfVolumes*").items():
        short = name.split("_")[2]
        rows = parse_subfields({short: data}, where=name)
        assert {row[4]: row[5] for row in rows} == volumes(data.decode()), name
        assert set(rows.side) == {"left"}


GOOD = made.subfields()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("<html><body>Login</body></html>\n", "web page"),
        (GOOD[:-1], "last line does not end"),
        (GOOD + "CA1 5.0\n", "CA1 is also in line 3"),
        (GOOD + "CA5\n", "1 words"),
        (GOOD + "CA5 5.0 mm3\n", "3 words"),
        (GOOD + "CA5 large\n", "line 6: the volume of CA5 is 'large'"),
        (GOOD + "CA5 nan\n", "not a finite number"),
        (GOOD + "CA5 \0\n", "binary"),
    ],
)
def test_bad_input_is_refused_with_its_line(text, why):
    with pytest.raises(UnreadableMeasurements, match=why) as caught:
        parse("hippoSfVolumes", {"mri/lh.hippoSfVolumes-T1.v21.txt": text})
    assert "session, mri/lh.hippoSfVolumes-T1.v21.txt" in str(caught.value)


def test_a_nucleus_of_no_side_is_refused():
    with pytest.raises(UnreadableMeasurements, match="neither side"):
        parse("thalamus", {"mri/ThalamicNuclei.v12.T1.volumes.txt": "Middle-MDm 5.0\n"})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("subject,left a\nx,1\ny,2\n", "2 subjects"),
        ("subject,left a\nx\n", "1 cells, the header 2"),
        ("subject,left a,left a\nx,1,2\n", "one name"),
        ("subject,upper a\nx,1\n", "neither side"),
        ("subject,left a\nx,much\n", "not a finite number"),
        ("subject,left a\n", "no rows"),
        ("subject\nx\n", "no volumes"),
        ('subject,left a\n"x,1\n', "not comma-separated"),
    ],
)
def test_a_bad_table_is_refused(text, why):
    with pytest.raises(UnreadableMeasurements, match=why):
        parse("hypothalamus", {"mri/hypothalamic_subunits_volumes.v1.csv": text})


@given(
    st.dictionaries(
        st.text("abcXYZ0123_-()+.", min_size=1, max_size=12),
        st.floats(0, 1e9, allow_nan=False),
        min_size=1,
        max_size=10,
    ),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([" ", "  ", "\t"]),
)
def test_any_volumes_are_read_back(expected, newline, gap):
    text = "".join(f"{name}{gap}{value!r}{newline}" for name, value in expected.items())
    rows = parse_subfields({"rh.amygNucVolumes-T1.v21.txt": text.encode()}, where="x")
    assert dict(zip(rows.region, rows.value.tolist(), strict=True)) == expected
