"""The columns of the functional groups say what pydicom's objects say, for every encoding."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset

from dicom.memory_reader import MemoryReader
from dicom.samples import sample_files
from dicom.written import NATIVE, encode, image
from nearline.dicom.column_table import GROUPS, Branch, Column
from nearline.dicom.columns import Columns
from nearline.dicom.frame_index import build
from nearline.dicom.functional_groups import read_columns, read_item_dataset
from nearline.dicom.header_reading import read_header
from nearline.errors import InvalidDicom, UnknownFrame


def values_of(item: Dataset) -> dict[str, Any]:
    """Walk one frame's groups with pydicom's objects: the first item of each sequence."""
    found: dict[str, Any] = {}

    def descend(dataset: Dataset, branch: Branch) -> None:
        for tag, node in branch.children.items():
            if tag not in dataset:
                continue
            if isinstance(node, Column):
                value = dataset[tag].value
                if value is not None and value != "" and value != []:
                    found[node.keyword] = value
            elif not node.every and dataset[tag].value:
                descend(dataset[tag].value[0], node)

    descend(item, GROUPS)
    return found


def references_of(item: Dataset) -> list[tuple[str, int, str]]:
    found = []
    for derivation in item.get("DerivationImageSequence") or []:
        for source in derivation.get("SourceImageSequence") or []:
            numbers = source.get("ReferencedFrameNumber")
            several = numbers if isinstance(numbers, pydicom.multival.MultiValue) else [numbers]
            found += [
                (
                    str(source.ReferencedSOPInstanceUID),
                    int(number or 0),
                    source.get("SpatialLocationsPreserved", ""),
                )
                for number in (several or [None])
            ]
    return found


def assert_columns_are(columns: Columns, items: list[Dataset], shared: Dataset | None) -> None:
    """Compare every value of every frame, and what is missing."""
    defaults = values_of(shared) if shared is not None else {}
    expected = [defaults | values_of(item) for item in items]
    assert set(columns) == {keyword for one in expected for keyword in one}
    for keyword, column in columns.by_keyword.items():
        absent = columns.missing.get(keyword, np.zeros(len(items), bool))
        assert absent.tolist() == [keyword not in one for one in expected]
        for row, one in zip(column, expected, strict=True):
            if keyword not in one:
                assert not np.any(row) or np.isnan(row).all()
            elif column.dtype.kind == "S":
                assert row.decode() == str(one[keyword]).strip()
            else:
                wanted = np.atleast_1d(np.array(one[keyword], float))
                given_ = np.atleast_1d(row).astype(float)
                assert given_[: len(wanted)].tolist() == wanted.tolist()
                rest = given_[len(wanted) :]
                assert not rest.any() or np.isnan(rest).all()
    wanted_references = [(n, *one) for n, item in enumerate(items) for one in references_of(item)]
    if not wanted_references and shared is not None:
        own = references_of(shared)
        wanted_references = [(n, *one) for n in range(len(items)) for one in own]
    found = columns.references
    if found is None:
        assert wanted_references == []
        return
    rows = zip(
        found.frame_index.tolist(),
        [uid.decode() for uid in found.sop_instance_uid],
        found.frame_number.tolist(),
        [kept.decode() for kept in found.spatial_locations_preserved],
        strict=True,
    )
    assert list(rows) == wanted_references


def with_groups(path: Path) -> bool:
    return b"\x00\x52\x30\x92" in path.read_bytes()


GROUPED = {name: path for name, path in sample_files().items() if with_groups(path)}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", GROUPED.values(), ids=GROUPED)
def test_columns_of_real_files_are_pydicoms(path: Path) -> None:
    reader = MemoryReader(path.read_bytes())
    index = build(reader, read_header(reader))
    dataset = pydicom.dcmread(path, stop_before_pixels=True)
    items = list(dataset.PerFrameFunctionalGroupsSequence)[: index.number_of_frames]
    shared = dataset.get("SharedFunctionalGroupsSequence")
    assert_columns_are(index.columns, items, shared[0] if shared else None)


decimal = st.integers(-(10**6), 10**6).map(lambda n: f"{n / 1000:.{abs(n) % 4}f}")
uid = st.integers(1, 10**9).map(lambda n: f"1.2.840.{n}")


def one(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Dataset]]:
    """A sequence of one item whose members may be absent."""
    return st.fixed_dictionaries({}, optional=members).map(lambda values: [dataset_of(values)])


def dataset_of(values: dict[str, Any]) -> Dataset:
    found = Dataset()
    for keyword, value in values.items():
        setattr(found, keyword, value)
    return found


sources = st.lists(
    st.fixed_dictionaries(
        {"ReferencedSOPInstanceUID": uid, "ReferencedSOPClassUID": uid},
        optional={
            "ReferencedFrameNumber": st.lists(st.integers(1, 99).map(str), min_size=1, max_size=3),
            "SpatialLocationsPreserved": st.sampled_from(["YES", "NO"]),
            "PurposeOfReferenceCodeSequence": one(CodeValue=st.just("121322")),
        },
    ).map(dataset_of),
    max_size=3,
)
groups = st.fixed_dictionaries(
    {},
    optional={
        "PlanePositionSlideSequence": one(
            ColumnPositionInTotalImagePixelMatrix=st.integers(-(2**31), 2**31 - 1),
            RowPositionInTotalImagePixelMatrix=st.integers(1, 99),
            XOffsetInSlideCoordinateSystem=decimal,
        ),
        "PlanePositionSequence": one(
            ImagePositionPatient=st.lists(decimal, min_size=3, max_size=3)
        ),
        "PixelMeasuresSequence": one(
            SliceThickness=decimal, PixelSpacing=st.lists(decimal, min_size=2, max_size=2)
        ),
        "FrameContentSequence": one(
            DimensionIndexValues=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=3),
            StackID=st.text("abc1", min_size=1, max_size=5),
            FrameComments=st.text("xyz", max_size=9),
        ),
        "SegmentIdentificationSequence": one(ReferencedSegmentNumber=st.integers(0, 65535)),
        "OpticalPathIdentificationSequence": one(OpticalPathIdentifier=st.just("1")),
        "FrameVOILUTSequence": one(
            WindowCenter=st.lists(decimal, min_size=1, max_size=3), WindowWidth=decimal
        ),
        "DerivationImageSequence": st.lists(
            sources.map(lambda found: dataset_of({"SourceImageSequence": found})), max_size=2
        ),
    },
)


@st.composite
def grouped(draw: st.DrawFn) -> Dataset:
    """Up to 60 frames of up to three kinds, so that some layouts are common and some rare."""
    kinds = draw(st.lists(groups, min_size=1, max_size=3))
    items = []
    for kind in draw(st.lists(st.sampled_from(range(len(kinds))), min_size=1, max_size=60)):
        same = draw(st.integers(0, 3))
        item = dataset_of(kinds[kind] if same else draw(groups))
        if "FrameContentSequence" in item:
            content = Dataset()
            content.update(item.FrameContentSequence[0])
            content.InStackPositionNumber = len(items)
            item.FrameContentSequence = [content]
        items.append(item)
    found = image(len(items))
    found.PerFrameFunctionalGroupsSequence = items
    if draw(st.booleans()):
        found.SharedFunctionalGroupsSequence = [dataset_of(draw(groups))]
    return found


def undefined(dataset: Dataset) -> None:
    """Have every sequence and item below written with undefined length."""
    for element in dataset:
        if element.VR == "SQ":
            element.is_undefined_length = True
            for item in element.value:
                item.is_undefined_length_sequence_item = True
                undefined(item)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(grouped(), st.sampled_from(["explicit", "implicit", "big endian"]), st.booleans())
def test_columns_of_random_groups_are_pydicoms(dataset: Dataset, syntax: str, open_: bool) -> None:
    if open_:
        undefined(dataset)
    data = encode(dataset, NATIVE[syntax])
    header = read_header(MemoryReader(data))
    read = pydicom.dcmread(BytesIO(data))
    raw = header.functional_groups
    assert raw is not None
    encoding = {"implicit_vr": header.implicit_vr, "little_endian": header.little_endian}
    columns = read_columns(raw, **encoding, number_of_frames=len(read[0x52009230].value), name="x")
    assert_columns_are(columns, list(read.PerFrameFunctionalGroupsSequence), None)
    assert header.dataset() == read
    last = len(read.PerFrameFunctionalGroupsSequence) - 1
    assert read_item_dataset(raw, last, **encoding) == read.PerFrameFunctionalGroupsSequence[last]


def many(count: int, syntax: str, *, open_: bool = False) -> bytes:
    """Write frames of many layouts, every tenth of which lacks a group."""
    rng = np.random.default_rng(count)
    items = []
    for number in range(count):
        place = rng.normal(0, 10.0 ** (number % 4), 3)
        position = [f"{x:.{digits}f}" for digits, x in enumerate(place, 1)]
        values: dict[str, Any] = {
            "PlanePositionSequence": [dataset_of({"ImagePositionPatient": position})]
        }
        # Decimals of 4, 6 or 8 bytes: equal sums, and yet other places.
        widths = rng.permutation([2, 4, 6]) if number % 2 else [2, 2, 8]
        offsets = dict(zip("XYZ", (f"{rng.random():.{width}f}" for width in widths), strict=True))
        values["PlanePositionSlideSequence"] = [
            dataset_of({f"{a}OffsetInSlideCoordinateSystem": v for a, v in offsets.items()})
        ]
        values["FrameContentSequence"] = [
            dataset_of({"DimensionIndexValues": [1, number + 1], "StackID": f"{number % 3}"})
        ]
        if number % 10:
            values["SegmentIdentificationSequence"] = [
                dataset_of({"ReferencedSegmentNumber": number % 5 + 1})
            ]
        items.append(dataset_of(values))
    found = image(count)
    found.PerFrameFunctionalGroupsSequence = items
    found.SharedFunctionalGroupsSequence = [
        dataset_of(
            {
                "SegmentIdentificationSequence": [dataset_of({"ReferencedSegmentNumber": 77})],
                "PixelMeasuresSequence": [dataset_of({"PixelSpacing": ["0.5", "0.25"]})],
            }
        )
    ]
    if open_:
        undefined(found)
    found.PixelData = bytes(24 * count)
    found["PixelData"].VR = "OW"
    return encode(found, NATIVE[syntax])


@pytest.mark.parametrize("syntax", ["explicit", "implicit", "big endian", "deflated"])
@pytest.mark.parametrize("open_", [False, True])
def test_thousand_frames_of_many_layouts_are_pydicoms(syntax: str, open_: bool) -> None:
    data = many(1000, syntax, open_=open_)
    reader = MemoryReader(data)
    index = build(reader, read_header(reader))
    read = pydicom.dcmread(BytesIO(data))
    assert_columns_are(
        index.columns,
        list(read.PerFrameFunctionalGroupsSequence),
        read.SharedFunctionalGroupsSequence[0],
    )
    assert index.columns["ReferencedSegmentNumber"][::10].tolist() == [77] * 100
    assert index.columns["PixelSpacing"].tolist() == [[0.5, 0.25]] * 1000


NOT_FOR_HIGHDICOM = {"liver_expb_1frame.dcm"}  # big endian


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "path",
    [one for name, one in GROUPED.items() if "seg" in name.lower() or "liver" in name],
    ids=lambda path: path.name,
)
def test_columns_are_highdicoms(path: Path) -> None:
    if path.name in NOT_FOR_HIGHDICOM:
        return
    image_ = highdicom.imread(path, lazy_frame_retrieval=True)
    reader = MemoryReader(path.read_bytes())
    columns = build(reader, read_header(reader)).columns
    cursor = image_._db_con.execute("SELECT * FROM FrameLUT ORDER BY FrameNumber")
    names = [field[0] for field in cursor.description]
    table = dict(zip(names, zip(*cursor, strict=True), strict=True))
    for keyword in (*columns, "ImagePositionPatient"):
        if keyword in table and keyword in columns:
            found = columns[keyword].tolist()
            found = [x.decode() if isinstance(x, bytes) else x for x in found]
            assert found == list(table[keyword])
        elif f"{keyword}_0" in table and keyword in columns:
            width = columns[keyword].shape[1]
            joined = list(zip(*(table[f"{keyword}_{n}"] for n in range(width)), strict=True))
            assert [tuple(row) for row in columns[keyword].tolist()] == joined


def test_fewer_items_than_frames_are_refused() -> None:
    data = many(5, "explicit")
    header = read_header(MemoryReader(data))
    with pytest.raises(InvalidDicom, match="x has 6 frames, but 5 items"):
        read_columns(
            header.functional_groups or b"",
            implicit_vr=False,
            little_endian=True,
            number_of_frames=6,
            name="x",
        )


def test_absent_numbers_are_nan_and_named() -> None:
    items = [
        dataset_of({"PixelMeasuresSequence": [dataset_of({"SliceThickness": value})]})
        for value in ("1.5", "", "2.5")
    ]
    dataset = image(3)
    dataset.PerFrameFunctionalGroupsSequence = items
    header = read_header(MemoryReader(encode(dataset, NATIVE["explicit"])))
    columns = read_columns(
        header.functional_groups or b"",
        implicit_vr=False,
        little_endian=True,
        number_of_frames=3,
        name="x",
    )
    np.testing.assert_equal(columns["SliceThickness"], [1.5, np.nan, 2.5])
    assert columns.missing["SliceThickness"].tolist() == [False, True, False]
    assert not columns["SliceThickness"].flags.writeable
    assert columns.get("StackID") is None
    assert "StackID" not in columns


def test_groups_of_an_unknown_frame_are_refused() -> None:
    with pytest.raises(UnknownFrame):
        read_item_dataset(b"", 0, implicit_vr=False, little_endian=True)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_groups_raise_only_invalid_dicom(data: st.DataObject) -> None:
    header = read_header(MemoryReader(DAMAGED))
    raw = bytearray(header.functional_groups or b"")
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place] = data.draw(st.integers(0, 255))
    with suppress(InvalidDicom):
        read_columns(
            bytes(raw[: data.draw(st.integers(0, len(raw)))]),
            implicit_vr=header.implicit_vr,
            little_endian=True,
            number_of_frames=None,
            name="x",
        )


DAMAGED = many(40, "explicit")
