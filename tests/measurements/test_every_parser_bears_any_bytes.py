"""Files of FreeSurfer and ASHS, changed at random: a table of finite numbers, or a sentence."""

from __future__ import annotations

import math
from functools import cache
from pathlib import PurePath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from measurements.stats_samples import stats_samples
from nearline.errors import UnreadableMeasurements
from nearline.measurements.families import FAMILIES, Measurement, choose
from nearline.testing.xnat import ashs_session, freesurfer_session

FAMILIES_HERE = ("freesurfer6", "freesurfer6_hires", "freesurfer7", "ashs")

SAMPLES = {
    "aseg": "*aseg.stats",
    "aparc": "*_?h.aparc.stats",
    "aparc.a2009s": "*a2009s.stats",
    "aparc.DKTatlas": "*DKTatlas.stats*",
    "brainvol": "*brainvol.stats",
    "hippoSfVolumes": "*hippoSfVolumes-T1.v10.txt",
    "hippoSfVolumes-T1-T2": "*hippoSfVolumes-T1-T2.v10.txt",
    "volumes": "ashs_*.txt",
}
"""Which samples are read as what."""


@cache
def good() -> dict[str, tuple[Measurement, dict[str, bytes]]]:
    """Return the files of each measurement, as simulated sessions and the samples have them."""
    made: dict[str, tuple[Measurement, dict[str, bytes]]] = {}
    for family in FAMILIES_HERE:
        for version in ("5.3.0", "6.0.0", "7.4.1"):
            files = (
                ashs_session(1, subject="s")
                if family == "ashs"
                else freesurfer_session(1, version, subject="s", extras=True)
            )
            for one in FAMILIES[family].measurements.values():
                choice = choose(files, one)
                if choice:
                    chosen = {path: files[path] for path in choice.paths}
                    made[f"{family}, {one.name}, {version}"] = one, chosen
    for name, pattern in SAMPLES.items():
        family = "ashs" if name == "volumes" else "freesurfer6"
        one = FAMILIES[family].measurements[name]
        for sample, data in stats_samples(pattern).items():
            # After version and subject comes the name that FreeSurfer gives it.
            path = sample.partition("_")[2] if family == "ashs" else sample.split("_", 2)[2]
            path = path.removesuffix(".short")
            assert choose([path], one), sample
            made[f"{sample}, {name}"] = one, {path: data}
    return made


def test_every_parser_of_freesurfer_and_ashs_is_among_them() -> None:
    there = {one.parser for one, _ in good().values()}
    wanted = {one.parser for name in FAMILIES_HERE for one in FAMILIES[name].measurements.values()}
    # Tables of another kind have a test of their own.
    assert wanted == there | {"synthseg:parse_synthseg_volumes", "synthseg:parse_synthseg_scores"}


def test_every_sample_is_among_them() -> None:
    every = stats_samples("*")
    if not every:
        pytest.skip("the samples are not beside the checkout")
    told = {name.partition(",")[0] for name in good()}
    assert {name for name in every if PurePath(name).suffix != ".md"} <= told


@pytest.mark.parametrize("name", good())
def test_as_they_are_they_are_read(name: str) -> None:
    one, files = good()[name]
    rows = one.parse(files, where="session")
    assert len(rows) > 0
    assert all(map(math.isfinite, rows.value))


@settings(max_examples=600)
@given(st.data())
def test_changed_at_random_they_are_read_or_refused(data: st.DataObject) -> None:
    one, files = good()[data.draw(st.sampled_from(sorted(good())))]
    path = data.draw(st.sampled_from(sorted(files)))
    broken = bytearray(files[path])
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(broken)))
        match data.draw(st.integers(0, 4)):
            case 0:
                del broken[place:]
            case 1:
                del broken[place : place + data.draw(st.integers(1, 300))]
            case 2:
                broken[place:place] = data.draw(st.binary(max_size=20))
            case 3:
                broken[place:place] = broken[place : place + 200]
            case 4:
                broken[place : place + 1] = data.draw(
                    st.sampled_from([b" ", b"\n", b"#", b",", b"-", b"e", b".", b"9", b"\t"])
                )
    said = ""
    try:
        rows = one.parse(files | {path: bytes(broken)}, where="session")
    except UnreadableMeasurements as error:
        said = str(error)
    if said:
        assert said.startswith("session, ")
        assert len(said) < 1000
    else:
        assert len(rows) == len(rows.value)
        assert all(map(math.isfinite, rows.value))


@pytest.mark.parametrize("name", ["freesurfer6, aseg, 6.0.0", "freesurfer6, aparc, 6.0.0"])
@pytest.mark.parametrize("times", [1, 8])
def test_what_repeats_itself_is_refused_whatever_its_size(name: str, times: int) -> None:
    one, files = good()[name]
    path, data = next(iter(files.items()))
    many = data * (times * (4 << 20) // len(data))
    with pytest.raises(UnreadableMeasurements):
        one.parse(files | {path: many}, where="session")
