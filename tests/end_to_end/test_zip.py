"""The job on members of zip archives, on this machine and in a store."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

import nearline as nl
from end_to_end.job import Job
from servers.nginx import Nginx
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


@pytest.mark.parametrize("form", ["zip://{member}::{path}", "zip://{member}::file://{path}"])
def test_job(archive: Path, job: Job, form: str) -> None:
    job.run(form.format(member="stored/slide.dcm", path=archive))


def test_packed_member(archive: Path, job: Job) -> None:
    job.check(region_of(nl.imread(f"zip://deflated/slide.dcm::{archive}")))


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
    job.run(url, moto_server.storage_options)


def test_ranges_of_a_stored_member_counted_at_the_server(
    archive: Path, job: Job, moto_server: S3Server
) -> None:
    bucket = moto_server.make_bucket(public=True)
    moto_server.put(bucket, "study.zip", archive)
    with moto_server.counted() as far, nl.settings(cache="disk"):
        assert far.proxy is not None
        url = f"zip://stored/slide.dcm::{far.url(bucket, 'study.zip')}"
        options = {"s3": far.anonymous_options}
        job.check(region_of(nl.imread(url, storage_options=options)))
        assert far.proxy.sent < 700_000
        far.proxy.clear_log()
        job.check(region_of(nl.imread(url, storage_options=options)))
        assert (len(far.proxy.requests), far.proxy.sent) == (1, 0)


def test_packed_member_is_unpacked_once(archive: Path, job: Job, nginx: Nginx) -> None:
    nginx.put("study.zip", archive)
    nginx.clear_log()
    im = nl.imread(f"zip://deflated/slide.dcm::{nginx.url('study.zip')}")
    for _ in range(2):
        job.check(region_of(im))
    assert nginx.sent < 1.5 * job.path.stat().st_size


def test_server_that_ignores_ranges(archive: Path, job: Job, nginx: Nginx) -> None:
    nginx.put("study.zip", archive)
    for member in ("stored", "deflated"):
        url = f"zip://{member}/slide.dcm::{nginx.url('study.zip', 'norange')}"
        job.check(region_of(nl.imread(url)))


def test_archive_that_is_replaced_is_noticed(archive: Path, job: Job, nginx: Nginx) -> None:
    place = nginx.put("replaced.zip", archive)
    im = nl.imread(f"zip://stored/slide.dcm::{nginx.url('replaced.zip')}")
    place.write_bytes(archive.read_bytes() + b"\x00" * 22)
    with pytest.raises(nl.ObjectChanged):
        im.get_frame(3000)


def test_corrupted_member_is_not_used(tmp_path: Path) -> None:
    data = bytes(range(256)) * 400
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("a.bin", data)
    packed = bytearray((tmp_path / "a.zip").read_bytes())
    packed[60] ^= 0xFF
    (tmp_path / "a.zip").write_bytes(packed)
    with nl.settings(retries=1), pytest.raises(nl.Unavailable, match="unpacked"):
        nl.open(f"zip://a.bin::{tmp_path / 'a.zip'}").read()


def test_pickled_and_reopened(archive: Path, job: Job) -> None:
    with nl.open(f"zip://deflated/slide.dcm::{archive}") as file:
        assert pickle.loads(pickle.dumps(file)).read(1000) == job.path.read_bytes()[:1000]


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
