"""A header that fits into the first read costs no other; a large one costs one more."""

from __future__ import annotations

import tracemalloc
from struct import pack

import pytest
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from dicom.memory_reader import MemoryReader
from dicom.written import encapsulated, encode, image, item, native, offsets_of
from nearline.dicom.frame_index import build
from nearline.dicom.header_reading import read_header


def with_groups(frames: int, size: int, *, undefined: bool = False) -> bytes:
    """Write an image whose functional groups take `size` bytes a frame."""
    filler = pack("<HH2sHI", 0x0021, 0x1010, b"OB", 0, size - 20) + bytes(size - 20)
    if undefined:
        end = pack("<HHI", 0xFFFE, 0xE00D, 0)
        one = pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) + filler + end
        groups = one * frames + pack("<HHI", 0xFFFE, 0xE0DD, 0)
        length = 0xFFFFFFFF
    else:
        groups = item(filler) * frames
        length = len(groups)
    pixels = bytes(24 * frames)
    return (
        encode(image(frames), ExplicitVRLittleEndian)
        + pack("<HH2sHI", 0x5200, 0x9230, b"SQ", 0, length)
        + groups
        + pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, len(pixels))
        + pixels
    )


def test_small_header_costs_no_read_beyond_the_first() -> None:
    reader = MemoryReader(native(image(), bytes(24)))
    build(reader, read_header(reader))
    assert reader.reads == []


def test_functional_groups_of_3_mb_cost_one_read() -> None:
    reader = MemoryReader(with_groups(6000, 500))
    header = read_header(reader)
    build(reader, header)
    assert len(reader.reads) == 1
    assert reader.reads[0].start == 256 * 1024
    assert len(header.functional_groups or b"") == 6000 * (8 + 12 + 480)


def test_large_offset_tables_cost_one_read() -> None:
    frames = [[b"\xff\xd8" + bytes(2)]] * 30_000
    starts = offsets_of(frames)
    data = encapsulated(frames, extended=(starts, [4] * len(frames)))
    reader = MemoryReader(data, first=20_000)
    index = build(reader, read_header(reader))
    assert index.found_by == "Extended Offset Table"
    assert len(reader.reads) == 1
    assert reader.reads[0].length < 1.1 * 16 * len(frames)


def test_large_basic_table_comes_with_one_read() -> None:
    frames = [[b"\xff\xd8" + bytes(2)]] * 30_000
    reader = MemoryReader(encapsulated(frames, table="right"), first=20_000)
    index = build(reader, read_header(reader))
    assert index.found_by == "Basic Offset Table"
    assert len(reader.reads) == 1


def test_sequence_of_undefined_length_is_read_as_the_number_of_frames_tells() -> None:
    reader = MemoryReader(with_groups(6000, 500, undefined=True))
    header = read_header(reader)
    assert len(reader.reads) == 1
    assert sum(one.length for one in reader.reads) < 1.1 * 6000 * 500
    assert header.dataset().NumberOfFrames == 6000
    assert len(header.dataset().PerFrameFunctionalGroupsSequence) == 6000


def test_sequence_whose_later_items_are_longer_is_read_whole() -> None:
    data = with_groups(4000, 100, undefined=True)
    end = data.rindex(pack("<HHI", 0xFFFE, 0xE0DD, 0))
    one = pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    filler = pack("<HH2sHI", 0x0021, 0x1010, b"OB", 0, 3000) + bytes(3000)
    more = (one + filler + pack("<HHI", 0xFFFE, 0xE00D, 0)) * 1000
    reader = MemoryReader(data[:end] + more + data[end:])
    header = read_header(reader)
    assert len(reader.reads) <= 6
    assert len(header.dataset().PerFrameFunctionalGroupsSequence) == 5000


@pytest.mark.parametrize("undefined", [False, True])
def test_large_header_takes_less_than_three_times_its_size(undefined: bool) -> None:
    data = with_groups(20_000, 600, undefined=undefined)
    reader = MemoryReader(data)
    tracemalloc.start()
    try:
        header = read_header(reader)
        index = build(reader, header)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert index.number_of_frames == 20_000
    assert peak < 3 * len(header.functional_groups or b"")
    assert held < 1.2 * len(header.functional_groups or b"")


def test_functional_groups_are_not_parsed_until_asked_for() -> None:
    reader = MemoryReader(with_groups(50, 100))
    found: Dataset = read_header(reader).dataset()
    assert 0x52009230 in found
    raw = found.get_item(0x52009230)
    assert isinstance(raw.value, bytes)
    assert len(found.PerFrameFunctionalGroupsSequence) == 50
    assert found[0x5200, 0x9230].value[7][0x0021, 0x1010].value == bytes(80)
