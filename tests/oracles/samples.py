"""Files that somebody else made."""

from __future__ import annotations

import importlib.util
import os
from functools import cache
from pathlib import Path

import pydicom

__all__ = ["folder", "sample", "samples", "tiled_samples"]

_BESIDE = Path(__file__).parents[2].parent / "shared" / "data" / "dicom"


def folder() -> Path | None:
    """Return where further samples lie: ``$NEARLINE_SAMPLES``, or beside the checkout."""
    given = os.environ.get("NEARLINE_SAMPLES")
    place = Path(given) if given else _BESIDE
    return place if place.is_dir() else None


def _packaged() -> list[Path]:
    """Return the test files that pydicom and pydicom-data carry (pydicom's own way downloads)."""
    found: list[Path] = []
    for package, inside in (("pydicom", "data/test_files"), ("data_store", "data")):
        spec = importlib.util.find_spec(package)
        for place in (spec.submodule_search_locations or ()) if spec else ():
            found += sorted((Path(place) / inside).rglob("*.dcm"))
    return found


@cache
def samples() -> tuple[Path, ...]:
    """Return every DICOM file at hand: pydicom's test files, and the folder's."""
    own = folder()
    found = sorted(own.rglob("*.dcm")) if own else []
    return (*_packaged(), *found)


@cache
def sample(name: str) -> Path | None:
    """Return the sample with this file name, if it is at hand."""
    return next((path for path in samples() if path.name == name), None)


@cache
def tiled_samples() -> tuple[Path, ...]:
    """Return those that hold tiles of a total pixel matrix."""
    tiled = []
    for path in samples():
        try:
            ds = pydicom.dcmread(path, stop_before_pixels=True)
        except Exception:  # noqa: BLE001 - some are broken on purpose
            continue
        if "TotalPixelMatrixRows" in ds and "SegmentSequence" not in ds:
            tiled.append(path)
    return tuple(tiled)
