"""What was derived from an object comes back as it was, and damage to it is noticed."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom.memory_reader import MemoryReader
from dicom.test_columns_equal_pydicom import many
from dicom.written import encapsulated, jpeg
from nearline.dicom.artefact import Unreadable, pack, unpack
from nearline.dicom.frame_index import FrameIndex, build
from nearline.dicom.header import Header
from nearline.dicom.header_reading import read_header

GROUPED = many(60, "explicit")
TABLED = encapsulated([[jpeg(b"aa")], [jpeg(b"bbbb")]], table=[0, 99])


@pytest.mark.parametrize("data", [GROUPED, TABLED])
def test_header_comes_back(data: bytes) -> None:
    reader = MemoryReader(data)
    header = read_header(reader)
    kept = Header.from_bytes(header.to_bytes(), reader)
    assert kept.dataset() == header.dataset()
    assert kept.functional_groups == header.functional_groups
    for name in ("transfer_syntax_uid", "pixel_offset", "pixel_length", "preamble", "encoding"):
        assert getattr(kept, name) == getattr(header, name)


def test_kept_header_does_not_repeat_the_functional_groups() -> None:
    header = read_header(MemoryReader(GROUPED))
    assert len(header.to_bytes()) < len(header.elements) + 2000


@pytest.mark.parametrize("data", [GROUPED, TABLED])
def test_frame_index_comes_back(data: bytes) -> None:
    reader = MemoryReader(data)
    index = build(reader, read_header(reader))
    kept = FrameIndex.from_bytes(index.to_bytes())
    for name in (
        "url",
        "size",
        "number_of_frames",
        "encapsulated",
        "found_by",
        "open_ended",
        "notes",
        "facts",
    ):
        assert getattr(kept, name) == getattr(index, name)
    assert kept.ranges(range(2)) == index.ranges(range(2))
    assert set(kept.columns) == set(index.columns)
    for keyword, column in index.columns.by_keyword.items():
        np.testing.assert_array_equal(kept.columns[keyword], column)
        assert kept.columns[keyword].dtype == column.dtype
    assert set(kept.columns.missing) == set(index.columns.missing)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_facts_are_unreadable_and_nothing_else(data: st.DataObject) -> None:
    reader = MemoryReader(GROUPED)
    header = read_header(reader)
    kept = bytearray(
        data.draw(st.sampled_from([header.to_bytes(), build(reader, header).to_bytes()]))
    )
    # The head is where damage can be noticed; the cache's checksum guards the rest.
    for _ in range(data.draw(st.integers(1, 3))):
        kept[data.draw(st.integers(0, 600))] = data.draw(st.integers(0, 255))
    short = bytes(kept[: data.draw(st.integers(0, len(kept)))])
    for damaged in (bytes(kept), short):
        for restore in (lambda d: Header.from_bytes(d, reader), FrameIndex.from_bytes):
            with suppress(Unreadable):
                restore(damaged)


@pytest.mark.parametrize(
    "other",
    [b"", b"nearline", pack("frames", 999, {}, {}), pack("facts", 1, {}, {}), b"x" * 500],
)
def test_other_kinds_and_versions_are_unreadable(other: bytes) -> None:
    with pytest.raises(Unreadable):
        FrameIndex.from_bytes(other)
    with pytest.raises(Unreadable):
        Header.from_bytes(other, MemoryReader(b""))


def test_no_array_beyond_the_data_is_made() -> None:
    good = pack("frames", 1, {}, {"a": np.zeros(4)})
    with pytest.raises(Unreadable):
        unpack("frames", 1, good.replace(b"[4]", b"[9]"))
    with pytest.raises(Unreadable):
        unpack("frames", 1, good.replace(b"<f8", b"|O8"))
