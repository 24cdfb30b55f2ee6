"""Frames by their source images, as highdicom finds them; and what is asked in vain."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file

import nearline as nl
from image.multi_frames import derive, multi_frame, write
from oracles.outcomes import outcome
from oracles.pixels import assert_same

UIDS = [f"1.2.3.{number}" for number in range(6)]
BUILTINS = (ValueError, TypeError, RuntimeError, KeyError)


def assert_alike(ours: Any, theirs: Any) -> None:
    if isinstance(theirs, Exception):
        assert isinstance(ours, nl.NearlineError), (ours, theirs)
        kinds = tuple(one for one in BUILTINS if isinstance(theirs, one))
        assert isinstance(ours, kinds), (ours, theirs)
    elif isinstance(ours, Exception):
        raise AssertionError(f"highdicom gives pixels, we say: {ours}") from ours
    else:
        assert_same(ours, theirs)


def image(sources: Any, preserved: str | None = "YES") -> Any:
    ds = multi_frame([(0, 0, z) for z in range(len(sources))])
    derive(ds, sources, preserved)
    return ds


known = st.sampled_from([*UIDS[:4], *UIDS[:4], UIDS[5]])
options = st.fixed_dictionaries(
    {},
    optional={
        "ignore_spatial_locations": st.booleans(),
        "assert_missing_frames_are_empty": st.booleans(),
        "dtype": st.sampled_from([np.int16, np.float32]),
    },
)


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    sources=st.lists(st.lists(known, min_size=0, max_size=2, unique=True), min_size=1, max_size=4),
    preserved=st.sampled_from(["YES", "YES", "NO", None]),
    asked=st.lists(st.sampled_from(UIDS), min_size=0, max_size=4) | st.just(UIDS[0]),
    keywords=options,
)
def test_instances_equal_highdicom(sources: Any, preserved: Any, asked: Any, keywords: Any) -> None:
    ds = image([[(uid, None) for uid in its] for its in sources], preserved)
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "derived.dcm", ds)
        ours, theirs = nl.imread(path), highdicom.imread(path)
        assert_alike(
            outcome(lambda: ours.get_pixels_by_source_instance(asked, **keywords)),
            outcome(lambda: theirs.get_pixels_by_source_instance(asked, **keywords)),
        )


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    sources=st.lists(
        st.lists(st.tuples(st.sampled_from(UIDS[:2]), st.integers(1, 6)), max_size=2, unique=True),
        min_size=1,
        max_size=5,
    ),
    preserved=st.sampled_from(["YES", "YES", "NO", None]),
    uid=st.sampled_from(UIDS[:3]),
    asked=st.none() | st.lists(st.integers(0, 7), max_size=4),
    keywords=options,
)
def test_frames_equal_highdicom(
    sources: Any, preserved: Any, uid: str, asked: Any, keywords: Any
) -> None:
    refers = [number for its in sources for one, number in its if one == uid]
    if asked is None and not refers:
        # highdicom counts to None there.
        return
    if not any(number in refers for number in asked or ()) and preserved != "YES":
        # Nothing is found whose place could have changed; highdicom looks at other frames.
        return
    ds = image(sources, preserved)
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "derived.dcm", ds)
        ours, theirs = nl.imread(path), highdicom.imread(path)
        assert_alike(
            outcome(lambda: ours.get_pixels_by_source_frame(uid, asked, **keywords)),
            outcome(lambda: theirs.get_pixels_by_source_frame(uid, asked, **keywords)),
        )


@pytest.fixture
def derived(tmp_path: Path) -> nl.Image:
    ds = image([[(UIDS[0], 1)], [(UIDS[1], 2)], [(UIDS[1], 3)]])
    return nl.imread(write(tmp_path / "derived.dcm", ds))


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (
            lambda im: im.get_pixels_by_source_instance(["9.9"]),
            nl.UnknownSource,
            "was not derived from 9.9.*assert_missing_frames_are_empty=True",
        ),
        (
            lambda im: im.get_pixels_by_source_instance([UIDS[1]]),
            nl.AmbiguousFrames,
            "Frames 2 and 3 of .* one and the same source",
        ),
        (
            lambda im: im.get_pixels_by_source_frame(UIDS[1], [7]),
            nl.UnknownSource,
            "up to 3, and frame 7",
        ),
        (lambda im: im.get_pixels_by_source_frame(UIDS[1], [0]), nl.UnknownFrame, "from 1"),
        (lambda im: im.get_pixels_by_source_frame(UIDS[1], []), nl.InvalidOption, "no frame"),
        (lambda im: im.get_pixels_by_source_instance([]), nl.InvalidOption, "no instance"),
        (lambda im: im.get_pixels_by_source_instance(UIDS[0]), nl.InvalidOption, "not one UID"),
    ],
)
def test_what_is_asked_in_vain_is_explained(derived: Any, call: Any, error: Any, says: str) -> None:
    with pytest.raises(error, match=says):
        call(derived)


def test_frames_come_in_the_order_asked_and_repeat(derived: nl.Image) -> None:
    stored = derived.get_stored_frames()
    found = derived.get_pixels_by_source_frame(UIDS[1], [3, 1, 2, 3], dtype=np.int16)
    assert_same(found[[0, 2, 3]], stored[[2, 1, 2]])
    assert not found[1].any()
    found = derived.get_pixels_by_source_instance(
        ["9.9", UIDS[0]], assert_missing_frames_are_empty=True, dtype=np.int16
    )
    assert_same(found[1], stored[0])
    assert not found[0].any()


@pytest.mark.parametrize(
    ("preserved", "says"), [("NO", "says NO for"), (None, "does not say that pixels kept")]
)
def test_places_that_may_have_changed_are_refused_unless_ignored(
    tmp_path: Path, preserved: Any, says: str
) -> None:
    path = write(tmp_path / "moved.dcm", image([[(UIDS[0], None)]], preserved))
    moved = nl.imread(path)
    with pytest.raises(nl.NoSourceReferences, match=f"{says}.*ignore_spatial_locations=True"):
        moved.get_pixels_by_source_instance(UIDS[:1])
    found = moved.get_pixels_by_source_instance(UIDS[:1], ignore_spatial_locations=True)
    assert_same(found, moved.get_frames())


def test_images_that_name_no_sources_say_so(make: Any) -> None:
    for image_ in (
        nl.imread(get_testdata_file("CT_small.dcm")),
        nl.imread(make(codec="native", organisation="TILED_FULL").path),
    ):
        with pytest.raises(nl.NoSourceReferences, match="derived from"):
            image_.get_pixels_by_source_instance(UIDS[:1])


def test_an_instance_that_names_no_frames_is_read_by_instance(tmp_path: Path) -> None:
    path = write(tmp_path / "single.dcm", image([[(UIDS[0], None)]]))
    with pytest.raises(nl.NoSourceReferences, match="get_pixels_by_source_instance"):
        nl.imread(path).get_pixels_by_source_frame(UIDS[0])


def test_the_sources_of_a_single_frame_are_those_of_its_header(tmp_path: Path) -> None:
    """highdicom opens no such object."""
    ds = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    item = pydicom.Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = ds.SOPClassUID, UIDS[0]
    item.SpatialLocationsPreserved = "YES"
    ds.SourceImageSequence = [item]
    ds.save_as(tmp_path / "single.dcm")
    image_ = nl.imread(tmp_path / "single.dcm")
    found = image_.get_pixels_by_source_instance(UIDS[:1], dtype=np.int32)
    assert_same(found, image_.get_frames(dtype=np.int32))
    with pytest.raises(nl.UnknownSource):
        image_.get_pixels_by_source_instance(UIDS[1:2])
