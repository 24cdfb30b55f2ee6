"""The documentation's segmentation example: through a real BlobReader, s3fs, and by URL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import nearline as nl
from end_to_end.liver import DOCUMENTED_GOOGLE, DOCUMENTED_S3, KEY, Liver
from servers.counting import CountingProxy
from servers.gcs import GcsEmulator
from servers.s3 import S3Server


@pytest.fixture(scope="module")
def liver(tmp_path_factory: pytest.TempPathFactory) -> Liver:
    return Liver.prepare(tmp_path_factory.mktemp("liver"))


class TestGoogle:
    @pytest.fixture(scope="class")
    @classmethod
    def bucket(cls, gcs_emulator: GcsEmulator, liver: Liver) -> str:
        bucket = gcs_emulator.make_bucket()
        gcs_emulator.put(bucket, KEY, liver.made.path)
        return bucket

    @pytest.fixture
    def log(self, gcs_emulator: GcsEmulator) -> Iterator[CountingProxy]:
        with CountingProxy(gcs_emulator.port) as log:
            yield log

    def test_documented_block(self, log: CountingProxy, bucket: str, liver: Liver) -> None:
        endpoint = f"http://127.0.0.1:{log.port}"
        liver.run_documented(DOCUMENTED_GOOGLE, endpoint=endpoint, bucket_name=bucket)
        liver.check_cost(log)

    def test_url(self, log: CountingProxy, bucket: str, liver: Liver) -> None:
        options = {"token": "anon", "endpoint_url": f"http://127.0.0.1:{log.port}"}
        liver.run(f"gs://{bucket}/{KEY}", options, log)


class S3Promises:
    """Tests over one S3 server, given by the fixture `store`."""

    @pytest.fixture(scope="class")
    @classmethod
    def bucket(cls, store: S3Server, liver: Liver) -> str:
        bucket = store.make_bucket(public=True)
        store.put(bucket, KEY, liver.made.path)
        return bucket

    def test_documented_block(self, store: S3Server, bucket: str, liver: Liver) -> None:
        with store.counted() as counted:
            assert counted.proxy is not None
            liver.run_documented(DOCUMENTED_S3, endpoint=counted.endpoint, bucket=bucket)
            liver.check_cost(counted.proxy)

    @pytest.mark.parametrize("signed", [False, True])
    def test_url(self, store: S3Server, bucket: str, liver: Liver, signed: bool) -> None:
        with store.counted() as counted:
            assert counted.proxy is not None
            options = counted.storage_options if signed else counted.anonymous_options
            liver.run(counted.url(bucket, KEY), options, counted.proxy)

    def test_another_opening_costs_one_empty_answer(
        self, store: S3Server, bucket: str, liver: Liver
    ) -> None:
        with store.counted() as counted:
            assert counted.proxy is not None
            url, options = counted.url(bucket, KEY), counted.anonymous_options
            ask = {"segment_numbers": [5], "combine_segments": True}
            nl.segread(url, storage_options=options).get_volume(**ask)
            counted.proxy.clear_log()
            liver.check(nl.segread(url, storage_options=options).get_volume(**ask))
            assert (len(counted.proxy.requests), counted.proxy.sent) == (1, 0)


class TestMoto(S3Promises):
    @pytest.fixture(scope="class")
    @classmethod
    def store(cls, moto_server: S3Server) -> S3Server:
        return moto_server


class TestRadosgw(S3Promises):
    @pytest.fixture(scope="class")
    @classmethod
    def store(cls, radosgw: S3Server) -> S3Server:
        return radosgw
