"""The job over radosgw, a real S3 server with keys, policies and signed URLs that it checks."""

from __future__ import annotations

import time

import pytest

import nearline as nl
from end_to_end.job import Job
from end_to_end.s3_promises import S3Promises
from servers.s3 import S3Server


class TestRadosgw(S3Promises):
    @pytest.fixture(scope="class")
    @classmethod
    def store(cls, radosgw: S3Server) -> S3Server:
        return radosgw

    def test_credentials_that_are_refused_do_not_hide_a_public_object(
        self, store: S3Server, bucket: str, job: Job
    ) -> None:
        job.run(store.url(bucket, "slide.dcm"), {**store.storage_options, "secret": "wrong"})


@pytest.fixture(scope="module")
def private(radosgw: S3Server, job: Job) -> str:
    bucket = radosgw.make_bucket()
    radosgw.put(bucket, "slide.dcm", job.path)
    return bucket


@pytest.mark.parametrize("change", [{"secret": "wrong"}, {"key": "AKIAUNKNOWN", "secret": "other"}])
def test_wrong_keys_are_refused(radosgw: S3Server, private: str, change: dict[str, str]) -> None:
    options = {**radosgw.storage_options, **change}
    with pytest.raises(nl.AccessDenied, match="check the key") as refused:
        nl.imread(radosgw.url(private, "slide.dcm"), storage_options=options)
    assert change["secret"] not in str(refused.value)


def test_strangers_and_nobody_are_refused(radosgw: S3Server, private: str) -> None:
    key, secret = radosgw.stranger
    for options, remedy in (
        ({**radosgw.storage_options, "key": key, "secret": secret}, "ask for permission"),
        (radosgw.anonymous_options, "AWS_ACCESS_KEY_ID"),
    ):
        with pytest.raises(nl.AccessDenied, match=remedy):
            nl.imread(radosgw.url(private, "slide.dcm"), storage_options=options)


def test_signed_url_works_until_it_expires_and_is_never_shown(
    radosgw: S3Server, private: str, job: Job
) -> None:
    job.run(radosgw.presigned_url(private, "slide.dcm"))
    short = radosgw.presigned_url(private, "slide.dcm", expires_s=1)
    time.sleep(2.5)
    signature = short.split("Signature=")[1].split("&")[0]
    with pytest.raises(nl.AccessDenied, match="expired") as refused:
        nl.imread(short)
    assert signature not in str(refused.value)
    tampered = radosgw.presigned_url(private, "slide.dcm").replace("Signature=", "Signature=0")
    with pytest.raises(nl.AccessDenied):
        nl.imread(tampered)


def test_version_that_the_user_names_is_read(radosgw: S3Server, job: Job) -> None:
    bucket = radosgw.make_bucket(versioned=True)
    first = radosgw.put(bucket, "slide.dcm", job.path)["VersionId"]
    radosgw.put(bucket, "slide.dcm", b"something else")
    url = radosgw.url(bucket, "slide.dcm")
    job.run(f"{url}?versionId={first}", radosgw.storage_options)
    with pytest.raises(nl.NotDicom):
        nl.imread(url, storage_options=radosgw.storage_options)
