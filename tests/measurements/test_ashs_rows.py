"""Volumes of ASHS: each side's own, and the volume of the head."""

import pytest

from measurements import made
from measurements.stats_samples import stats_samples
from nearline.errors import UnreadableMeasurements
from nearline.measurements.ashs import parse_ashs
from nearline.measurements.families import choose, find


def made_session(subject="sub-01"):
    return {
        f"final/{subject}_{side}_corr_nogray_volumes.txt": made.ashs_side(side, subject=subject)
        for side in ("left", "right")
    } | {f"final/{subject}_icv.txt": f"{subject} 1.5432e+06\n"}


def parse(files):
    _, wanted = find("volumes", resource="ASHS")
    given = {path: text.encode() for path, text in files.items()}
    choice = choose(given, wanted)
    return wanted.parse({path: given[path] for path in choice.paths}, where="session")


def test_each_line_gives_slices_and_a_volume():
    files = made_session()
    rows = parse(files)
    found = {(row[0], row[4], row[3]): row[5] for row in rows}
    expected = {(None, "tiv", "volume"): 1543200.0}
    for side in ("left", "right"):
        for line in files[f"final/sub-01_{side}_corr_nogray_volumes.txt"].splitlines():
            _, _, region, slices, volume = line.split()
            expected[side, region, "n_slices"] = float(slices)
            expected[side, region, "volume"] = float(volume)
    assert found == expected
    assert rows.etiv == 1543200.0
    assert {file.subject for file in rows.files} == {"sub-01"}


def test_the_modes_are_measurements_of_their_own():
    files = [
        f"final/s_{side}_{mode}_volumes.txt"
        for side in ("left", "right")
        for mode in ("corr_nogray", "corr_usegray", "heur")
    ]
    for name, mode in (("volumes", "corr_nogray"), ("volumes.heur", "heur")):
        _, wanted = find(name, family="ashs")
        choice = choose(files, wanted)
        assert choice.paths == tuple(
            f"final/s_{side}_{mode}_volumes.txt" for side in ("left", "right")
        )
        assert choice.missing == ("*icv.txt",)


def test_every_sample_is_read():
    for name, data in stats_samples("ashs_alice_*").items():
        rows = parse_ashs({name: data}, where=name)
        last = [line.split()[-1] for line in data.decode().splitlines()]
        assert [row[5] for row in rows if row[3] == "volume"] == [float(one) for one in last]


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("s_left_corr_nogray_volumes.txt", "s left CA1 26\n", "4 words, not 5"),
        (
            "s_left_corr_nogray_volumes.txt",
            "s right CA1 26 5.0\n",
            "the name of the file says left",
        ),
        ("s_left_corr_nogray_volumes.txt", "s left CA1 2.5 5.0\n", "slices of CA1 are 2.5"),
        ("s_left_corr_nogray_volumes.txt", "s left CA1 26 big\n", "line 1: the volume of CA1"),
        ("s_left_corr_nogray_volumes.txt", "s left A 2 1\ns left A 2 1\n", "also in line 1"),
        ("s_icv.txt", "s 1.0\ns 2.0\n", "not one line|one line"),
        ("s_icv.txt", "1.0\n", "one line"),
        ("s_icv.txt", "\n", "empty"),
    ],
)
def test_bad_input_is_refused(file, text, why):
    with pytest.raises(UnreadableMeasurements, match=why):
        parse_ashs({file: text.encode()}, where="session")
