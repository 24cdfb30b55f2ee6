"""A header, however little of it was at hand at first, is what pydicom reads from a local file."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from struct import pack

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from dicom.memory_reader import MemoryReader
from dicom.samples import sample_files
from dicom.written import NATIVE, encode, image, native
from nearline.dicom.header import Header
from nearline.dicom.header_reading import read_header
from nearline.errors import InvalidDicom, NotDicom, TruncatedObject
from nearline.traffic import traffic

FIRST_READS = (256 * 1024, 0, 133, 1000)
TRUNCATED = "rtplan_truncated.dcm"
CUT_PIXELS = "emri_small_jpeg_2k_lossless_too_short.dcm"  # pydicom drops them


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", sample_files().values(), ids=sample_files())
def test_real_header_is_pydicoms(path: Path) -> None:
    data = path.read_bytes()
    if path.name == TRUNCATED:
        with pytest.raises(TruncatedObject, match="within its header"):
            read_header(MemoryReader(data))
        return
    expected = pydicom.dcmread(path, stop_before_pixels=True)
    for first in FIRST_READS:
        header = read_header(MemoryReader(data, first=first))
        found = header.dataset()
        assert found == expected
        assert found.file_meta == expected.file_meta
        assert found.original_encoding == expected.original_encoding
        assert header.transfer_syntax_uid == expected.file_meta.get("TransferSyntaxUID", "")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", sample_files().values(), ids=sample_files())
def test_pixels_lie_where_pydicom_finds_them(path: Path) -> None:
    if path.name in (TRUNCATED, CUT_PIXELS):
        return
    data = path.read_bytes()
    header = read_header(MemoryReader(data))
    if header.deflated:
        return
    raw = pydicom.dcmread(path)._dict
    pixels = [raw[tag] for tag in (0x7FE00008, 0x7FE00009, 0x7FE00010) if tag in raw]
    if not pixels:
        assert header.pixel_keyword is None
        return
    assert header.pixel_offset == pixels[0].value_tell
    undefined = pixels[0].length == 0xFFFFFFFF
    assert header.pixel_length == (None if undefined else pixels[0].length)


text = st.text(st.characters(codec="ascii", categories=("L", "N")), max_size=12)
leaves = st.fixed_dictionaries(
    {},
    optional={
        "PatientID": text,
        "Rows": st.integers(0, 65535),
        "SliceThickness": st.integers(-1000, 1000).map(str),
        "ImagePositionPatient": st.lists(st.integers(-99, 99).map(str), min_size=3, max_size=3),
        "TextValue": st.text("abc", max_size=300),
        "EventElapsedTimes": st.lists(st.integers(0, 9).map(str), max_size=4),
    },
)
SEQUENCES = ("OpticalPathSequence", "DerivationImageSequence", "SharedFunctionalGroupsSequence")


@st.composite
def datasets(draw: st.DrawFn, depth: int = 3) -> Dataset:
    found = Dataset()
    for keyword, value in draw(leaves).items():
        setattr(found, keyword, value)
    if depth:
        for keyword in draw(st.sets(st.sampled_from(SEQUENCES), max_size=2)):
            items = draw(st.lists(datasets(depth - 1), max_size=2))
            setattr(found, keyword, items)
            found[keyword].is_undefined_length = draw(st.booleans())
            for one in items:
                one.is_undefined_length_sequence_item = draw(st.booleans())
    if draw(st.booleans()):
        found.private_block(0x0009, "nearline", create=True).add_new(1, "OB", b"ab")
    return found


@settings(max_examples=60, deadline=None)
@given(datasets(), st.sampled_from(sorted(NATIVE)), st.integers(0, 400))
def test_random_dataset_survives(dataset: Dataset, syntax: str, first: int) -> None:
    data = encode(dataset, NATIVE[syntax])
    header = read_header(MemoryReader(data, first=first))
    assert header.dataset() == pydicom.dcmread(BytesIO(data))
    assert header.pixel_keyword is None


def test_private_and_undefined_lengths_before_the_pixels_are_skipped() -> None:
    inner = Dataset()
    inner.StudyDescription = "x"
    dataset = image()
    dataset.OpticalPathSequence = [inner]
    dataset["OpticalPathSequence"].is_undefined_length = True
    inner.is_undefined_length_sequence_item = True
    data = native(dataset, bytes(range(24)))
    header = read_header(MemoryReader(data, first=200))
    assert header.pixel_offset == len(data) - 24
    assert header.dataset().OpticalPathSequence[0].StudyDescription == "x"


def test_groups_out_of_order_are_read() -> None:
    late = pack("<HH2sH", 0x0028, 0x0010, b"US", 2) + b"\4\0"
    early = pack("<HH2sH", 0x0008, 0x0060, b"CS", 2) + b"SM"
    data = encode(Dataset(), ExplicitVRLittleEndian) + late + early
    found = read_header(MemoryReader(data)).dataset()
    assert (found.Rows, found.Modality) == (4, "SM")


def test_what_is_no_dicom_says_so() -> None:
    for data in (b"", b"short", b"GIF89a" + bytes(500)):
        with pytest.raises(NotDicom, match=r"'DICM' is missing"):
            read_header(MemoryReader(data))


def test_header_cut_anywhere_is_truncated_or_shorter() -> None:
    data = native(image(), bytes(24))
    whole = read_header(MemoryReader(data))
    assert whole.pixel_offset is not None
    outcomes = set()
    for size in range(133, whole.pixel_offset):
        try:
            found = read_header(MemoryReader(data[:size], first=200))
        except TruncatedObject:
            outcomes.add("truncated")
        else:
            assert found.pixel_keyword is None
            outcomes.add("shorter")
    assert outcomes == {"truncated", "shorter"}


def test_lengths_beyond_the_object_read_nothing() -> None:
    element = pack("<HH2sHI", 0x0011, 0x1001, b"OB", 0, 0xFFFFFFF0)
    data = encode(image(), ExplicitVRLittleEndian) + element + bytes(100)
    reader = MemoryReader(data)
    with pytest.raises(TruncatedObject):
        read_header(reader)
    assert reader.reads == []


@pytest.mark.parametrize("levels", [60, 70, 5000])
def test_deep_nesting_is_refused_beyond_a_limit(levels: int) -> None:
    sequence = pack("<HH2sHI", 0x0048, 0x0105, b"SQ", 0, 0xFFFFFFFF)
    begin = sequence + pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    end = pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    data = encode(Dataset(), ExplicitVRLittleEndian) + begin * levels + end * levels
    if levels == 60:
        assert read_header(MemoryReader(data)).elements.endswith(end)
        return
    with pytest.raises(InvalidDicom, match=r"nested deeper than 64 levels at byte \d+"):
        read_header(MemoryReader(data))


def test_deflated_object_of_nothing_is_not_inflated_beyond_its_header() -> None:
    dataset = image(frames=100, rows=1000, columns=1000)
    data = native(dataset, bytes(100_000_000), "deflated")
    header = read_header(MemoryReader(data))
    assert header.deflated
    assert header.pixel_length == 100_000_000
    assert header.dataset().Rows == 1000


def test_parsing_is_counted_when_pydicom_parses() -> None:
    with traffic() as cost:
        header = read_header(MemoryReader(native(image(), bytes(24))))
        Header.from_bytes(header.to_bytes(), MemoryReader(b""))
        assert cost.parsed_headers == 0
        header.dataset()
    assert cost.parsed_headers == 1
