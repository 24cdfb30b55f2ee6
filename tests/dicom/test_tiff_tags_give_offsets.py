"""Dual DICOM-TIFF files without an offset table are read by their TIFF tags, in one round trip."""

from __future__ import annotations

from pathlib import Path
from struct import pack
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom.memory_reader import MemoryReader
from dicom.reading import frame, frames_of
from dicom.written import encapsulated, image, jpeg
from nearline.dicom.frame_index import build
from nearline.dicom.header_reading import read_header
from slides import write_slide

FRAMES = [[jpeg(bytes([n]) * (2 * n + 2))] for n in range(6)]


def dual(
    frames: list[list[bytes]] = FRAMES,
    *,
    big: bool = False,
    order: str = "<",
    change: Any = None,
    strips: bool = False,
    others: int = 0,
    gap: int = 0,
    behind: int = 0,
) -> bytes:
    """Write a dual file of 6 tiles, 4 x 6 pixels each.

    `change` may falsify offsets and lengths. `others` directories without tiles precede the
    image's; `gap` bytes lie between its arrays and the directories, `behind` bytes after them.
    """
    dataset = image(len(frames))
    dataset.TotalPixelMatrixRows, dataset.TotalPixelMatrixColumns = 8, 18
    plain = encapsulated(frames, dataset=dataset)
    offsets = [plain.index(one[0]) for one in frames]
    lengths = [len(one[0]) for one in frames]
    if change is not None:
        offsets, lengths = change(offsets, lengths)
    word, size = ("Q", 8) if big else ("I", 4)
    kind = 16 if big else 4
    body = np.array([*offsets, *lengths], f"{order}u{size}").tobytes()
    place = len(plain) + 12
    second = place + size * len(offsets)
    width, height = (6, 4) if strips else (18, 8)
    tags = [(256, 3, 1, width), (257, 3, 1, height), (259, 3, 1, 7)]
    tiles = [(322, 3, 1, 6), (323, 3, 1, 4), (324, kind, len(offsets), place)]
    tags += [*tiles, (325, kind, len(lengths), second)]
    entries = b""
    for tag, type_, count, value in tags:
        inline = pack(f"{order}H", value) if type_ == 3 else pack(f"{order}{word}", value)
        entries += pack(f"{order}HH{word}", tag, type_, count) + inline.ljust(size, b"\0")
    number = "Q" if big else "H"
    body += bytes(gap)
    first = place + len(body)
    directory = b""
    for n in range(others):
        alone = pack(f"{order}{number}HH{word}", 1, 256, 3, 1)
        alone += pack(f"{order}H", 5).ljust(size, b"\0") + bytes(5000)
        length = len(alone) - 5000
        following = first + (n + 1) * (len(alone) + size)
        directory += alone[:length] + pack(f"{order}{word}", following) + bytes(5000)
    directory += pack(f"{order}{number}", len(tags)) + entries + bytes(size) + bytes(behind)
    start = b"II" if order == "<" else b"MM"
    if big:
        header = start + pack(f"{order}HHHQ", 43, 8, 0, first)
    else:
        header = start + pack(f"{order}HI", 42, first)
    tail = pack("<HH2sHI", 0xFFFC, 0xFFFC, b"OB", 0, len(body) + len(directory)) + body + directory
    return header.ljust(128, b"\0") + plain[128:] + tail


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_tags_of_every_flavour_are_read(big: bool, order: str) -> None:
    reader = MemoryReader(dual(big=big, order=order))
    index = build(reader, read_header(reader))
    assert (index.found_by, index.notes) == ("TIFF tags", ())
    assert frames_of(reader) == [one[0] for one in FRAMES]
    assert reader.scans == []


@pytest.mark.parametrize(("table", "width"), [("tiff", 8), ("bigtiff", 16)])
def test_directory_behind_the_pixels_costs_one_read_of_what_its_arrays_need(
    tmp_path: Path, table: str, width: int
) -> None:
    slide = write_slide(
        tmp_path / "slide.dcm", rows=1500, columns=1300, offset_table=table, icc_size=50_000
    )
    data = slide.path.read_bytes()
    reader = MemoryReader(data)
    index = build(reader, read_header(reader))
    assert index.found_by == "TIFF tags"
    assert reader.scans == []
    assert len(reader.reads) == 1  # and not the profile that lies behind the arrays
    assert reader.reads[0].length <= width * index.number_of_frames + 4096
    with tifffile.TiffFile(slide.path) as other:
        page = other.pages[0]
        assert index.number_of_frames == len(page.dataoffsets)
        for number, place in enumerate(zip(page.dataoffsets, page.databytecounts, strict=True)):
            stored = data[place[0] : place[0] + place[1]]
            assert frame(reader, index, number)[: len(stored)] == stored


