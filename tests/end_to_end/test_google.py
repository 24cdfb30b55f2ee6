"""The job through google-cloud-storage's BlobReader and gcsfs, on gcp-storage-emulator."""

from __future__ import annotations

import numpy as np
import pytest

import nearline as nl
from end_to_end.job import Job
from servers.gcs import GcsEmulator

# The documentation's statements, without its comments; only import, bucket and endpoint differ.
DOCUMENTED_GOOGLE = """
import numpy as np
import nearline as hd

import matplotlib.pyplot as plt
from google.cloud import storage

client = storage.Client.create_anonymous_client()
client._connection.API_BASE_URL = endpoint
bucket = client.bucket(bucket_name)

blob = bucket.blob(
    "slide.dcm"
)

with blob.open(mode="rb", chunk_size=500_000) as reader:
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


@pytest.fixture(scope="module")
def bucket(gcs_emulator: GcsEmulator, job: Job) -> str:
    bucket = gcs_emulator.make_bucket()
    gcs_emulator.put(bucket, "slide.dcm", job.path)
    return bucket


def test_documented_block(gcs_emulator: GcsEmulator, bucket: str, job: Job) -> None:
    job.run_documented(DOCUMENTED_GOOGLE, endpoint=gcs_emulator.endpoint, bucket_name=bucket)


@pytest.mark.parametrize("chunk_size", [500_000, None])
def test_blob_reader_costs_no_chunks(
    gcs_emulator: GcsEmulator, bucket: str, job: Job, chunk_size: int | None
) -> None:
    blob = gcs_emulator.client().bucket(bucket).blob("slide.dcm")
    with blob.open(mode="rb", chunk_size=chunk_size) as reader, nl.traffic() as cost:
        im = nl.imread(reader, lazy_frame_retrieval=True)
        region = im.get_total_pixel_matrix(15000, 15512, 17000, 17512, dtype=np.uint8)
    job.check(region)
    assert cost.bytes < 500_000


def test_reader_of_gcsfs(gcs_emulator: GcsEmulator, bucket: str, job: Job) -> None:
    import gcsfs

    client = gcsfs.GCSFileSystem(**gcs_emulator.storage_options)
    with client.open(f"{bucket}/slide.dcm", "rb", block_size=500_000) as reader:
        im = nl.imread(reader, lazy_frame_retrieval=True)
        region = im.get_total_pixel_matrix(15000, 15512, 17000, 17512, dtype=np.uint8)
    job.check(region)


def test_google_urls(gcs_emulator: GcsEmulator, bucket: str, job: Job) -> None:
    job.run(gcs_emulator.url(bucket, "slide.dcm"), gcs_emulator.storage_options)
