"""Tables that do not fit the object are not believed; those that lie about a frame are noticed."""

from __future__ import annotations

import re

import numpy as np
import pytest

from dicom.memory_reader import MemoryReader
from dicom.reading import frame, frames_of
from dicom.written import encapsulated, image, jpeg, native, offsets_of
from nearline.dicom import offset_tables
from nearline.dicom.frame_index import build
from nearline.dicom.header_reading import read_header
from nearline.errors import InvalidDicom, NoPixels, TruncatedObject

FRAMES = [[jpeg(b"aa")], [jpeg(b"bbbb")], [jpeg(b"cccccc")]]
STARTS = offsets_of(FRAMES)
LENGTHS = [len(one[0]) for one in FRAMES]


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"table": STARTS[:2]}, "2 entries for 3 frames"),
        ({"table": [*STARTS, 70]}, "4 entries for 3 frames"),
        ({"table": [0, 14, 1 << 31]}, "behind the end"),
        ({"table": [0, 14, 14]}, "two frames at one byte"),
        ({"extended": (STARTS[:2], LENGTHS[:2])}, "2 entries for 3 frames"),
        ({"extended": (STARTS, LENGTHS[:1])}, "1 entries for 3 frames"),
        ({"extended": ([0, 14, 1 << 62], LENGTHS)}, "behind the end"),
        ({"extended": ([0, 14, (1 << 64) - 1], LENGTHS)}, "behind the end"),
        ({"extended": (STARTS, [6, 8, 1 << 63])}, "behind the end"),
        ({"extended": (STARTS, [6, 300, 10])}, "behind the end"),
        ({"extended": (STARTS, [20, 8, 10])}, "frames overlap"),
    ],
)
def test_table_that_contradicts_the_object_is_replaced_by_a_scan(
    told: dict[str, object], reason: str
) -> None:
    reader = MemoryReader(encapsulated(FRAMES, **told))
    index = build(reader, read_header(reader))
    assert index.found_by == "scan"
    assert reason in index.notes[0]
    assert [frame(reader, index, number) for number in range(3)] == [one[0] for one in FRAMES]


def test_extended_table_of_wrong_count_gives_way_to_the_basic_one() -> None:
    reader = MemoryReader(encapsulated(FRAMES, table=STARTS, extended=(STARTS[:1], LENGTHS[:1])))
    index = build(reader, read_header(reader))
    assert index.found_by == "Basic Offset Table"
    assert reader.scans == []


@pytest.mark.parametrize("wrong", [[0, 13, STARTS[2]], [0, 16, STARTS[2]], [2, 14, STARTS[2]]])
def test_frame_that_is_not_where_the_table_says_is_named(wrong: list[int]) -> None:
    data = encapsulated(FRAMES, table=wrong)
    reader = MemoryReader(data)
    header = read_header(reader)
    index = build(reader, header)
    assert header.pixel_offset is not None
    bad = next(n for n in range(3) if wrong[n] != STARTS[n])
    place = header.pixel_offset + 8 + 12 + wrong[bad]
    with pytest.raises(InvalidDicom, match=rf"Frame {bad + 1} of memory:object .* byte {place} "):
        frame(reader, index, bad)


def test_item_length_that_lies_is_noticed() -> None:
    data = bytearray(encapsulated(FRAMES, table=STARTS))
    place = data.index(FRAMES[1][0]) - 4
    for length, said in (
        (400, "announces 400 bytes"),
        (2, "no item|is there"),
        (0, "is there|empty"),
    ):
        data[place : place + 4] = length.to_bytes(4, "little")
        with pytest.raises(InvalidDicom, match=said):
            frames_of(MemoryReader(bytes(data)))


def test_empty_frame_is_refused() -> None:
    with pytest.raises(InvalidDicom, match=r"Frame 2 .* the frame is empty"):
        frames_of(MemoryReader(encapsulated([FRAMES[0], [b""], FRAMES[2]])))


def test_truncated_pixel_data_says_so() -> None:
    for table in (None, STARTS):
        data = encapsulated(FRAMES, table=table)
        with pytest.raises(TruncatedObject):
            frames_of(MemoryReader(data[:-12]))


def test_scan_that_meets_no_item_names_the_byte() -> None:
    data = bytearray(encapsulated(FRAMES))
    place = data.index(FRAMES[1][0]) - 8
    data[place : place + 4] = b"\x10\x00\x10\x00"
    with pytest.raises(
        InvalidDicom, match=re.escape(f"(0010,0010) stands where an item is due, at byte {place}")
    ):
        frames_of(MemoryReader(bytes(data)))


def test_frame_numbers_beyond_the_object_cost_no_memory() -> None:
    for frames in (2**31 - 1, 2**40):
        with pytest.raises(TruncatedObject, match="do not fit"):
            frames_of(MemoryReader(encapsulated(FRAMES, dataset=image(frames))))
        with pytest.raises(InvalidDicom, match="frames need"):
            frames_of(MemoryReader(native(image(frames), bytes(24))))


def test_frames_of_no_size_are_refused() -> None:
    with pytest.raises(InvalidDicom, match=r"Rows \(0028,0010\)"):
        frames_of(MemoryReader(native(image(rows=0), bytes(24))))


def test_image_without_pixels_says_so() -> None:
    data = native(image(), bytes(24))
    with pytest.raises(NoPixels):
        frames_of(MemoryReader(data[: -24 - 12]))


def test_basic_table_that_wraps_at_4_gib_is_continued() -> None:
    true = np.array([0, 3 << 30, 5 << 30, 8 << 30], np.uint64)
    told = (true % (1 << 32)).astype("<u4").tobytes()
    found = offset_tables.basic(told, first_item=1000, number_of_frames=4, size=10 << 30)
    assert found.offsets.tolist() == (true + 1000).tolist()
    assert "wraps at 4 GiB" in found.notes[0]


def test_wrapping_that_32_bits_cannot_show_is_not_guessed() -> None:
    true = np.array([0, 3 << 30, 5 << 30, 9 << 30], np.uint64)  # 4 GiB from one to the next
    told = (true % (1 << 32)).astype("<u4").tobytes()
    with pytest.raises(offset_tables.Unusable, match="two frames at one byte"):
        offset_tables.basic(told, first_item=1000, number_of_frames=4, size=10 << 30)
