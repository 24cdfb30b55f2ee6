"""Whatever happened to an object's bytes: a clear error, or frames, and in bounded time."""

from __future__ import annotations

import zlib
from contextlib import suppress
from struct import pack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset

from dicom.memory_reader import MemoryReader
from dicom.samples import sample_files
from dicom.test_columns_equal_pydicom import many
from dicom.written import NATIVE, encapsulated, encode, image, jpeg
from nearline.dicom.deflated import InflatedReader
from nearline.dicom.frame_index import build
from nearline.dicom.header_reading import read_header
from nearline.errors import InvalidDicom, NearlineError, TooLarge, TruncatedObject

FRAMES = [[jpeg(b"aa"), b"more"], [jpeg(b"bbbb")], [jpeg(b"cccccc")]]
SEEDS = [
    encapsulated(FRAMES),
    encapsulated(FRAMES, table="right"),
    encapsulated([one[:1] for one in FRAMES], extended=([0, 14, 30], [6, 8, 10])),
    many(20, "explicit"),
    many(20, "implicit", open_=True),
    many(5, "big endian"),
    many(5, "deflated"),
    *(
        path.read_bytes()
        for name, path in sample_files().items()
        if name.startswith("test_files/") and path.stat().st_size < 20_000
    ),
]


def read_all(data: bytes, first: int) -> None:
    """Read header and frames as far as they go."""
    reader = MemoryReader(data, first=first)
    header = read_header(reader)
    header.dataset()
    index = build(reader, header)
    source = InflatedReader(reader, header) if header.deflated else reader
    for number in range(min(index.number_of_frames, 20)):
        stored = bytes(source.read(*index.range_of(number)))
        while more := index.missing(number, stored):
            stored += bytes(source.read(*more))
        index.payload(number, stored)
    assert len(index.offsets) <= 8 * len(data) or header.deflated


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=600, deadline=None)
@given(st.data())
def test_mutated_objects_raise_only_our_errors(data: st.DataObject) -> None:
    whole = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(128, len(whole) - 1))
        change = data.draw(st.binary(min_size=1, max_size=4))
        if data.draw(st.booleans()):
            whole[place : place + len(change)] = change
        else:
            whole[place:place] = change
    stop = data.draw(st.one_of(st.just(len(whole)), st.integers(0, len(whole))))
    first = data.draw(st.sampled_from([0, 400, 1 << 18]))
    with suppress(NearlineError):
        read_all(bytes(whole[:stop]), first)


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(sorted(NATIVE)))
def test_random_elements_raise_only_our_errors(tail: bytes, syntax: str) -> None:
    data = encode(image(), NATIVE[syntax]) + tail
    with suppress(NearlineError):
        read_all(data, 1 << 18)


def deflated(dataset: bytes) -> bytes:
    stored = encode(Dataset(), NATIVE["deflated"])
    meta = stored[: 132 + 12 + int.from_bytes(stored[140:144], "little")]
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    return meta + squeeze.compress(dataset) + squeeze.flush()


def test_deflate_bomb_before_the_pixels_is_not_inflated() -> None:
    element = pack("<HH2sHI", 0x0011, 0x1001, b"OB", 0, 0xF0000000)
    with pytest.raises(TooLarge):
        read_header(MemoryReader(deflated(element + bytes(1 << 20))))


def test_deflate_bomb_as_pixels_is_not_inflated() -> None:
    body = encode(image(frames=100_000_000), NATIVE["explicit"])
    start = 132 + 12 + int.from_bytes(body[140:144], "little")
    pixels = pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 2_400_000_000)
    reader = MemoryReader(deflated(body[start:] + pixels + bytes(1000)))
    header = read_header(reader)
    with pytest.raises((TooLarge, TruncatedObject)):
        InflatedReader(reader, header).read(header.pixel_offset or 0, 2_400_000_000)


def test_what_is_not_deflated_says_so() -> None:
    data = deflated(b"")
    with pytest.raises(InvalidDicom, match="cannot be inflated"):
        read_header(MemoryReader(data[:-2] + b"\xff\xff\xff\xff" * 10))


def test_deflated_object_cut_short_is_truncated() -> None:
    data = many(50, "deflated")
    for stop in range(400, len(data) - 10, 97):
        with pytest.raises(TruncatedObject):
            read_all(data[:stop], 1 << 18)
