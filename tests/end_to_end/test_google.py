"""The job through google-cloud-storage's BlobReader and gcsfs, on gcp-storage-emulator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import nearline as nl
from end_to_end.job import Job
from nearline.testing import RangeServer
from nearline.testing.faults import deny
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


# --- refusals: the emulator asks nobody for credentials, so a stand-in refuses as Google does ----


@pytest.fixture
def closed() -> Iterator[RangeServer]:
    with RangeServer({"/bucket/slide.dcm": b"x" * 1000}) as server:
        server.misbehave(None, deny("AccessDenied", "Access denied."))
        yield server


def test_nobody_is_refused(closed: RangeServer) -> None:
    options = {"token": "anon", "endpoint_url": closed.url("")}
    with pytest.raises(nl.AccessDenied, match="GOOGLE_APPLICATION_CREDENTIALS"):
        nl.imread("gs://bucket/slide.dcm", storage_options=options)


def test_wrong_token_is_refused_and_never_shown(closed: RangeServer) -> None:
    options = {"token": {"access_token": "ya29.wrong-token"}, "endpoint_url": closed.url("")}
    with pytest.raises(nl.AccessDenied, match="storage_options") as refused:
        nl.imread("gs://bucket/slide.dcm", storage_options=options)
    assert "wrong-token" not in str(refused.value)


def test_login_that_is_no_longer_good_says_how_to_log_in(
    closed: RangeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = {
        "type": "authorized_user",
        "client_id": "client",
        "client_secret": "never-shown",
        "refresh_token": "never-shown-either",
        "token_uri": closed.url("/token"),
    }
    path = tmp_path / "adc.json"
    path.write_text(json.dumps(login))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    with pytest.raises(nl.AccessDenied, match="gcloud auth application-default login") as refused:
        nl.imread("gs://bucket/slide.dcm", storage_options={"endpoint_url": closed.url("")})
    assert "never-shown" not in str(refused.value)


def test_missing_object_and_bucket(gcs_emulator: GcsEmulator, bucket: str) -> None:
    for url in (gcs_emulator.url(bucket, "nothing.dcm"), gcs_emulator.url("nowhere", "a.dcm")):
        with pytest.raises(nl.NotFound, match=url):
            nl.imread(url, storage_options=gcs_emulator.storage_options)
