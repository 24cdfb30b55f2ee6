"""Every pair of SOP class and transfer syntax of the archive reads as others read it."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest

from idc.comparing import assert_read
from idc.coverage import PAGE, Row, page, rows
from idc.making import FRAMES, class_uid, made
from idc.pairs import SYNTAXES
from oracles.samples import folder

SINGLE = sorted({(row.name, syntax) for row in rows() for syntax in row.syntaxes})
MIXED = [row for row in rows() if len(row.syntaxes) > 1]

NO_ENCODER = {("VL Whole Slide Microscopy Image", "JPEG Baseline")}
"""Colour slides are compressed by scanners: foreign files of this pair are many."""


@pytest.mark.parametrize(("name", "syntax"), [one for one in SINGLE if one not in NO_ENCODER])
def test_pair_written_by_other_programs(name: str, syntax: str, tmp_path: Path) -> None:
    paths = made(name, syntax, tmp_path)
    ds = pydicom.dcmread(paths[0])
    assert ds.SOPClassUID == class_uid(name)
    assert ds.file_meta.TransferSyntaxUID == SYNTAXES[syntax][0]
    if "Rows" in ds:
        assert ds.Rows != ds.Columns
        assert len(paths) >= FRAMES or ds.NumberOfFrames >= FRAMES
    assert_read(name, paths)


@pytest.mark.parametrize("row", [one for one in rows() if one.kind == "origin"], ids=str)
def test_pair_of_foreign_origin(row: Row) -> None:
    for syntax in row.syntaxes:
        for path in row.foreign(syntax)[:3]:
            assert_read(row.name, [path])


def test_the_page_says_what_is_so() -> None:
    if folder() is None:
        pytest.skip("the page counts samples that are not at hand")
    assert PAGE.read_text() == page()
