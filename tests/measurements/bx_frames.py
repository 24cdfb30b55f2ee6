"""A project, what bx itself makes of it, and whether a frame of ours is the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

import peers
from nearline.testing.xnat import Archive, SimulatedXnat, ashs_session, freesurfer_session
from peers.environments import run_peer

__all__ = ["archive", "frames_of_bx", "same"]


def archive() -> Archive:
    made = Archive()
    for project in ("ALFA", "BETA"):
        made.add_project(project)
    for number in range(1, 7):
        subject = f"{number:04d}"
        one = made.add_session("ALFA", subject=subject, label=f"{subject}_MR1")
        if number != 3:
            made.put_files(
                one, "FREESURFER6", freesurfer_session(number, subject=subject, listing=60)
            )
            made.put_files(one, "ASHS", ashs_session(number, subject=subject))
    other = made.add_session("BETA", subject="b1", label="b1_MR1")
    made.put_files(other, "FREESURFER6", freesurfer_session("b", subject="b1"))
    made.share(other.id, "ALFA")
    return made


def frames_of_bx(server: SimulatedXnat, project: str) -> list[dict[str, Any]]:
    """Run bx, unmodified: aseg, aparc and hippoSfVolumes, then ASHS; all cells as text."""
    script = Path(peers.__file__).parent / "bx_caches_project.py"
    found: list[dict[str, Any]] = json.loads(
        run_peer("bx", script, json.dumps([server.address, project]))
    )
    return found


def same(ours: pd.DataFrame, theirs: dict[str, Any]) -> None:
    """Assert equality, cell by cell; theirs came as text."""
    assert ours.index.name == "subject"
    assert list(ours.columns) == theirs["columns"]
    assert ours.index.tolist() == theirs["index"]
    for position, name in enumerate(theirs["columns"]):
        cells = [row[position] for row in theirs["rows"]]
        mine = ours[name].tolist()
        if name in ("value", "eTIV", "volume", "n_slices"):
            assert ours[name].dtype == "float64"
            pd.testing.assert_series_equal(
                pd.Series(mine), pd.Series([float(cell) for cell in cells]), rtol=0, atol=0
            )
        else:
            missing = {"None", "nan"}
            plain = [None if pd.isna(cell) else cell for cell in mine]
            assert plain == [None if str(cell) in missing else cell for cell in cells]
