"""`ls`, `segments`, `volume` and `montage` as typed: what they print, write and return."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import highdicom
import nibabel
import numpy as np
import pydicom
import pytest
from PIL import Image as Picture

from made import (
    ORGANS,
    Phantom,
    write_enhanced_ct,
    write_segmentation,
    write_series,
)
from nearline.testing import RangeServer
from servers.s3 import S3Server

Command = Callable[..., tuple[int, str, str]]

PHANTOM = Phantom(32, 40, 9, (6.0, 2.0, 2.0))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    write_series(folder / "ct", PHANTOM)
    write_segmentation(folder / "seg.dcm", PHANTOM)
    write_enhanced_ct(folder / "enhanced.dcm", PHANTOM)
    (folder / "ct" / "notes.txt").write_text("not DICOM")
    return folder


@pytest.fixture(scope="module")
def bucket(moto_server: S3Server, study: Path) -> str:
    name = moto_server.make_bucket(public=True)
    for path in study.rglob("*"):
        if path.is_file():
            moto_server.put(name, path.relative_to(study).as_posix(), path)
    return name


def theirs(study: Path) -> highdicom.Volume:
    datasets = [pydicom.dcmread(path) for path in sorted((study / "ct").glob("*.dcm"))]
    return highdicom.image.get_volume_from_series(datasets)


def stored(path: Path) -> tuple[np.ndarray, np.ndarray]:
    image = nibabel.load(path)
    return np.asarray(image.dataobj), image.affine


def lps(affine: np.ndarray) -> np.ndarray:
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine


# --- segments ---------------------------------------------------------------


def test_segments_are_listed(command: Command, study: Path) -> None:
    code, printed, _ = command("segments", study / "seg.dcm", "--json")
    assert code == 0
    told = json.loads(printed)
    wanted = highdicom.seg.segread(study / "seg.dcm")
    assert [one["label"] for one in told["segments"]] == list(ORGANS)
    shown = [
        group.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        for group in wanted.PerFrameFunctionalGroupsSequence
    ]
    for one in told["segments"]:
        assert one["frames"] == shown.count(one["number"])
        assert one["bytes"] == one["frames"] * 32 * 40 // 8
        assert one["category"] == "Anatomical Structure"
        assert one["algorithm"] == "AUTOMATIC (phantom)"
    code, printed, _ = command("segments", study / "seg.dcm")
    assert code == 0
    assert all(label.split(",")[0] in printed for label in ORGANS)
    assert "MADE-UP" not in printed


def test_segments_of_what_is_none(command: Command, study: Path) -> None:
    code, _, error = command("segments", study / "enhanced.dcm")
    assert code == 1
    assert "no segmentation" in error
    assert "Traceback" not in error


# --- volume -----------------------------------------------------------------


def test_one_segment_becomes_a_file(command: Command, study: Path, tmp_path: Path) -> None:
    path = tmp_path / "liver.nii.gz"
    code, printed, _ = command("volume", study / "seg.dcm", "--segment", "Liver", "-o", path)
    assert code == 0
    assert "9 x 32 x 40 uint8, 6 x 2 x 2 mm" in printed
    wanted = highdicom.seg.segread(study / "seg.dcm").get_volume(segment_numbers=[1])
    array, affine = stored(path)
    assert np.array_equal(array, wanted.array[..., 0])
    assert np.allclose(lps(affine), wanted.affine)


def test_all_segments_become_labels(command: Command, study: Path, tmp_path: Path) -> None:
    wanted = highdicom.seg.segread(study / "seg.dcm").get_volume(combine_segments=True)
    assert command("volume", study / "seg.dcm", "-o", tmp_path / "all.nii")[0] == 0
    assert np.array_equal(stored(tmp_path / "all.nii")[0], wanted.array)
    words = ("--segment", "Spleen", "--segment", "3")
    assert command("volume", study / "seg.dcm", *words, "-o", tmp_path / "two.nii")[0] == 0
    assert set(np.unique(stored(tmp_path / "two.nii")[0])) == {0, 2, 3}


def test_overlapping_segments_go_into_files_of_their_own(command: Command, tmp_path: Path) -> None:
    def mask(segment: int, index: int) -> np.ndarray:
        return np.full((PHANTOM.rows, PHANTOM.columns), segment == 1 or index < 2, np.uint8)

    frames = [(segment, index) for segment in (1, 2) for index in range(PHANTOM.slices)]
    path = tmp_path / "seg.dcm"
    write_segmentation(path, PHANTOM, labels=["A", "B"], frames=frames, mask=mask, overlap=True)
    code, _, error = command("volume", path, "-o", tmp_path / "x.nii")
    assert code == 1
    assert "share pixels" in error
    assert "--segment" in error
    assert command("volume", path, "--segment", "B", "-o", tmp_path / "b.nii")[0] == 0
    wanted = highdicom.seg.segread(path).get_volume(segment_numbers=[2]).array[..., 0]
    assert np.array_equal(stored(tmp_path / "b.nii")[0], wanted)


def test_an_unknown_segment_is_answered_with_those_that_exist(
    command: Command, study: Path, tmp_path: Path
) -> None:
    code, _, error = command(
        "volume", study / "seg.dcm", "--segment", "Livr", "-o", tmp_path / "x.nii"
    )
    assert code == 1
    assert "no segment 'Livr'" in error
    assert "'Liver'" in error
    assert not (tmp_path / "x.nii").exists()


def test_a_folder_becomes_a_file(command: Command, study: Path, tmp_path: Path) -> None:
    path = tmp_path / "ct.nii.gz"
    code, printed, told = command("volume", study / "ct", "-o", path, "--json")
    assert code == 0
    assert json.loads(printed)["dtype"] == "int16"
    array, affine = stored(path)
    assert np.array_equal(array, theirs(study).array)
    assert np.allclose(lps(affine), theirs(study).affine)
    code, _, told = command(
        "volume", study / "ct", "-o", path, "--slices", "3:6", "--rows", "5:", "--dtype", "float32"
    )
    assert code == 0
    assert "1 objects" in told
    array, affine = stored(path)
    assert array.dtype == np.float32
    assert np.array_equal(array, theirs(study).array[2:5, 4:])
    assert np.allclose(lps(affine), theirs(study)[2:5, 4:].affine)


@pytest.mark.parametrize("prefix", ["ct/", "ct", "ct/0*"])
def test_a_prefix_becomes_a_file(
    command: Command, moto_server: S3Server, bucket: str, study: Path, tmp_path: Path, prefix: str
) -> None:
    path = tmp_path / "ct.nii"
    options = ("-O", "anon=true", "-O", f"endpoint_url={moto_server.endpoint}")
    code, _, error = command("volume", f"s3://{bucket}/{prefix}", *options, "-o", path)
    assert code == 0, error
    assert np.array_equal(stored(path)[0], theirs(study).array)
    code, _, error = command("volume", f"s3://{bucket}/nothing", *options, "-o", path)
    assert code == 1
    assert "no object" in error


def test_a_multi_frame_image_becomes_a_file(command: Command, study: Path, tmp_path: Path) -> None:
    path = tmp_path / "enhanced.nii"
    with RangeServer({"/e.dcm": (study / "enhanced.dcm").read_bytes()}) as server:
        code, printed, _ = command("volume", server.url("/e.dcm"), "-o", path, "--slices", "2:5")
        seen = len(server.requests)
    assert code == 0
    assert f"{seen} requests" in printed
    wanted = highdicom.imread(study / "enhanced.dcm").get_volume(slice_start=2, slice_end=5)
    assert np.array_equal(stored(path)[0], wanted.array)
    assert np.allclose(lps(stored(path)[1]), wanted.affine)


def test_what_cannot_be_written(command: Command, study: Path, tmp_path: Path) -> None:
    for words, said in (
        (("ct", "-o", tmp_path / "x.mha"), "must end in"),
        (("ct", "-o", tmp_path / "x.nii", "--dtype", "text"), "--dtype text"),
        (("ct", "-o", tmp_path / "x.nii", "--slices", "7"), "--slices 7"),
        (("ct", "-o", tmp_path / "x.nii", "--slices", "70:80"), "outside"),
        (("ct", "-o", tmp_path / "x.nii", "--segment", "Liver"), "--segment is for"),
        (("ct", "-o", tmp_path / "x.nii", "--series", "1.2.3"), "1.2.3"),
        (("none.dcm", "-o", tmp_path / "x.nii"), "no file"),
    ):
        code, _, error = command("volume", study / words[0], *words[1:])
        assert code == 1
        assert said in error
    assert list(tmp_path.iterdir()) == []


# --- montage ----------------------------------------------------------------


def test_a_segment_is_drawn_over_its_source(command: Command, study: Path, tmp_path: Path) -> None:
    path = tmp_path / "liver.png"
    words = ("montage", study / "seg.dcm", "--segment", "Liver", "-o", path)
    code, printed, _ = command(*words, "--json")
    assert code == 0
    told = json.loads(printed)
    mask = highdicom.seg.segread(study / "seg.dcm").get_volume(segment_numbers=[1]).array[..., 0]
    assert told["slices"] == (np.flatnonzero(mask.any(axis=(1, 2))) + 1).tolist()
    series = pydicom.dcmread(next((study / "ct").glob("*.dcm"))).SeriesInstanceUID
    assert told["source"] == f"series {series}"
    picture = np.asarray(Picture.open(path)).astype(int)
    colored = picture[..., 0] != picture[..., 2]
    assert np.count_nonzero(colored) == np.count_nonzero(mask)
    # What lies around the segment is the image.
    assert len(np.unique(picture[~colored])) > 20


def test_a_segment_is_drawn_over_its_source_in_a_bucket(
    command: Command, moto_server: S3Server, bucket: str, study: Path, tmp_path: Path
) -> None:
    options = ("-O", "anon=true", "-O", f"endpoint_url={moto_server.endpoint}")
    words = ("--segment", "Liver", "-o", tmp_path / "there.png")
    code, printed, error = command("montage", f"s3://{bucket}/seg.dcm", *words, *options)
    assert code == 0, error
    assert "over series" in printed
    words = ("--segment", "Liver", "-o", tmp_path / "here.png")
    assert command("montage", study / "seg.dcm", *words)[0] == 0
    pictures = [np.asarray(Picture.open(tmp_path / f"{name}.png")) for name in ("there", "here")]
    assert np.array_equal(*pictures)


def test_a_segment_alone_is_drawn_on_black(command: Command, study: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone" / "seg.dcm"
    alone.parent.mkdir()
    alone.write_bytes((study / "seg.dcm").read_bytes())
    path = tmp_path / "liver.png"
    words = ("montage", alone, "--segment", "1", "-o", path, "--slices", "2")
    code, printed, _ = command(*words)
    assert code == 0
    assert "2 slices" in printed
    assert "--source" in printed
    picture = np.asarray(Picture.open(path))
    assert set(np.unique(picture[picture[..., 0] == picture[..., 2]])) == {0}
    for source in (study / "ct", study, study / "enhanced.dcm"):
        code, printed, error = command(*words, "--source", source, "--window", "-100:200")
        assert code == 0, error
        assert len(np.unique(np.asarray(Picture.open(path)))) > 20


def test_what_cannot_be_drawn(command: Command, study: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    seg = study / "seg.dcm"
    for words, said in (
        ((seg, "--segment", "Nose", "-o", path), "no segment 'Nose'"),
        ((seg, "--segment", "Liver", "-o", tmp_path / "x.txt"), "must end in"),
        ((seg, "--segment", "Liver", "-o", path, "--window", "9"), "--window 9"),
        ((study / "enhanced.dcm", "--segment", "Liver", "-o", path), "no segmentation"),
        ((seg, "--segment", "Liver", "-o", path, "--source", tmp_path), "no object"),
    ):
        code, _, error = command("montage", *words)
        assert code == 1
        assert said in error
    assert list(tmp_path.iterdir()) == []


# --- ls -----------------------------------------------------------------------


def test_objects_are_listed(
    command: Command, moto_server: S3Server, bucket: str, study: Path
) -> None:
    options = ("-O", "anon=true", "-O", f"endpoint_url={moto_server.endpoint}")
    code, printed, error = command("ls", f"s3://{bucket}/", *options, "--json")
    assert code == 0, error
    found = {one["name"]: one["bytes"] for one in json.loads(printed)["objects"]}
    wanted = {
        path.relative_to(study).as_posix(): path.stat().st_size
        for path in study.rglob("*")
        if path.is_file()
    }
    assert found == wanted
    code, printed, error = command("ls", f"s3://{bucket}/ct", *options)
    assert code == 0
    assert len(printed.splitlines()) == PHANTOM.slices + 1
    assert "10 objects" in error


def test_headers_are_listed(command: Command, study: Path) -> None:
    code, printed, _ = command("ls", study, "--dicom", "--json")
    assert code == 0
    told = {one["name"]: one for one in json.loads(printed)["objects"]}
    for name in ("seg.dcm", "enhanced.dcm"):
        wanted = pydicom.dcmread(study / name, stop_before_pixels=True)
        assert told[name]["modality"] == wanted.Modality
        assert told[name]["sop_class"] == wanted.SOPClassUID.name
        assert told[name]["frames"] == int(wanted.NumberOfFrames)
        assert told[name]["series_instance_uid"] == wanted.SeriesInstanceUID
    assert told["ct/notes.txt"]["modality"] is None
    code, printed, _ = command("ls", study, "--dicom")
    assert "no DICOM file" in printed
    assert f"enhanced.dcm  CT  Legacy Converted Enhanced CT Image Storage, {PHANTOM.slices}" in (
        printed
    )
    assert "MADE-UP" not in printed
    assert "Body" not in printed


def test_what_cannot_be_listed(command: Command, tmp_path: Path) -> None:
    for url, said in (
        (tmp_path / "none", "no such bucket or folder"),
        ("https://host/folder/", "HTTP has no listings"),
        ("nothing://x/y", "nothing://x/y"),
    ):
        code, _, error = command("ls", url)
        assert code == 1
        assert said in error
