"""`dcmread`: what pydicom reads from a file, with the large values still in the object."""

from __future__ import annotations

import copy
import pickle
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    EncapsulatedSTLStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RawDataStorage,
)

import nearline as nl
from dicom.samples import sample_files
from nearline.datasets import DEFER_SIZE
from nearline.testing import RangeServer

# Their pixels are followed by padding, which dcmread leaves out, or end too early.
PADDED = {
    "test_files/MR_small_RLE.dcm",
    "test_files/MR_small_jp2klossless.dcm",
    "test_files/MR_small_jpeg_ls_lossless.dcm",
}
CUT = {
    "test_files/MR_truncated.dcm",
    "test_files/rtplan_truncated.dcm",
    "data/emri_small_jpeg_2k_lossless_too_short.dcm",
}
SYNTAXES = [
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]


def samples() -> dict[str, Path]:
    # The largest are read in other tests; here they would be read several times over.
    return {
        name: path
        for name, path in sample_files().items()
        if name.startswith(("test_files/", "data/")) and path.stat().st_size < 1 << 20
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(samples().keys() - CUT))
def test_every_sample_equals_pydicoms(name: str) -> None:
    path = samples()[name]
    try:
        expected = pydicom.dcmread(path)
    except pydicom.errors.InvalidDicomError:
        pytest.fail("a sample that pydicom does not read")
    if name in PADDED:
        del expected[0xFFFCFFFC]
    for size in (DEFER_SIZE, 100):
        found = nl.dcmread(path, size)
        assert isinstance(found, pydicom.FileDataset)
        assert found == expected
        assert found.file_meta == expected.file_meta
        assert found.preamble == expected.preamble
    without = nl.dcmread(path, stop_before_pixels=True)
    assert without == pydicom.dcmread(path, stop_before_pixels=True)


def test_truncated_pixels_are_told_when_they_are_used() -> None:
    found = nl.dcmread(get_testdata_file("MR_truncated.dcm"))
    assert found.Rows == 64
    with pytest.raises(nl.TruncatedObject):
        _ = found.PixelData
    with pytest.raises(nl.TruncatedObject):
        nl.dcmread(get_testdata_file("rtplan_truncated.dcm"))


def written(syntax: Any, sop_class: Any = RawDataStorage, **values: Any) -> bytes:
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID, made.PatientID = sop_class, "1.2.3", "odd"
    for name, value in values.items():
        setattr(made, name, value)
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = syntax
    out = BytesIO()
    pydicom.dcmwrite(out, made, enforce_file_format=True)
    return out.getvalue()


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
def test_a_large_value_is_read_when_it_is_used(syntax: Any) -> None:
    document = np.random.default_rng(0).bytes(3_000_001) + b"\0"
    item = Dataset()
    item.LongCodeValue = "x" * 500_000
    content = written(
        syntax,
        EncapsulatedSTLStorage,
        EncapsulatedDocument=document,
        ConceptNameCodeSequence=[item],
        DigitalSignaturesSequence=[],
    )
    with RangeServer({"/a.dcm": content}) as server, nl.settings(cache="off"):
        found = nl.dcmread(server.url("/a.dcm"))
        assert found.PatientID == "odd"
        assert "DigitalSignaturesSequence" in found  # behind the document
        opening = sum(one.sent for one in server.requests)
        before = len(server.requests)
        assert found.ConceptNameCodeSequence[0].LongCodeValue == item.LongCodeValue
        assert found.EncapsulatedDocument == document
        assert found.EncapsulatedDocument == document
        sent = sum(one.sent for one in server.requests) - opening
    if syntax is DeflatedExplicitVRLittleEndian:
        assert len(server.requests) == before  # all of it had to be inflated
    else:
        assert opening < 1 << 20
        assert sent < 1.05 * (len(document) + 500_000)
    with pydicom.dcmread(BytesIO(content)) as expected:
        assert found == expected


def test_headers_only_are_fetched_of_an_image() -> None:
    content = written(
        ExplicitVRLittleEndian,
        Rows=1000,
        Columns=1000,
        BitsAllocated=16,
        BitsStored=16,
        HighBit=15,
        PixelRepresentation=0,
        SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2",
        PixelData=np.arange(1_000_000, dtype="<u2").tobytes(),
        DataSetTrailingPadding=bytes(10),
    )
    with RangeServer({"/a.dcm": content}) as server:
        found = nl.dcmread(server.url("/a.dcm"))
        assert sum(one.sent for one in server.requests) <= 300_000
        assert "DataSetTrailingPadding" in found
        assert np.array_equal(
            found.pixel_array, np.arange(1_000_000, dtype="<u2").reshape(1000, 1000)
        )
        before = len(server.requests)
        again = nl.dcmread(server.url("/a.dcm"))
        assert again.PixelData == found.PixelData
        assert len(server.requests) == before + 1  # has it changed?


def test_defer_size_and_tags_follow_pydicom() -> None:
    path = get_testdata_file("CT_small.dcm")
    expected = pydicom.dcmread(path, specific_tags=["PatientName", (0x28, 0x10), 0x7FE00010])
    found = nl.dcmread(path, specific_tags=["PatientName", (0x28, 0x10), 0x7FE00010])
    assert found == expected
    few = pydicom.dcmread(path, specific_tags=["Rows"])
    assert list(nl.dcmread(path, specific_tags=["Rows"]).keys()) == list(few.keys())
    for size in ("1 kB", 1024, 1e3, None):
        assert nl.dcmread(path, size) == pydicom.dcmread(path)
    with pytest.raises(nl.InvalidOption, match="defer_size"):
        nl.dcmread(path, "much")
    with pytest.raises(nl.InvalidOption, match="specific_tags"):
        nl.dcmread(path, specific_tags=["NoSuchKeyword"])


def test_a_file_without_its_prefix_is_read_by_force() -> None:
    content = written(ImplicitVRLittleEndian, StudyID="1")
    bare = content[content.index(b"\x08\x00\x16\x00") :]
    with pytest.raises(nl.NotDicom):
        nl.dcmread(bare)
    with RangeServer({"/a.dcm": bare}) as server:
        for _ in range(2):
            assert nl.dcmread(server.url("/a.dcm"), force=True).StudyID == "1"
        with pytest.raises(nl.NotDicom):
            nl.dcmread(server.url("/a.dcm"))
    found = nl.dcmread(bare, force=True)
    assert found == pydicom.dcmread(BytesIO(bare), force=True)
    assert found.StudyID == "1"
    with pytest.raises(nl.NearlineError):
        nl.dcmread(b"tiny", force=True)


def test_copies_and_pickles_are_whole() -> None:
    path = get_testdata_file("CT_small.dcm")
    expected = pydicom.dcmread(path)
    for made in (copy.deepcopy, copy.copy, lambda one: pickle.loads(pickle.dumps(one))):
        found = made(nl.dcmread(path, 100))
        assert found == expected
        assert np.array_equal(found.pixel_array, expected.pixel_array)
    out = BytesIO()
    nl.dcmread(path).save_as(out)
    assert pydicom.dcmread(BytesIO(out.getvalue())) == expected
