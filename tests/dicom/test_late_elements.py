"""Large functional groups stay with the object, and a Dataset has them all the same."""

from __future__ import annotations

import copy
import pickle
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pydicom.dataelem import RawDataElement

from dicom.memory_reader import MemoryReader
from nearline.dicom.header import PER_FRAME_GROUPS
from nearline.dicom.header_reading import read_header
from nearline.dicom.late_element import LateElement
from slides import write_slide


class ReadsAgain(MemoryReader):
    reads_again = True


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("slide") / "slide.dcm"
    write_slide(
        path,
        rows=64 * 50,
        columns=64 * 40,
        tile_rows=64,
        tile_columns=64,
        organisation="TILED_SPARSE",
    )
    return path


def late(path: Path) -> tuple[ReadsAgain, pydicom.Dataset]:
    reader = ReadsAgain(path.read_bytes())
    found = read_header(reader).dataset()
    reader.reads.clear()
    return reader, found


def test_groups_are_read_when_somebody_asks_for_them(slide: Path) -> None:
    reader, found = late(slide)
    raw = found._dict[PER_FRAME_GROUPS]
    assert isinstance(raw, LateElement)
    assert tuple(raw)[3] is None
    own = pydicom.dcmread(slide, stop_before_pixels=True)
    assert len(found) == len(own)
    assert found.NumberOfFrames == 2000
    assert reader.reads == []
    assert found == own


def test_copies_pickles_and_files_carry_the_groups(slide: Path) -> None:
    own = pydicom.dcmread(slide, stop_before_pixels=True)
    _, found = late(slide)
    assert copy.deepcopy(found) == own
    again = pickle.loads(pickle.dumps(found))
    assert type(again._dict[PER_FRAME_GROUPS]) is RawDataElement
    assert again == own
    _, found = late(slide)
    written = BytesIO()
    found.save_as(written)
    written.seek(0)
    assert pydicom.dcmread(written) == own


def test_what_could_be_lost_is_held(slide: Path) -> None:
    found = read_header(MemoryReader(slide.read_bytes())).dataset()
    assert type(found.get_item(PER_FRAME_GROUPS)) is RawDataElement
