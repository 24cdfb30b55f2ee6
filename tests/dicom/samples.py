"""Real files to read: those of the pydicom wheels, and the local samples where they are."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import pydicom.data

_LOCAL = Path(__file__).parents[3] / "shared" / "data" / "dicom"


@cache
def sample_files() -> dict[str, Path]:
    """Every file with ``DICM`` in it, by a name that is fit for a test id."""
    roots = [Path(pydicom.data.__file__).parent / "test_files"]
    if (wheel := importlib.util.find_spec("data_store")) and wheel.origin:
        roots.append(Path(wheel.origin).parent)
    roots.append(_LOCAL)
    found = {}
    for root in roots:
        for path in sorted(root.rglob("*")):
            if path.is_file() and is_dicom(path):
                found[f"{root.name}/{path.relative_to(root)}"] = path
    return found


def is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"
