"""Every frame is where pydicom finds it, whichever way its place is told."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydicom.encaps import generate_frames
from pydicom.uid import HTJ2KLossless, HTJ2KLosslessRPCL, RLELossless

from dicom.memory_reader import MemoryReader
from dicom.reading import frame, frames_of
from dicom.samples import sample_files
from dicom.written import JPEG, NATIVE, encapsulated, image, jpeg, native, offsets_of
from nearline.dicom.byte_reader import ByteReader
from nearline.dicom.deflated import InflatedReader
from nearline.dicom.frame_index import build
from nearline.dicom.header_reading import read_header
from nearline.errors import InvalidDicom, NearlineError, NoPixels, TruncatedObject, UnknownFrame

JPEGXL = "1.2.840.10008.1.2.4.112"

NO_DELIMITER = "emri_small_jpeg_2k_lossless_too_short.dcm"  # nothing else is missing
UNFIT = {
    "badVR.dcm": "no number",
    "meta_missing_tsyntax.dcm": "how large",
    "nested_priv_SQ.dcm": "how large",
    "MR_truncated.dcm": "within its pixel data",
    "rtplan_truncated.dcm": "within its header",
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", sample_files().values(), ids=sample_files())
@pytest.mark.parametrize("first", [256 * 1024, 500])
def test_frames_of_real_files_are_pydicoms(path: Path, first: int) -> None:
    reader: ByteReader = MemoryReader(path.read_bytes(), first=first, window=5000)
    if path.name in UNFIT:
        with pytest.raises(NearlineError, match=UNFIT[path.name]):
            frames_of(reader)
        return
    header = read_header(reader)
    if header.pixel_keyword is None:
        with pytest.raises(NoPixels, match="without pixel data"):
            build(reader, header)
        return
    index = build(reader, header)
    if header.deflated:
        reader = InflatedReader(reader, header)
    found = [frame(reader, index, number) for number in range(index.number_of_frames)]
    if path.name == NO_DELIMITER:
        path = path.with_name("emri_small_jpeg_2k_lossless.dcm")
    dataset = pydicom.dcmread(path)
    if index.encapsulated:
        expected = list(generate_frames(dataset.PixelData, number_of_frames=len(found)))
        assert found == expected
    else:
        pixels = dataset[header.pixel_keyword].value
        if dataset.get("BitsAllocated") == 1:
            per_frame = dataset.Rows * dataset.Columns
            bounds = [
                (number * per_frame // 8, -(-(number + 1) * per_frame // 8))
                for number in range(len(found))
            ]
        else:
            size = len(found[0])
            bounds = [(number * size, (number + 1) * size) for number in range(len(found))]
            assert len(found) * size <= len(pixels)
        assert found == [pixels[start:stop] for start, stop in bounds]


frames_in_fragments = st.lists(
    st.tuples(st.binary(max_size=30), st.lists(st.binary(max_size=9), max_size=3)).map(
        lambda parts: [jpeg(parts[0]), *parts[1]]
    ),
    min_size=1,
    max_size=6,
).map(
    # Only a frame's first fragment begins like an image.
    lambda frames: [
        [first, *(rest for rest in others if not rest.startswith(b"\xff"))]
        for first, *others in frames
    ]
)


@settings(max_examples=150, deadline=None)
@given(
    frames_in_fragments,
    st.sampled_from(["basic", "extended", "extended without lengths", "none"]),
    st.sampled_from([0, 400, 700, 1 << 18]),
    st.integers(1, 60),
    st.booleans(),
    st.sampled_from([b"", b"\xfc\xff\xfc\xffOB\0\0\4\0\0\0abcd"]),
)
def test_random_fragmentation_is_undone(
    frames: list[list[bytes]], table: str, first: int, window: int, delimiter: bool, tail: bytes
) -> None:
    starts = offsets_of(frames)
    lengths = [sum(map(len, one)) for one in frames]
    if table == "basic":
        data = encapsulated(frames, table=starts, delimiter=delimiter or bool(tail), tail=tail)
    elif table == "none":
        data = encapsulated(frames, delimiter=delimiter or bool(tail), tail=tail)
    else:
        # A table with lengths is for frames of one fragment each.
        if table == "extended":
            frames = [[one[0]] for one in frames]
            starts, lengths = offsets_of(frames), [len(one[0]) for one in frames]
        told = (starts, lengths if table == "extended" else None)
        data = encapsulated(frames, extended=told, delimiter=delimiter or bool(tail), tail=tail)
    reader = MemoryReader(data, first=first, window=window)
    assert frames_of(reader) == [b"".join(one) for one in frames]
    if table != "none":
        assert reader.scans == []


def test_frames_out_of_order_are_found_by_their_table() -> None:
    frames = [[jpeg(b"aa")], [jpeg(b"bbbb")], [jpeg(b"cccccc")]]
    starts = offsets_of(frames)
    order = [2, 0, 1]
    expected = [frames[number][0] for number in order]
    table = [starts[number] for number in order]
    assert frames_of(MemoryReader(encapsulated(frames, table=table))) == expected
    lengths = [len(one) for one in expected]
    assert frames_of(MemoryReader(encapsulated(frames, extended=(table, lengths)))) == expected


def test_lengths_that_count_item_headers_are_understood() -> None:
    frames = [[jpeg(b"aa")], [jpeg(b"bbbb")]]
    lengths = [len(one[0]) + 8 for one in frames]
    reader = MemoryReader(encapsulated(frames, extended=(offsets_of(frames), lengths)))
    assert frames_of(reader) == [one[0] for one in frames]
    assert reader.scans == []


def test_items_of_odd_length_are_taken() -> None:
    frames = [[JPEG + b"a"], [JPEG + b"abc"], [JPEG + b"abcde"]]
    expected = [one[0] for one in frames]
    for data in (
        encapsulated(frames),
        encapsulated(frames, table="right"),
        encapsulated(frames, extended=(offsets_of(frames), [5, 7, 9])),
    ):
        assert frames_of(MemoryReader(data)) == expected


@pytest.mark.parametrize(
    ("syntax", "start"),
    [
        ("1.2.840.10008.1.2.4.203", b"\xff\x4f\xff\x51"),
        (HTJ2KLossless, b"\xff\x4f\xff\x51"),
        (JPEGXL, b"\xff\x0a"),
        (JPEGXL, b"\0\0\0\x0cJXL \r\n\x87\n"),
    ],
)
def test_start_markers_of_each_codec_tell_frames_apart(syntax: str, start: bytes) -> None:
    frames = [[start + b"aa", b"bb"], [start + b"cc"], [start + b"dd", b"ee", b"ff"]]
    # pydicom refuses to write what it does not know, so its name comes in afterwards.
    data = encapsulated(frames, syntax=HTJ2KLosslessRPCL).replace(
        HTJ2KLosslessRPCL.encode(), syntax.encode()
    )
    assert read_header(MemoryReader(data)).transfer_syntax_uid == syntax
    assert frames_of(MemoryReader(data)) == [b"".join(one) for one in frames]


def test_rle_takes_one_fragment_a_frame_or_refuses() -> None:
    frames = [[bytes(64)], [bytes(66)]]
    assert frames_of(MemoryReader(encapsulated(frames, syntax=RLELossless))) == [
        one[0] for one in frames
    ]
    with pytest.raises(
        InvalidDicom, match="does not tell where its frames begin: 2 frames lie in 3"
    ):
        frames_of(MemoryReader(encapsulated([[bytes(64), b"ab"], [bytes(66)]], syntax=RLELossless)))


def test_fragments_without_markers_are_refused() -> None:
    with pytest.raises(InvalidDicom, match="needs an offset table"):
        frames_of(MemoryReader(encapsulated([[b"ab", b"cd"], [b"ef"]])))


def test_one_frame_takes_all_fragments_without_a_scan() -> None:
    reader = MemoryReader(
        encapsulated([[b"ab", b"cd", b"ef"]], tail=b"\xfc\xff\xfc\xff" + bytes(40))
    )
    assert frames_of(reader) == [b"abcdef"]
    assert reader.scans == []


def test_last_frame_longer_than_guessed_is_completed() -> None:
    frames = [[jpeg(b"aa")], [jpeg(bytes(300_000)), b"more"]]
    reader = MemoryReader(encapsulated(frames, table="right"), first=1000)
    index = build(reader, read_header(reader))
    assert index.open_ended == 1
    assert index.range_of(1).length < 300_000
    assert frame(reader, index, 1) == b"".join(frames[1])
    assert index.missing(0, b"") is None


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from([1, 8, 16]),
    st.sampled_from(sorted(NATIVE)),
)
@example(5, 3, 7, 1, "explicit")
def test_native_frames_are_arithmetic(
    frames: int, rows: int, columns: int, bits: int, syntax: str
) -> None:
    per_frame = rows * columns * bits
    size = -(-frames * per_frame // 8)
    pixels = bytes((7 * n + 3) % 256 for n in range(size))
    data = native(image(frames, rows=rows, columns=columns, bits=bits), pixels, syntax)
    reader = MemoryReader(data)
    header = read_header(reader)
    index = build(reader, header)
    source = InflatedReader(reader, header) if header.deflated else reader
    for number in range(frames):
        first, last = number * per_frame, (number + 1) * per_frame
        assert frame(source, index, number) == pixels[first // 8 : -(-last // 8)]


def test_native_ybr_full_422_takes_two_bytes_a_pixel() -> None:
    dataset = image(2)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 3, "YBR_FULL_422"
    pixels = bytes(range(96))
    assert frames_of(MemoryReader(native(dataset, pixels))) == [pixels[:48], pixels[48:]]


def test_native_pixels_too_short_are_refused() -> None:
    data = native(image(frames=3), bytes(48))
    with pytest.raises(InvalidDicom, match="its 3 frames need 72"):
        frames_of(MemoryReader(data))
    whole = native(image(frames=3), bytes(72))
    with pytest.raises(TruncatedObject, match="within its pixel data"):
        frames_of(MemoryReader(whole[:-1]))


def test_unknown_frame_is_named() -> None:
    reader = MemoryReader(native(image(), bytes(24)))
    index = build(reader, read_header(reader))
    for number in (-1, 1):
        with pytest.raises(UnknownFrame, match="has 1 frames"):
            index.range_of(number)