@pytest.mark.parametrize("big", [False, True])
def test_arrays_far_from_their_directory_are_read_exactly_and_side_by_side(big: bool) -> None:
    reader = MemoryReader(dual(big=big, gap=20_000, behind=200_000), first=300)
    header = read_header(reader)
    reader.reads.clear()
    assert build(reader, header).found_by == "TIFF tags"
    assert reader.together == [1, 2]
    size = 6 * (8 if big else 4)
    assert [one.length for one in reader.reads[1:]] == [size, size]
    assert reader.reads[0].length < 5000
    assert frames_of(reader) == [one[0] for one in FRAMES]


def test_arrays_before_a_directory_at_the_end_come_with_it() -> None:
    reader = MemoryReader(dual(), first=300)
    header = read_header(reader)
    reader.reads.clear()
    assert build(reader, header).found_by == "TIFF tags"
    assert len(reader.reads) == 1


@pytest.mark.parametrize("big", [False, True])
def test_long_chain_of_directories_takes_few_reads(big: bool) -> None:
    reader = MemoryReader(dual(big=big, others=60), first=300)
    header = read_header(reader)
    reader.reads.clear()
    assert build(reader, header).found_by == "TIFF tags"
    assert len(reader.reads) <= 9
    assert frames_of(reader) == [one[0] for one in FRAMES]


def test_directory_with_more_tiles_than_frames_asks_for_no_array() -> None:
    plain = dual(behind=100)
    at = plain.rindex(pack("<HHI", 324, 4, 6))
    more = bytearray(plain)
    for place in (at, at + 12):
        more[place + 4 : place + 8] = pack("<I", 50)
    reader = MemoryReader(bytes(more))
    index = build(reader, read_header(reader))
    assert (index.found_by, reader.reads) == ("scan", [])


LIES = {
    "another number of tiles": lambda o, n: (o[:5], n[:5]),
    "an offset outside": lambda o, n: ([*o[:5], 1 << 31], n),
    "an offset before the pixels": lambda o, n: ([4, *o[1:]], n),
    "a gap": lambda o, n: ([*o[:5], o[5] + 2], n),
    "lengths too short": lambda o, n: (o, [n[0] - 2, *n[1:]]),
    "a length outside": lambda o, n: (o, [*n[:5], 1 << 31]),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_tags_that_contradict_the_items_give_way_to_a_scan(lie: Any) -> None:
    reader = MemoryReader(dual(change=lie))
    index = build(reader, read_header(reader))
    assert index.found_by == "scan"
    assert index.notes[0].startswith("The TIFF tags cannot be used")
    assert frames_of(reader) == [one[0] for one in FRAMES]


def test_tiles_listed_in_another_order_are_frames_in_the_order_of_the_file() -> None:
    reader = MemoryReader(dual(change=lambda o, n: (o[::-1], n[::-1])))
    assert build(reader, read_header(reader)).found_by == "TIFF tags"
    assert frames_of(reader) == [one[0] for one in FRAMES]


def test_directory_of_another_image_is_not_taken() -> None:
    reader = MemoryReader(dual(strips=True))  # its image is as large as one tile
    index = build(reader, read_header(reader))
    assert frames_of(reader) == [one[0] for one in FRAMES]
    assert index.found_by in ("TIFF tags", "scan")


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_directories_never_give_wrong_frames(data: st.DataObject) -> None:
    whole = bytearray(dual(big=data.draw(st.booleans())))
    behind = whole.index(b"\xfc\xff\xfc\xff")
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.one_of(st.integers(0, 15), st.integers(behind + 12, len(whole) - 1)))
        whole[place] = data.draw(st.integers(0, 255))
    assert frames_of(MemoryReader(bytes(whole), first=900)) == [one[0] for one in FRAMES]


def test_loop_of_directories_ends() -> None:
    header = (b"II" + pack("<HI", 42, 8) + pack("<HI", 0, 8)).ljust(128, b"\0")
    data = header + encapsulated(FRAMES)[128:]
    assert frames_of(MemoryReader(data)) == [one[0] for one in FRAMES]
