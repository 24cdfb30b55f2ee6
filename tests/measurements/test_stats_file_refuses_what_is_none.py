"""Bytes that are no table of measurements are refused with the file and the line, never read."""

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from measurements import made
from nearline.errors import NearlineError, UnreadableMeasurements
from nearline.measurements.stats_file import StatsFile

ASEG = made.aseg().encode()
HEAD, _, TABLE = ASEG.partition(b"# ColHeaders")
ROWS = ASEG.count(b"\n") - 3
"""Line of the first row."""

LOGIN = b"""<!DOCTYPE html PUBLIC "-//W3C//DTD HTML 4.01//EN">\n<html><head><title>XNAT</title>\n"""


def edited(old, new):
    assert old in ASEG
    return ASEG.replace(old, new, 1)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (LOGIN, "web page"),
        (b"\n\n<html>\n", "web page"),
        (b'<?xml version="1.0"?>\n<a/>\n', "web page"),
        (b"\x1f\x8b\x08\x00" + bytes(range(200)), "binary"),
        (ASEG[:300] + b"\0" + ASEG[300:], "binary"),
        (ASEG.decode().encode("utf-16"), "binary"),
        (ASEG[:-1], "last line does not end"),
        (ASEG[:-30], "last line does not end"),
        (ASEG[: ASEG.rindex(b"CC_Anterior")] + b"\n", "4 columns where ColHeaders names 10"),
        (ASEG[: ASEG[:-1].rindex(b"\n") + 1], "NRows is 4, but the table has 3 rows"),
        (edited(b"# NTableCols 10", b"# NTableCols 11"), "NTableCols is 11"),
        (HEAD, "ends before its table"),
        (edited(b" Volume_mm3 StructName", b" Volume_mm3"), "no StructName"),
        (edited(b"normMin normMax", b"normMin normMin"), "names a column twice"),
        (edited(b"# ColHeaders", b"# ColHeaders Extra"), "columns"),
        (edited(b"# ColHeaders", b"# Columns"), "before ColHeaders"),
        (edited(b"Left-Hippocampus", b"3rd-Ventricle   "), "also in line"),
        (b"just some words\nof a text\n", "before ColHeaders"),
        (b"# a comment\n", "neither a Measure line nor a table"),
        (b"# Measure A, AVol, words, 1.0\n", "no value and unit|not a finite"),
        (b"# Measure A, AVol, words, , mm\n", "not a finite number"),
        (b"# Measure A, 1.0, mm\n", "lacks its name"),
        (b"# Measure A, AVol, words, 1.0,\n", "not a finite number"),
        (b"# Measure A, V, w, 1, mm\n# Measure B, V, w, 2, mm\n", "another value in line 1"),
        (b"x" * (16 * 1024 * 1024 + 1), "too many"),
    ],
)
def test_the_reason_is_said(data, why):
    with pytest.raises(UnreadableMeasurements, match=why) as caught:
        StatsFile.parse(data, where="https://xnat.example.org, P, S1, stats/aseg.stats")
    assert str(caught.value).startswith("https://xnat.example.org, P, S1, stats/aseg.stats")
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, NearlineError)


@pytest.mark.parametrize(
    "number",
    ["nan", "-nan", "inf", "-Infinity", "1e999", "12.3.4", "0x10", "1_000", "twelve", "1,5", "--1"],
)
@pytest.mark.parametrize("place", ["row", "measure"])
def test_a_word_is_no_number(number, place):
    row = ASEG.splitlines(keepends=True)[ROWS - 1]
    if place == "row":
        volume = row.split()[3]
        data, line = edited(volume, number.encode()), ROWS
    else:
        data, line = f"# Measure A, AVol, words, {number}, mm\n".encode(), 1
    with pytest.raises(UnreadableMeasurements, match=f"line {line}: .*not a finite|too large"):
        StatsFile.parse(data, where="x")


def test_a_number_of_a_million_digits_is_refused_at_once():
    data = b"# Measure A, AVol, words, " + b"9" * 1_000_000 + b", mm\n"
    started = time.process_time()
    with pytest.raises(UnreadableMeasurements) as caught:
        StatsFile.parse(data, where="x")
    assert time.process_time() - started < 5
    assert len(str(caught.value)) < 300


def test_a_name_in_latin_1_harms_nobody():
    data = ASEG.replace(b"user1", "Jos\xe9".encode("latin-1"))
    assert StatsFile.parse(data, where="x").headers["user"] == "Jos\xe9"


def test_a_mark_of_utf_8_harms_nobody():
    assert StatsFile.parse(b"\xef\xbb\xbf" + ASEG, where="x").regions == made.ASEG_REGIONS


def parsed_or_refused(data):
    """Return the table, or None where it is refused in the right form; nothing else may rise."""
    with contextlib.suppress(UnreadableMeasurements):
        return StatsFile.parse(data, where="x")
    with pytest.raises(UnreadableMeasurements, match=r"^x(, line \d+)?: "):
        StatsFile.parse(data, where="x")
    return None


@settings(max_examples=300)
@given(cut=st.integers(0, len(ASEG) - 1))
def test_a_cut_file_is_never_read(cut):
    with pytest.raises(UnreadableMeasurements):
        StatsFile.parse(ASEG[:cut], where="x")


@settings(max_examples=500)
@given(data=st.data())
def test_bytes_changed_at_random_give_an_error_or_a_table(data):
    broken = bytearray(ASEG)
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(broken) - 1))
        match data.draw(st.integers(0, 3)):
            case 0:
                broken[place] = data.draw(st.integers(0, 255))
            case 1:
                del broken[place : place + data.draw(st.integers(1, 200))]
            case 2:
                broken[place:place] = data.draw(st.binary(max_size=20))
            case 3:
                broken[place:place] = broken[place : place + 100]
        if not broken:
            break
    stats = parsed_or_refused(bytes(broken))
    if stats is not None:
        assert all(len(column.values) == len(stats.regions) for column in stats.columns)
        assert stats.measures or stats.regions


@settings(max_examples=300)
@given(st.binary(max_size=500) | st.text(max_size=300).map(str.encode))
def test_any_bytes_give_an_error_or_a_table(data):
    parsed_or_refused(data)
