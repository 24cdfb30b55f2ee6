"""`nearline report` and `nearline annotations` as typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import highdicom
import numpy as np
import pandas as pd
import pytest

from made.annotations import AREA, annotations, encoded, group, points, polygons
from made.reports import write_report

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def nuclei(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("ann") / "nuclei.dcm"
    made = [
        group(1, "POINT", points(rng.random((40, 2))), {AREA: rng.random(40)}, label="tumor"),
        group(2, "POLYGON", polygons(rng, 30), label="stroma"),
    ]
    path.write_bytes(encoded(annotations(made)))
    return path


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(tmp_path_factory.mktemp("sr") / "report.dcm", groups=4)


def test_report_lists_measurements(command: Command, report: Path, tmp_path: Path) -> None:
    groups = highdicom.sr.srread(report).content.get_planar_roi_measurement_groups()
    values = [one.value for found in groups for one in found.get_measurements()]
    code, printed, _ = command("report", report)
    assert code == 0
    assert "Finding 3" in printed
    code, printed, _ = command("report", report, "--json")
    told = json.loads(printed)
    assert told["groups"] == 4
    assert [one["value"] for one in told["measurements"]] == pytest.approx(values)
    for name, read in (("t.csv", pd.read_csv), ("t.parquet", pd.read_parquet)):
        code, printed, _ = command("report", report, "-o", tmp_path / name)
        assert code == 0
        assert f"{len(values)} measurements of 4 groups" in printed
        assert read(tmp_path / name)["value"].tolist() == pytest.approx(values)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["t.csv", "t.parquet"]


def test_annotations_lists_groups(command: Command, nuclei: Path) -> None:
    code, printed, _ = command("annotations", nuclei)
    assert code == 0
    for text in ("tumor", "stroma", "Nucleus", "POLYGON", "40", "Area"):
        assert text in printed
    _, printed, _ = command("annotations", nuclei, "--json")
    told = json.loads(printed)
    assert [one["annotations"] for one in told["groups"]] == [40, 30]
    assert told["coordinate_type"] == "2D"


@pytest.mark.parametrize(
    ("chosen", "counts"),
    [([], {1: 40, 2: 30}), (["--group", 2], {2: 30}), (["--label", "tumor"], {1: 40})],
)
def test_annotations_become_a_table(
    command: Command, nuclei: Path, tmp_path: Path, chosen: list[object], counts: dict[int, int]
) -> None:
    output = tmp_path / "nuclei.parquet"
    code, printed, _ = command("annotations", nuclei, "-o", output, *chosen)
    assert (code, f"{sum(counts.values())} annotations" in printed) == (0, True)
    table = pd.read_parquet(output)
    assert table["group"].value_counts().to_dict() == counts
    theirs = highdicom.ann.annread(nuclei)
    for number in counts:
        data = theirs.get_annotation_group(number).get_graphic_data("2D")
        mine = table[table["group"] == number]
        assert np.allclose(mine["x_min"], [one[:, 0].min() for one in data])
        assert np.allclose(mine["y_max"], [one[:, 1].max() for one in data])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["annotations", "{}", "-o", "x.txt"], "none of .parquet, .csv"),
        (["annotations", "{}", "--group", 9], "it has 2"),
        (["annotations", "{}", "--label", "nobody"], "'tumor', 'stroma'"),
        (["annotations", "{}", "--label", "tumor", "--group", 1], "give one of them"),
        (["report", "{}"], "TID 1500"),
        (["report", "{}", "-o", "x.xlsx"], "none of .parquet, .csv"),
    ],
)
def test_mistakes_are_one_sentence(
    command: Command, nuclei: Path, words: list[object], said: str
) -> None:
    code, printed, errors = command(*[str(one).format(nuclei) for one in words])
    assert (code, printed) == (1, "")
    assert said in errors
    assert "Traceback" not in errors
