"""Frames of pyxnat's own functions, and ours in the same shape."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import peers
from nearline.measurements.bx_views import bx_view
from nearline.measurements.families import choose, find
from peers.environments import ask_peer

__all__ = ["Job", "frames", "same_frame", "view"]

_SCRIPT = Path(peers.__file__).parent / "pyxnat_frames.py"


@dataclass
class Job:
    """One call of a function of pyxnat on the files of one resource."""

    label: str
    files: Mapping[str, bytes]
    module: str
    function: str
    arguments: dict[str, Any] = field(default_factory=dict)
    hires: bool = False


def frames(jobs: list[Job]) -> list[dict[str, Any]]:
    """Run all jobs in pyxnat's interpreter; each gives columns and rows, or an error."""
    given = [
        vars(job)
        | {"files": {path: base64.b64encode(data).decode() for path, data in job.files.items()}}
        for job in jobs
    ]
    found: list[dict[str, Any]] = json.loads(ask_peer("bx", _SCRIPT, json.dumps(given)))
    return found


def view(files: Mapping[str, bytes], measurement: str, label: str) -> dict[str, list[Any]]:
    """Return what bx_view makes of the files that we choose."""
    _, wanted = find(measurement, resource=label)
    choice = choose(files, wanted)
    rows = wanted.parse({path: files[path] for path in choice.paths}, where="session")
    return bx_view(rows, measurement, label)


def same_frame(ours: dict[str, list[Any]], theirs: dict[str, Any]) -> None:
    """Assert that two frames are equal cell by cell; theirs may have numbers as text."""
    assert list(ours) == theirs["columns"]
    mine = [list(row) for row in zip(*ours.values(), strict=True)]
    assert len(mine) == len(theirs["rows"])
    for row, other in zip(mine, theirs["rows"], strict=True):
        values = [
            float(cell) if isinstance(cell, str) and isinstance(own, float) else cell
            for own, cell in zip(row, other, strict=True)
        ]
        assert row == values
