"""What holds on every S3 server; a module per server calls these."""

from __future__ import annotations

import numpy as np
import pytest

import nearline as nl
from end_to_end.job import Job
from servers.s3 import S3Server

__all__ = ["DOCUMENTED_S3", "S3Promises"]

# The documentation's statements, without its comments; only import, bucket and endpoint differ.
DOCUMENTED_S3 = """
import numpy as np
import nearline as hd
import matplotlib.pyplot as plt
import s3fs

s3_client = s3fs.S3FileSystem(
    anon=True,
    default_block_size=500_000,
    use_ssl=False,
    endpoint_url=endpoint,
)

url = f's3://{bucket}/slide.dcm'

with s3_client.open(url, mode="rb") as reader:
    im = hd.imread(reader, lazy_frame_retrieval=True)

    region = im.get_total_pixel_matrix(
        row_start=15000,
        row_end=15512,
        column_start=17000,
        column_end=17512,
        dtype=np.uint8
    )

plt.imshow(region)
plt.show()
"""


class S3Promises:
    """Tests of the main job over one S3 server, given by the fixture `store`."""

    @pytest.fixture(scope="class")
    @classmethod
    def bucket(cls, store: S3Server, job: Job) -> str:
        """A public bucket that holds the slide."""
        bucket = store.make_bucket(public=True)
        store.put(bucket, "slide.dcm", job.path)
        return bucket

    def test_unsigned(self, store: S3Server, bucket: str, job: Job) -> None:
        job.run(store.url(bucket, "slide.dcm"), store.anonymous_options)

    def test_signed(self, store: S3Server, bucket: str, job: Job) -> None:
        job.run(store.url(bucket, "slide.dcm"), store.storage_options)

    def test_no_options_at_all(
        self, store: S3Server, bucket: str, job: Job, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", store.endpoint)
        job.run(store.url(bucket, "slide.dcm"))

    def test_plain_and_signed_urls(self, store: S3Server, bucket: str, job: Job) -> None:
        job.run(store.http_url(bucket, "slide.dcm"))
        job.run(store.presigned_url(bucket, "slide.dcm"))

    @pytest.mark.parametrize("signed", [False, True])
    def test_other_readers(self, store: S3Server, bucket: str, job: Job, signed: bool) -> None:
        options = store.storage_options if signed else store.anonymous_options
        job.run_in_other_readers(store.url(bucket, "slide.dcm"), options)

    def test_documented_block(self, store: S3Server, bucket: str, job: Job) -> None:
        job.run_documented(DOCUMENTED_S3, endpoint=store.endpoint, bucket=bucket)

    def test_reader_of_s3fs_with_credentials(self, store: S3Server, bucket: str, job: Job) -> None:
        import s3fs

        client = s3fs.S3FileSystem(**store.storage_options, default_block_size=500_000)
        with client.open(f"{bucket}/slide.dcm", mode="rb") as reader:
            im = nl.imread(reader, lazy_frame_retrieval=True)
            region = im.get_total_pixel_matrix(15000, 15512, 17000, 17512, dtype=np.uint8)
        job.check(region)

    @pytest.mark.parametrize("signed", [False, True])
    def test_round_trips_and_bytes_counted_by_the_server(
        self, store: S3Server, bucket: str, job: Job, signed: bool
    ) -> None:
        def region(port: int) -> np.ndarray:
            with store.behind(port) as far, nl.settings(cache="disk"):
                options = far.storage_options if signed else far.anonymous_options
                im = nl.imread(far.url(bucket, "slide.dcm"), storage_options=options)
                return im.get_total_pixel_matrix(15000, 15512, 17000, 17512, dtype=np.uint8)

        job.check_cost(store.port, region)

    @pytest.mark.parametrize("signed", [False, True])
    def test_replaced_object_is_noticed(
        self, store: S3Server, bucket: str, job: Job, signed: bool
    ) -> None:
        options = store.storage_options if signed else store.anonymous_options
        key = f"replaced-{signed}.dcm"
        data = job.path.read_bytes()
        store.put(bucket, key, data)
        im = nl.imread(store.url(bucket, key), storage_options=options)
        store.put(bucket, key, data[:-1] + b"\x01")
        with pytest.raises(nl.ObjectChanged, match=key):
            im.get_frame(3000)

    @pytest.mark.parametrize("signed", [False, True])
    def test_missing_object_and_bucket(self, store: S3Server, bucket: str, signed: bool) -> None:
        options = store.storage_options if signed else store.anonymous_options
        with pytest.raises(nl.NotFound, match="nothing-here"):
            nl.imread(store.url(bucket, "nothing-here.dcm"), storage_options=options)
