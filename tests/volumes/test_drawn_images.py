"""Volumes of enhanced images, maps and series, on files that hypothesis draws."""

from __future__ import annotations

import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import highdicom
import pydicom
from highdicom.pm.sop import pmread
from hypothesis import given
from hypothesis import strategies as st

import nearline as nl
from made.files import as_bytes
from oracles.outcomes import outcome
from volumes.asked import crops, image_options, some
from volumes.both import Both
from volumes.drawn import Drawn, enhanced, maps, series
from volumes.outcomes import BROAD, assert_same_outcome

ASKS = 4


def tolerances() -> st.SearchStrategy[dict[str, Any]]:
    one = st.sampled_from([{"rtol": 0.001}, {"rtol": 0.5}, {"atol": 0.0001}, {"atol": 10.0}, {}])
    other = some({"perpendicular_tol": st.sampled_from([0.01, 0.5])})
    return st.builds(lambda one, other: one | other, one, other)


def ask_volumes(data: st.DataObject, drawn: Drawn, files: Both) -> None:
    files.compare("get_volume")
    files.compare("get_volume_geometry")
    frames = st.lists(st.integers(0, drawn.extent[0] + 1), min_size=1, max_size=4)
    for _ in range(ASKS):
        options = data.draw(image_options())
        where = data.draw(crops(drawn.extent))
        files.compare("get_volume", where=where, **options, **data.draw(tolerances()))
        files.compare("get_frames", data.draw(frames), data.draw(st.booleans()), **options)


@BROAD
@given(st.data())
def test_enhanced_images(data: st.DataObject) -> None:
    drawn = data.draw(enhanced(), label="file")
    ask_volumes(data, drawn, Both(drawn.data, nl.imread, highdicom.imread))


@BROAD
@given(st.data())
def test_maps(data: st.DataObject) -> None:
    drawn = data.draw(maps(), label="file")
    files = Both(drawn.data, nl.pmread, pmread)
    ask_volumes(data, drawn, files)
    uids = st.lists(st.sampled_from([*drawn.source_uids, "1.2.3"]), min_size=1, max_size=4)
    sources = some(
        {
            "ignore_spatial_locations": st.booleans(),
            "assert_missing_frames_are_empty": st.booleans(),
        }
    )
    for _ in range(ASKS):
        files.compare("get_pixels_by_source_instance", data.draw(uids), **data.draw(sources))


def _changed(data: st.DataObject, objects: list[pydicom.Dataset]) -> None:
    """Let something be wrong with one of the objects, now and then."""
    one = data.draw(st.sampled_from(objects))
    match data.draw(st.sampled_from([None, None, "position", "spacing", "orientation", "frame"])):
        case "position":
            one.ImagePositionPatient = [one.ImagePositionPatient[0] + 0.3, 1.0, 2.0]
        case "spacing":
            one.PixelSpacing = [0.1, 0.1]
        case "orientation":
            one.ImageOrientationPatient = [0, 1, 0, 1, 0, 0]
        case "frame":
            one.FrameOfReferenceUID = "1.2.3"


@BROAD
@given(st.data())
def test_series(data: st.DataObject) -> None:
    objects = data.draw(series(), label="series")
    _changed(data, objects)
    with TemporaryDirectory() as folder:
        for number, ds in enumerate(objects):
            ds.save_as(Path(folder) / f"{number}.dcm", enforce_file_format=True)
        for _ in range(ASKS):
            ask = data.draw(image_options()) | data.draw(tolerances())
            assert_same_outcome(
                outcome(lambda ask=ask: _ours(folder, ask)),
                outcome(lambda ask=ask: _theirs(objects, ask)),
            )


def _ours(folder: str, ask: dict[str, Any]) -> Any:
    return nl.open_series(folder).get_volume(**ask)


def _theirs(objects: list[pydicom.Dataset], ask: dict[str, Any]) -> Any:
    anew = [pydicom.dcmread(io.BytesIO(as_bytes(ds))) for ds in objects]
    return highdicom.image.get_volume_from_series(anew, **ask)
