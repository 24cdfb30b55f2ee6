"""Prefixes hold other things too: what belongs is found, what does not is listed with why."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

import nearline as nl
from image.series.stored import SMALL, assert_same, series, theirs
from made import Phantom
from made.files import as_bytes
from made.maps import parametric_map
from nearline.errors import AmbiguousSeries, NoSeries, NotFound, TooLarge
from nearline.image.series import gathering
from nearline.image.series.choosing import Skipped, choose

TINY = Phantom(4, 5, 3)


def fill(folder: Path, objects: Sequence[bytes], name: str = "ct") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(objects):
        (folder / f"{name}{number}.dcm").write_bytes(one)


def without_place(_: int, ds: Dataset) -> None:
    del ds.ImagePositionPatient
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"1.2.{ds.InstanceNumber}"


def without_pixels(_: int, ds: Dataset) -> None:
    del ds.PixelData, ds.Rows, ds.Columns
    ds.Modality, ds.SeriesInstanceUID = "SR", "1.2.3"


def test_other_files_are_left_out_and_named(tmp_path: Path) -> None:
    objects = series()
    fill(tmp_path, objects)
    (tmp_path / "notes.txt").write_text("not DICOM")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "cut.dcm").write_bytes(objects[0][:400])
    fill(tmp_path / "deep", series(TINY, change=without_place)[:1], "screen")
    fill(tmp_path / "deep", series(TINY, change=without_pixels)[:1], "report")
    (tmp_path / "map.dcm").write_bytes(as_bytes(parametric_map(SMALL)))

    found = nl.open_series(tmp_path)
    assert_same(found.get_volume(), theirs(objects))
    reasons = {Path(one.url).name: one.reason for one in found.skipped}
    assert set(reasons) == {
        *("notes.txt", "empty", "cut.dcm", "screen0.dcm", "report0.dcm", "map.dcm")
    }
    assert "no DICOM" in reasons["notes.txt"]
    assert "no DICOM" in reasons["empty"]
    assert "damaged" in reasons["cut.dcm"]
    assert reasons["screen0.dcm"] == "it has no ImagePositionPatient"
    assert "another series: 1.2.3 (SR, '')" in reasons["report0.dcm"]
    assert "another series" in reasons["map.dcm"]
    assert "6 objects left out" in repr(found)


def test_several_series_are_listed_and_one_can_be_chosen(tmp_path: Path) -> None:
    def described(_: int, ds: Dataset) -> None:
        ds.SpecificCharacterSet, ds.SeriesDescription = "ISO_IR 192", "Leber, spät"

    first, second = series(name="one"), series(TINY, name="two", change=described)
    fill(tmp_path, first, "a")
    fill(tmp_path, second, "b")
    uid = str(pydicom.dcmread(io.BytesIO(second[0])).SeriesInstanceUID)
    with pytest.raises(AmbiguousSeries) as error:
        nl.open_series(tmp_path)
    assert isinstance(error.value, ValueError)
    said = str(error.value)
    assert "holds 2 series" in said
    assert "series_instance_uid" in said
    assert f"{uid} (CT, 'Leber, spät'): 3 objects" in said
    found = nl.open_series(tmp_path, series_instance_uid=uid)
    assert_same(found.get_volume(), theirs(second))
    assert len(found.skipped) == SMALL.slices
    with pytest.raises(NoSeries, match=uid):
        nl.open_series(tmp_path, series_instance_uid="9.9.9")


def test_nothing_that_can_be_a_slice(tmp_path: Path) -> None:
    with pytest.raises(NoSeries, match="no object"):
        nl.open_series(tmp_path)
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(
        NoSeries, match=r"None of the 1 objects(.|\n)*1 objects: it is no DICOM file"
    ) as error:
        nl.open_series(tmp_path)
    assert isinstance(error.value, ValueError)
    fill(tmp_path, series(TINY, change=without_place))
    with pytest.raises(NoSeries, match="3 objects: it has no ImagePositionPatient"):
        nl.open_series(tmp_path)
    with pytest.raises(NoSeries, match="no object in the list"):
        nl.open_series([])
    with pytest.raises(NotFound):
        nl.open_series(tmp_path / "nowhere")


def test_a_multi_frame_image_is_pointed_to_imread(tmp_path: Path) -> None:
    (tmp_path / "map.dcm").write_bytes(as_bytes(parametric_map(SMALL)))
    with pytest.raises(NoSeries, match="image of 7 frames; open it with imread"):
        nl.open_series(tmp_path)


def test_an_object_of_a_list_must_be_there(tmp_path: Path) -> None:
    fill(tmp_path, series(TINY))
    paths = sorted(tmp_path.iterdir())
    assert len(nl.open_series(paths)) == 3
    assert len(nl.open_series([str(path) for path in paths])) == 3
    with pytest.raises(NotFound):
        nl.open_series([*paths, tmp_path / "nowhere.dcm"])


def test_open_files_make_a_series(tmp_path: Path) -> None:
    objects = series()
    found = nl.open_series([io.BytesIO(one) for one in objects])
    assert_same(found.get_volume(), theirs(objects))


def test_thousands_of_objects_of_several_series(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "_MANY", 5)
    monkeypatch.setattr(gathering, "_SAMPLE", 2)
    fill(tmp_path / "x", series(TINY, name="one"))
    fill(tmp_path / "y", series(TINY, name="two"))
    with nl.traffic() as cost, pytest.raises(AmbiguousSeries, match="6 objects, of which 2"):
        nl.open_series(tmp_path)
    assert cost.requests <= 2
    monkeypatch.setattr(gathering, "_MOST", 4)
    with pytest.raises(TooLarge, match="more than 4 objects"):
        nl.open_series(tmp_path)


def test_thousands_of_objects_of_one_series(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "_MANY", 2)
    objects = series(TINY)
    fill(tmp_path, objects)
    assert_same(nl.open_series(tmp_path).get_volume(), theirs(objects))


class Found:
    def __init__(self, number: int, series_uid: str, unfit: str) -> None:
        self.url, self.series_uid, self.unfit = f"u{number}", series_uid, unfit
        self.description, self.modality = "d", "CT"


@given(
    objects=st.lists(
        st.tuples(st.sampled_from(["1", "2", ""]), st.sampled_from(["", "it is bad"]))
    ),
    others=st.integers(0, 3),
    wanted=st.sampled_from([None, "1", "3"]),
)
def test_every_object_is_either_chosen_or_left_out(
    objects: list[tuple[str, str]], others: int, wanted: str | None
) -> None:
    found = [Found(number, *one) for number, one in enumerate(objects)]
    foreign = [Skipped(f"f{number}", "it is no DICOM file") for number in range(others)]
    fit = {uid for uid, unfit in objects if not unfit}
    try:
        chosen, skipped = choose(found, foreign, wanted, where="w")
    except AmbiguousSeries:
        assert wanted is None
        assert len(fit) > 1
        return
    except NoSeries:
        assert not fit if wanted is None else wanted not in fit
        return
    assert {found[number].series_uid for number in chosen} == {wanted or fit.pop()}
    assert not any(found[number].unfit for number in chosen)
    urls = [found[number].url for number in chosen] + [one.url for one in skipped]
    assert sorted(urls) == sorted([one.url for one in found] + [one.url for one in foreign])
    assert all(one.reason for one in skipped)


def test_objects_without_a_common_orientation_keep_their_numbers() -> None:
    def turned(index: int, ds: Dataset) -> None:
        if index == 0:
            ds.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]

    found = nl.open_series(series(change=turned))
    assert [ds.InstanceNumber for ds in found.datasets] == list(range(1, 8))


def test_a_file_of_other_bytes_costs_little(tmp_path: Path) -> None:
    objects = series(TINY)
    fill(tmp_path, objects)
    (tmp_path / "large.nii").write_bytes(np.zeros(8 << 20, np.uint8).tobytes())
    with nl.traffic() as cost:
        assert len(nl.open_series(tmp_path)) == 3
    assert cost.bytes < 1 << 20


def test_a_series_in_a_zip(tmp_path: Path) -> None:
    objects = series()
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        for number, one in enumerate(objects):
            archive.writestr(f"ct/{number}", one)
        archive.writestr("readme", "not DICOM")
    found = nl.open_series(f"zip://ct::file://{tmp_path / 's.zip'}")
    assert_same(found.get_volume(), theirs(objects))
    assert found.urls[0].startswith("zip://ct/")
