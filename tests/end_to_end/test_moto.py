"""The job over moto: S3, and Google Cloud Storage's XML interface."""

from __future__ import annotations

import pytest

import nearline as nl
from end_to_end.job import Job
from end_to_end.s3_promises import S3Promises
from servers.s3 import S3Server


class TestMoto(S3Promises):
    @pytest.fixture(scope="class")
    @classmethod
    def store(cls, moto_server: S3Server) -> S3Server:
        return moto_server

    def test_google_urls_over_the_xml_interface(
        self, store: S3Server, bucket: str, job: Job
    ) -> None:
        options = {"token": "anon", "endpoint_url": store.endpoint}
        job.run(f"gs://{bucket}/slide.dcm", options)
        job.run_in_other_readers(f"gs://{bucket}/slide.dcm", options)


def test_wrong_secret_unknown_key_and_stranger_are_refused(moto_auth: S3Server) -> None:
    bucket = moto_auth.make_bucket()
    moto_auth.put(bucket, "a.dcm", b"x" * 1000)
    url = moto_auth.url(bucket, "a.dcm")
    key, secret = moto_auth.stranger
    for change in (
        {"secret": "wrong"},
        {"key": "AKIAUNKNOWN", "secret": "x"},
        {"key": key, "secret": secret},
    ):
        with pytest.raises(nl.AccessDenied, match="check the key") as refused:
            nl.imread(url, storage_options={**moto_auth.storage_options, **change})
        assert url in str(refused.value)
        assert change["secret"] not in str(refused.value)
