"""The job on members of zip archives, on this machine and in a store."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

import nearline as nl
from end_to_end.job import Job
from servers.s3 import S3Server


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, job: Job) -> Path:
    path = tmp_path_factory.mktemp("zip") / "study.zip"
    with zipfile.ZipFile(path, "w") as out:
        out.write(job.path, "stored/slide.dcm", zipfile.ZIP_STORED)
        out.write(job.path, "deflated/slide.dcm", zipfile.ZIP_DEFLATED)
    return path


def region_of(im: nl.Image) -> np.ndarray:
    return im.get_total_pixel_matrix(15000, 15512, 17000, 17512, dtype=np.uint8)


@pytest.mark.parametrize("member", ["stored/slide.dcm", "deflated/slide.dcm"])
@pytest.mark.parametrize("form", ["zip://{member}::{path}", "zip://{member}::file://{path}"])
def test_job(archive: Path, job: Job, member: str, form: str) -> None:
    job.run(form.format(member=member, path=archive))


def test_other_readers(archive: Path, job: Job) -> None:
    job.run_in_other_readers(f"zip://deflated/slide.dcm::{archive}", None)


def test_handed_in_member(archive: Path, job: Job) -> None:
    import fsspec

    with fsspec.open(f"zip://stored/slide.dcm::{archive}", "rb") as reader:
        job.check(region_of(nl.imread(reader)))
    with zipfile.ZipFile(archive) as held, held.open("deflated/slide.dcm") as reader:
        job.check(region_of(nl.imread(reader)))


def test_archive_in_a_store(archive: Path, job: Job, moto_server: S3Server) -> None:
    bucket = moto_server.make_bucket()
    moto_server.put(bucket, "study.zip", archive)
    url = f"zip://stored/slide.dcm::{moto_server.url(bucket, 'study.zip')}"
    job.run(url, {"s3": moto_server.storage_options})


def test_missing_member_and_archive(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(nl.NotFound, match="nothing"):
        nl.imread(f"zip://nothing.dcm::{archive}")
    with pytest.raises(nl.NotFound, match="nowhere"):
        nl.imread(f"zip://a.dcm::{tmp_path / 'nowhere.zip'}")
    text = tmp_path / "text.zip"
    text.write_text("no archive")
    with pytest.raises(nl.UnsupportedUrl, match="zip"):
        nl.imread(f"zip://a.dcm::{text}")


def test_archive_closed_to_strangers(moto_auth: S3Server, archive: Path) -> None:
    bucket = moto_auth.make_bucket()
    moto_auth.put(bucket, "study.zip", archive)
    key, secret = moto_auth.stranger
    options = {"s3": {**moto_auth.storage_options, "key": key, "secret": secret}}
    with pytest.raises(nl.AccessDenied) as refused:
        nl.imread(f"zip://a.dcm::{moto_auth.url(bucket, 'study.zip')}", storage_options=options)
    assert secret not in str(refused.value)
