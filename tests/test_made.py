"""The made-up objects are what highdicom itself writes, and what it reads back."""

from __future__ import annotations

import highdicom
import numpy as np
import pydicom
import pytest
from highdicom.pm.sop import pmread
from numpy.testing import assert_array_equal

from made import (
    ORGANS,
    Phantom,
    ct_series,
    enhanced_ct,
    parametric_map,
    write_enhanced_ct,
    write_segmentation,
    write_series,
)
from made.ct import SYNTAXES
from made.segmentation import describe_segment

SMALL = Phantom(rows=40, columns=48, slices=8)

_WRITTEN_ANEW = {"SOPInstanceUID", "SeriesInstanceUID", "ContentTime", "ContentDate"}
_WRITTEN_ANEW |= {"SeriesTime", "SeriesDate", "InstanceCreationDate", "InstanceCreationTime"}
_WRITTEN_ANEW |= {"ContributingEquipmentSequence"}  # holds the time


def by_highdicom(kind):
    volume = SMALL.label_volume()
    masks = np.stack([volume == number for number in range(1, len(ORGANS) + 1)], axis=-1)
    return highdicom.seg.Segmentation(
        source_images=list(ct_series(SMALL)),
        pixel_array=masks.astype(np.uint8 if kind == "BINARY" else np.float32),
        segmentation_type=kind,
        segment_descriptions=[describe_segment(n, label) for n, label in enumerate(ORGANS, 1)],
        series_instance_uid=highdicom.UID(),
        series_number=4,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="nearline",
        manufacturer_model_name="made",
        software_versions="1",
        device_serial_number="1",
    )


def comparable(ds):
    """Elements, without frames and without what is new in each writing."""
    organisation = str(ds.DimensionOrganizationSequence[0].DimensionOrganizationUID)
    without = {*_WRITTEN_ANEW, "PixelData", "PerFrameFunctionalGroupsSequence"}
    return {
        element.keyword: str(element.value).replace(organisation, "organisation")
        for element in ds
        if element.keyword not in without
    }


@pytest.mark.parametrize("undefined_length", [False, True])
def test_segmentation_is_highdicoms(tmp_path, undefined_length):
    made = write_segmentation(tmp_path / "s.dcm", SMALL, undefined_length=undefined_length)
    theirs = by_highdicom("BINARY")
    theirs.save_as(tmp_path / "t.dcm")
    ds, expected = (pydicom.dcmread(tmp_path / name) for name in ("s.dcm", "t.dcm"))
    assert ds["PerFrameFunctionalGroupsSequence"].is_undefined_length == undefined_length
    assert comparable(ds) == comparable(expected)

    def key(group):
        return tuple(group.FrameContentSequence[0].DimensionIndexValues)

    items = {key(group): group for group in ds.PerFrameFunctionalGroupsSequence}
    others = {key(group): group for group in expected.PerFrameFunctionalGroupsSequence}
    assert items == others
    assert len(made.segments) == ds.NumberOfFrames
    data = made.path.read_bytes()
    last = made.frame_offsets[-1] + made.frame_lengths[-1]
    assert ds.PixelData == data[made.frame_offsets[0] : last].ljust(len(ds.PixelData), b"\0")


@pytest.mark.parametrize(
    ("kind", "rle"), [("BINARY", False), ("FRACTIONAL", False), ("FRACTIONAL", True)]
)
@pytest.mark.parametrize("order", ["segment", "slice"])
def test_segmentation_reads_back(tmp_path, kind, rle, order):
    made = write_segmentation(tmp_path / "s.dcm", SMALL, kind=kind, rle=rle, order=order)
    whole = highdicom.seg.segread(made.path).get_volume(rescale_fractional=False)
    labels = SMALL.label_volume()[::-1]
    assert_array_equal(whole.array, labels[..., None] == np.arange(1, len(ORGANS) + 1))
    assert made.bytes_of() == made.frame_lengths.sum()


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("signed", [False, True])
def test_enhanced_and_series_hold_the_body(tmp_path, syntax, signed):
    slopes = ((1.0, -1024.0), (2.0, -1024.0))
    expected = np.stack([SMALL.hounsfield(index) for index in range(SMALL.slices)])[::-1]
    path = write_enhanced_ct(tmp_path / "e.dcm", SMALL, syntax=syntax, signed=signed, slopes=slopes)
    volume = highdicom.imread(path).get_volume()
    assert np.abs(volume.array - expected).max() <= 1
    paths = write_series(tmp_path / "series", SMALL, syntax=syntax, signed=signed, slopes=slopes)
    assert paths != sorted(paths)
    series = highdicom.image.get_volume_from_series([pydicom.dcmread(path) for path in paths])
    assert_array_equal(series.array, volume.array)
    assert_array_equal(series.affine, volume.affine)


def test_slices_repeat_where_few_are_distinct():
    few = enhanced_ct(SMALL, distinct=2).pixel_array
    assert_array_equal(few[0], few[3])
    assert (few[0] != few[4]).any()
    same = [ds.pixel_array for ds in ct_series(SMALL, distinct=2)]
    assert_array_equal(few, same[::-1])


def test_map_reads_back(tmp_path):
    ds = parametric_map(SMALL)
    ds.save_as(tmp_path / "m.dcm")
    stack = np.stack([SMALL.hounsfield(index) for index in range(SMALL.slices)])[::-1]
    found = pmread(tmp_path / "m.dcm").get_volume().array
    assert_array_equal(found.astype(np.float32), ((stack + 1024) / 1e6).astype(np.float32))
