"""The job on local files: read in place."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest

import nearline as nl
from end_to_end.job import Job


@pytest.mark.parametrize("form", [Path, str, Path.as_uri, open], ids=lambda form: form.__name__)
def test_job(job: Job, form) -> None:
    target = form(job.path) if form is not open else job.path.open("rb")
    job.run(target)


def test_content_in_memory(job: Job) -> None:
    job.run(job.path.read_bytes())
    job.run(io.BytesIO(job.path.read_bytes()))


def test_other_readers(job: Job) -> None:
    job.run_in_other_readers(job.path, None)


def test_nothing_of_a_local_file_is_copied(job: Job, tmp_path: Path) -> None:
    with nl.settings(cache_dir=tmp_path / "cache"):
        job.run(job.path)
    held = sum(one.stat().st_size for one in (tmp_path / "cache").rglob("*") if one.is_file())
    assert held < job.path.stat().st_size / 20


def test_replaced_file_is_noticed(job: Job, tmp_path: Path) -> None:
    copy = tmp_path / "copy.dcm"
    shutil.copy(job.path, copy)
    im = nl.imread(copy)
    other = tmp_path / "other.dcm"
    other.write_bytes(job.path.read_bytes()[:-1] + b"\x01")
    other.replace(copy)
    with pytest.raises(nl.ObjectChanged, match="copy"):
        im.get_frame(3000)


def test_missing_file_folder_and_no_dicom(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing"):
        nl.imread(tmp_path / "nothing.dcm")
    with pytest.raises(nl.NearlineError, match=r"folder|directory"):
        nl.imread(tmp_path)
    text = tmp_path / "text.txt"
    text.write_text("no DICOM " * 100)
    with pytest.raises(nl.NotDicom):
        nl.imread(text)
