"""Every client's open file, handed to `imread` and to `open`: read by ranges, by its client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import nearline as nl
from end_to_end.job import Job
from servers.azurite import Azurite
from servers.gcs import GcsEmulator
from servers.s3 import S3Server


@dataclass
class Held:
    """The slide in three stores."""

    s3: S3Server
    azurite: Azurite
    gcs: GcsEmulator
    bucket: str
    container: str
    of_google: str


@pytest.fixture(scope="module")
def held(moto_server: S3Server, azurite: Azurite, gcs_emulator: GcsEmulator, job: Job) -> Held:
    bucket, container = moto_server.make_bucket(), azurite.make_container()
    moto_server.put(bucket, "slide.dcm", job.path)
    azurite.put(container, "slide.dcm", job.path)
    of_google = gcs_emulator.make_bucket()
    gcs_emulator.put(of_google, "slide.dcm", job.path)
    return Held(moto_server, azurite, gcs_emulator, bucket, container, of_google)


def s3fs_file(held: Held) -> Any:
    import s3fs

    return s3fs.S3FileSystem(**held.s3.storage_options).open(f"{held.bucket}/slide.dcm", "rb")


def fsspec_file(held: Held) -> Any:
    import fsspec

    return fsspec.open(f"s3://{held.bucket}/slide.dcm", "rb", **held.s3.storage_options).open()


def gcsfs_file(held: Held) -> Any:
    import gcsfs

    return gcsfs.GCSFileSystem(**held.gcs.storage_options).open(f"{held.of_google}/slide.dcm", "rb")


def blob_reader(held: Held) -> Any:
    return held.gcs.client().bucket(held.of_google).blob("slide.dcm").open("rb")


def adlfs_file(held: Held) -> Any:
    import adlfs

    filesystem = adlfs.AzureBlobFileSystem(connection_string=held.azurite.connection_string)
    return filesystem.open(f"{held.container}/slide.dcm", "rb")


def smart_s3(held: Held) -> Any:
    import smart_open

    parameters = {"client": held.s3.client(), "defer_seek": True}
    return smart_open.open(f"s3://{held.bucket}/slide.dcm", "rb", transport_params=parameters)


def smart_azure(held: Held) -> Any:
    import smart_open

    parameters = {"client": held.azurite.client()}
    url = f"azure://{held.container}/slide.dcm"
    return smart_open.open(url, "rb", transport_params=parameters)


def smart_google(held: Held) -> Any:
    import smart_open

    parameters = {"client": held.gcs.client()}
    return smart_open.open(f"gs://{held.of_google}/slide.dcm", "rb", transport_params=parameters)


CLIENTS = [
    s3fs_file,
    fsspec_file,
    gcsfs_file,
    blob_reader,
    adlfs_file,
    smart_s3,
    smart_azure,
    smart_google,
]


@contextmanager
def opened(held: Held, client: Any) -> Iterator[Any]:
    file = client(held)
    try:
        yield file
    finally:
        file.close()


def region_of(im: nl.Image) -> np.ndarray:
    return im.get_total_pixel_matrix(15000, 15512, 17000, 17512, dtype=np.uint8)


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
def test_imread_reads_by_ranges(held: Held, job: Job, client: Any) -> None:
    with opened(held, client) as file, nl.traffic() as cost:
        job.check(region_of(nl.imread(file)))
    assert cost.bytes < 500_000


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
def test_open_gives_the_same_bytes(held: Held, job: Job, client: Any) -> None:
    data = job.path.read_bytes()
    with opened(held, client) as file, nl.open(file) as ours:
        assert ours.reader.source.concurrent
        assert ours.reader.size == len(data)
        for start in (0, 1_000_000, len(data) - 100):
            ours.seek(start)
            assert ours.read(100) == data[start : start + 100]


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
def test_file_that_has_been_read_from_is_read_as_it_stands(
    held: Held, job: Job, client: Any
) -> None:
    data = job.path.read_bytes()
    with opened(held, client) as file:
        file.read(1000)
        with nl.open(file) as ours:
            assert ours.read(50) == data[1000:1050]


def replaced(held: Held, client: Any, data: bytes) -> None:
    held.s3.put(held.bucket, "replaced.dcm", data)
    held.azurite.put(held.container, "replaced.dcm", data)


@pytest.mark.parametrize("store", ["adlfs", "smart_s3", "smart_azure"])
def test_replaced_object_is_noticed(held: Held, job: Job, store: str) -> None:
    import adlfs
    import smart_open

    data = job.path.read_bytes()
    replaced(held, store, data)
    if store == "adlfs":
        filesystem = adlfs.AzureBlobFileSystem(connection_string=held.azurite.connection_string)
        file = filesystem.open(f"{held.container}/replaced.dcm", "rb")
    elif store == "smart_s3":
        parameters = {"client": held.s3.client(), "defer_seek": True}
        url = f"s3://{held.bucket}/replaced.dcm"
        file = smart_open.open(url, "rb", transport_params=parameters)
    else:
        url = f"azure://{held.container}/replaced.dcm"
        file = smart_open.open(url, "rb", transport_params={"client": held.azurite.client()})
    im = nl.imread(file)
    replaced(held, store, data[:-1] + b"\x01")
    with pytest.raises(nl.ObjectChanged, match="replaced"):
        im.get_frame(3000)


def test_compressed_file_is_read_as_its_content(held: Held, job: Job) -> None:
    import gzip

    import smart_open

    data = job.path.read_bytes()[:200_000]
    held.s3.put(held.bucket, "part.dcm.gz", gzip.compress(data))
    parameters = {"client": held.s3.client()}
    with (
        smart_open.open(
            f"s3://{held.bucket}/part.dcm.gz", "rb", transport_params=parameters
        ) as file,
        nl.open(file) as ours,
    ):
        assert ours.read() == data
