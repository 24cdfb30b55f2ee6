"""Whatever the version, the order of columns or the spacing: each number is that of its line."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import peers
from measurements import made
from measurements.stats_samples import stats_samples
from nearline.measurements.stats_file import StatsFile
from peers.environments import run_peer

NAMES = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789_-.+()", min_size=1, max_size=20)
NUMBERS = st.floats(-1e12, 1e12, allow_nan=False)
NEWLINES = st.sampled_from(["\n", "\r\n", "\r"])


def direct(text):
    """FreeSurfer's rules, read by themselves: last ColHeaders, rows split at white space."""
    lines = text.splitlines()
    (names,) = [line.split()[2:] for line in lines if line.startswith("# ColHeaders")]
    rows = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    at = names.index("StructName")
    table = {
        name: {row[at]: float(row[i]) for row in rows} for i, name in enumerate(names) if i != at
    }
    measures = {}
    for line in lines:
        if line.startswith("# Measure "):
            *title, value, unit = line.removeprefix("# Measure ").split(", ")
            measures[title[1].split()[0]] = (float(value), unit)
    return table, measures


def read(stats):
    table = {
        column.name: dict(zip(stats.regions, column.values.tolist(), strict=True))
        for column in stats.columns
    }
    return table, {m.name: (m.value, m.unit) for m in stats.measures}


@pytest.mark.parametrize("version", ["5.1", "6.0", "7.0.0", "7.4.1"])
@pytest.mark.parametrize("kind", [made.aseg, made.aparc])
def test_every_number_is_the_files(version, kind):
    text = kind(version)
    assert read(StatsFile.parse(text.encode(), where="x")) == direct(text)


@pytest.mark.parametrize(
    ("version", "shown"), [("6.0", "6.0"), ("7.4.1", "7.4.1"), ("7.2.0-beta", "7.2.0-beta")]
)
def test_the_version_is_that_of_the_file(version, shown):
    stats = StatsFile.parse(made.aseg(version).encode(), where="x")
    assert (stats.version, stats.subject, stats.hemisphere) == (shown, "sub-01", None)
    assert "mri_segstats" in stats.build or stats.build == version


def test_a_revision_of_no_known_release_stays_a_revision():
    text = made.aseg("6.0").replace("v 1.121 ", "v 1.999 ")
    stats = StatsFile.parse(text.encode(), where="x")
    assert stats.version == ""
    assert "1.999" in stats.build


def test_a_measure_without_its_comma_is_read():
    line = b"# Measure Cortex, CortexVol Total cortical gray matter volume, 553998.3, mm^3\n"
    (measure,) = StatsFile.parse(line, where="x").measures
    assert (measure.structure, measure.name, measure.value, measure.unit) == (
        *("Cortex", "CortexVol", 553998.3, "mm^3"),
    )
    assert measure.description == "Total cortical gray matter volume"
    assert not measure.regular


def test_a_description_may_hold_commas():
    line = b"# Measure A, AVol, volume, of A, all of it, 1.5, mm^3\n"
    (measure,) = StatsFile.parse(line, where="x").measures
    assert (measure.name, measure.description) == ("AVol", "volume, of A, all of it")
    assert measure.regular


def test_etiv_is_icv_in_freesurfer_5_1():
    assert "eTIV" not in made.aseg("5.1")
    stats = StatsFile.parse(made.aseg("5.1").encode(), where="x")
    assert stats.etiv == {m.name: m.value for m in stats.measures}["ICV"]


@given(
    names=st.lists(NAMES.filter(lambda n: n != "StructName"), min_size=1, max_size=6, unique=True),
    regions=st.lists(NAMES, min_size=1, max_size=8, unique=True),
    place=st.integers(0, 6),
    spaces=st.lists(st.sampled_from([" ", "  ", "\t", "    "]), min_size=1, max_size=5),
    newline=NEWLINES,
    measures=st.dictionaries(NAMES, NUMBERS, max_size=4),
    data=st.data(),
)
def test_any_table_is_read_back(names, regions, place, spaces, newline, measures, data):
    columns = list(names)
    columns.insert(min(place, len(names)), "StructName")
    numbers = {region: {name: data.draw(NUMBERS) for name in names} for region in regions}
    lines = [f"# Measure S, {name}, words, {value!r}, mm" for name, value in measures.items()]
    lines += [f"# NTableCols {len(columns)}", f"# NRows {len(regions)} "]
    lines.append("# ColHeaders  " + " ".join(columns))
    for index, region in enumerate(regions):
        cells = [
            region if name == "StructName" else repr(numbers[region][name]) for name in columns
        ]
        gap = spaces[index % len(spaces)]
        lines.append(gap * (index % 2) + gap.join(cells) + gap)
        lines += [""] * (index % 2)
    text = newline.join(lines) + newline
    table, read_measures = read(StatsFile.parse(text.encode(), where="x"))
    assert {r: {n: table[n][r] for n in names} for r in regions} == numbers
    assert read_measures == {name: (value, "mm") for name, value in measures.items()}


def test_every_sample_equals_its_own_lines():
    for name, data in stats_samples("*.stats*").items():
        stats = StatsFile.parse(data, where=name)
        if stats.columns:
            assert read(stats) == direct(data.decode()), name
        else:
            assert len(stats.measures) == data.count(b"# Measure"), name
        assert stats.version == ("" if "brainvol" in name else name[2:].split("_")[0])


@pytest.mark.parametrize("version", ["6.0", "7.0.0"])
@pytest.mark.parametrize("hemi", ["lh", "rh"])
def test_parcellations_equal_those_of_freesurfer_stats(version, hemi, tmp_path):
    made_file = tmp_path / f"{hemi}.aparc.stats"
    # freesurfer-stats takes no comma in a description.
    made_file.write_text(made.aparc(version, hemi).replace(", with a comma", ""))
    paths = {str(made_file): made_file.read_bytes()}
    for name, data in stats_samples(f"fs{version}*_{hemi}.aparc*.stats*").items():
        (tmp_path / name).write_bytes(data)
        paths[str(tmp_path / name)] = data
    script = Path(peers.__file__).parent / "freesurfer_stats_tables.py"
    theirs = json.loads(run_peer("freesurfer-stats", script, json.dumps(list(paths))))
    for (path, data), other in zip(paths.items(), theirs, strict=True):
        stats = StatsFile.parse(data, where=path)
        assert stats.hemisphere == other["hemisphere"]
        assert [list(column.values) for column in stats.columns] == [
            [column[region] for region in stats.regions] for column in other["table"].values()
        ]
        own = [m.value for m in stats.measures if m.name != "NumVert"]
        assert own == list(other["whole"].values())
