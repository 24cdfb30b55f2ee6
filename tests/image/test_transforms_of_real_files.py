"""Frames of real files, transformed, equal highdicom's get_frame."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from typing import Any

import highdicom
import numpy as np
import pytest
from pydicom import dcmread

from nearline.image.transforms.transform import make_transform
from oracles.sample_frames import sample_paths

REQUESTS: list[dict[str, Any]] = [
    {},
    {"apply_voi_transform": None, "dtype": np.float32},
    {"apply_real_world_transform": False, "apply_modality_transform": True},
    {"apply_modality_transform": False, "apply_real_world_transform": False, "dtype": np.uint16},
    {"apply_icc_profile": False, "dtype": np.float32},
    {"apply_presentation_lut": False, "voi_transform_selector": -1, "apply_voi_transform": True},
]


@pytest.fixture(scope="module")
def outcomes() -> Counter[str]:
    logging.disable(logging.CRITICAL)
    found: Counter[str] = Counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in sample_paths():
            try:
                theirs = highdicom.imread(path)
                stored = theirs.get_stored_frame(1)
            except Exception:  # noqa: BLE001 - not an image that highdicom reads
                continue
            if stored.size <= 1_000_000:
                header = dcmread(path, stop_before_pixels=True)
                for request in REQUESTS:
                    compare(theirs, header, stored, request, found, path.name)
    logging.disable(logging.NOTSET)
    return found


def compare(
    theirs: Any, header: Any, stored: Any, request: dict[str, Any], found: Counter[str], name: str
) -> None:
    keywords = {key: value for key, value in request.items() if key != "dtype"}
    dtype = request.get("dtype", np.float64)
    try:
        expected = theirs.get_frame(1, **request)
    except Exception as fault:  # noqa: BLE001 - faults are compared
        expected = fault
    try:
        ours = make_transform(header, output_dtype=dtype, **keywords)(stored)
    except Exception as fault:  # noqa: BLE001 - faults are compared
        ours = fault
    if isinstance(expected, Exception):
        found["fault in both" if isinstance(ours, Exception) else f"ours only: {name}"] += 1
    elif isinstance(ours, Exception):
        found[f"theirs only: {name}: {ours}"] += 1
    else:
        equal = ours.dtype == expected.dtype and np.array_equal(ours, expected, equal_nan=True)
        found["equal" if equal else f"different: {name} {request}"] += 1


def test_no_frame_differs(outcomes: Counter[str]) -> None:
    assert not [one for one in outcomes if one.startswith(("different", "theirs only"))]
    assert outcomes["equal"] > 200


def test_we_fail_only_where_highdicom_fails(outcomes: Counter[str]) -> None:
    assert outcomes["fault in both"] > 20
