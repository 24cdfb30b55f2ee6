"""Segmentations, multi-frame images and series that others made read as highdicom reads them.

Frames of every sample are compared in ``tests/image``; here it is what is made of them.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest

import nearline as nl
from oracles.outcomes import outcome
from oracles.samples import samples
from volumes.both import Both
from volumes.outcomes import assert_same_outcome

_SEGMENTATIONS = {"1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"}


@cache
def _headers() -> tuple[tuple[Path, Any], ...]:
    found = []
    for path in samples():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found.append((path, pydicom.dcmread(path, stop_before_pixels=True)))
            except Exception:  # noqa: BLE001 - broken on purpose
                continue
    return tuple(found)


def _named(wanted: Any) -> list[Any]:
    return [
        pytest.param(path, id=f"{path.parent.name}/{path.name}")
        for path, ds in _headers()
        if wanted(ds)
    ]


@pytest.mark.parametrize("path", _named(lambda ds: ds.get("SOPClassUID") in _SEGMENTATIONS))
def test_segmentations(path: Path) -> None:
    files = Both(path.read_bytes(), nl.segread, highdicom.seg.segread)
    theirs = outcome(lambda: files.theirs)
    if isinstance(theirs, ValueError) and "little endian" in str(theirs):
        return  # big-endian objects, which only we open, are compared with pydicom
    numbers = theirs.segment_numbers
    files.compare("get_segment_numbers")
    for number in numbers:
        files.compare("get_segment_description", number)
    files.compare("get_volume_geometry")
    whole = "get_total_pixel_matrix" if theirs.is_tiled else "get_volume"
    asks: list[dict[str, Any]] = [
        {},
        {"combine_segments": True, "skip_overlap_checks": True},
        {"combine_segments": True},
        {"combine_segments": True, "relabel": True, "segment_numbers": numbers[::-1]},
        {"segment_numbers": numbers[-1:], "rescale_fractional": False},
        {"segment_numbers": [999]},
    ]
    for ask in asks:
        files.compare(whole, **ask)
        files.compare("get_volume", **ask)
    if "NumberOfFrames" not in theirs:
        return  # one frame, cut out of its segmentation: its references are incomplete
    uids = sorted({str(uid) for _, _, uid in theirs.get_source_image_uids()})
    ignoring = {"ignore_spatial_locations": True}
    for uid in uids[:3]:
        files.compare("get_pixels_by_source_instance", [uid], **ignoring)
        files.compare("get_pixels_by_source_instance", [uid])
        files.compare("get_pixels_by_source_frame", uid, [1], **ignoring)


def _has_frames(ds: Any) -> bool:
    frames = outcome(lambda: int(ds.get("NumberOfFrames") or 1))
    several = isinstance(frames, int) and frames > 1
    return several and ds.get("SOPClassUID") not in _SEGMENTATIONS


@pytest.mark.parametrize("path", _named(_has_frames))
def test_multi_frame_images(path: Path) -> None:
    theirs = outcome(lambda: highdicom.imread(path))
    if isinstance(theirs, Exception):
        return  # what highdicom cannot open is compared with pydicom, frame by frame
    if "JPEG" in theirs.transfer_syntax_uid.name and theirs.get("SamplesPerPixel") == 3:
        return  # decoders of lossy JPEG differ by a level; see the tests of regions
    files = Both(path.read_bytes(), nl.imread, highdicom.imread)
    files.compare("get_volume")
    files.compare("get_volume_geometry")
    files.compare("get_volume_geometry", allow_missing_positions=True)
    files.compare("get_volume", allow_missing_positions=True, dtype=np.float32)


def _series() -> list[Any]:
    groups = defaultdict(list)
    for path, ds in _headers():
        uid, rows = ds.get("SeriesInstanceUID"), ds.get("Rows")
        if uid and rows and "ImagePositionPatient" in ds:
            groups[path.parent, str(uid)].append(path)
    return [
        pytest.param(paths, id=f"{folder.parent.name}/{folder.name}/{len(paths)}")
        for (folder, _), paths in groups.items()
        if len(paths) > 1
    ]


@pytest.mark.parametrize("paths", _series())
def test_series(paths: list[Path]) -> None:
    def theirs() -> Any:
        return highdicom.image.get_volume_from_series([pydicom.dcmread(path) for path in paths])

    assert_same_outcome(outcome(lambda: nl.open_series(paths).get_volume()), outcome(theirs))
