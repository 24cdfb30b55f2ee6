"""Counted at the server: what opening a series, reading it, and doing so again cost."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

import nearline as nl
from image.series.stored import assert_same, series, theirs
from made import Phantom
from nearline.errors import NotFound, Unavailable
from servers.azurite import Azurite
from servers.gcs import GcsEmulator
from servers.nginx import Nginx
from servers.s3 import S3Server

PHANTOM = Phantom(160, 160, 12)
"""Objects of some 50 kB."""
LARGE = Phantom(760, 760, 3)
"""Objects beyond 1 MiB."""


@pytest.fixture(scope="module")
def objects() -> list[bytes]:
    return series(PHANTOM)


@pytest.fixture(scope="module")
def stored(moto_server: S3Server, objects: list[bytes]) -> str:
    bucket = moto_server.make_bucket(public=True)
    for number, one in enumerate(objects):
        moto_server.put(bucket, f"s/{number}.dcm", one)
    return bucket


@pytest.mark.parametrize("signed", [False, True])
def test_one_listing_revalidates_all(
    moto_server: S3Server, objects: list[bytes], stored: str, signed: bool, tmp_path: Path
) -> None:
    with moto_server.counted() as server, nl.settings(cache="disk", cache_dir=tmp_path):
        assert server.proxy is not None
        options = server.storage_options if signed else server.anonymous_options
        found = nl.open_series(f"s3://{stored}/s/", storage_options=options)
        # The listing, and each object whole with its header.
        assert len(server.proxy.requests) == 1 + len(objects)
        assert_same(found.get_volume(), theirs(objects))
        assert len(server.proxy.requests) == 1 + len(objects)
        assert server.proxy.sent < 1.02 * sum(map(len, objects)) + 64_000

        server.proxy.clear_log()
        with nl.traffic() as cost:
            again = nl.open_series(f"s3://{stored}/s/", storage_options=options)
            assert_same(again.get_volume(slice_start=3), theirs(objects)[2:])
        assert len(server.proxy.requests) == 1
        assert cost.requests == 1
        # One for how pixels are encoded, one for how they are rendered.
        assert cost.parsed_headers <= 2


def test_an_object_that_changed_is_read_anew(
    moto_server: S3Server, objects: list[bytes], stored: str, tmp_path: Path
) -> None:
    with moto_server.counted() as server, nl.settings(cache="disk", cache_dir=tmp_path):
        assert server.proxy is not None
        options = server.anonymous_options
        nl.open_series(f"s3://{stored}/s/", storage_options=options).get_volume()
        changed = [*objects[:5], objects[5][:-2] + b"\x07\x00", *objects[6:]]
        moto_server.put(stored, "s/5.dcm", changed[5])
        server.proxy.clear_log()
        found = nl.open_series(f"s3://{stored}/s/", storage_options=options)
        moto_server.put(stored, "s/5.dcm", objects[5])
        assert_same(found.get_volume(), theirs(changed))
        assert len(server.proxy.requests) == 2


def test_only_the_slices_asked_for_are_fetched(
    moto_server: S3Server, objects: list[bytes], stored: str
) -> None:
    large = series(LARGE, shuffled=None)
    for number, one in enumerate(large):
        moto_server.put(stored, f"large/{number}.dcm", one)
    with moto_server.counted() as server, nl.settings(cache="memory"):
        assert server.proxy is not None
        options = server.anonymous_options
        found = nl.open_series(f"s3://{stored}/large/", storage_options=options)
        # Headers alone, since whole objects are large.
        assert len(server.proxy.requests) == 1 + len(large)
        assert server.proxy.sent < 3 * 66_000 + 10_000
        server.proxy.clear_log()
        assert_same(found.get_volume(slice_start=2, slice_end=3), theirs(large)[1:2])
        asked = Counter(one.target.partition("?")[0] for one in server.proxy.requests)
        assert set(asked) == {f"/{stored}/large/1.dcm"}
        assert server.proxy.sent < 1.02 * len(large[0])
        server.proxy.clear_log()
        part = {"slice_start": 1, "slice_end": 2, "row_start": 101, "row_end": 111}
        assert_same(found.get_volume(**part), theirs(large)[:1, 100:110])
        assert server.proxy.sent < 40_000


def test_headers_alone_where_that_is_wanted(
    moto_server: S3Server, objects: list[bytes], stored: str
) -> None:
    with moto_server.counted() as server, nl.settings(cache="off"):
        assert server.proxy is not None
        options = server.anonymous_options
        url = f"s3://{stored}/s/"
        nl.open_series(url, storage_options=options, prefetch=True)
        whole = server.proxy.sent
        server.proxy.clear_log()
        with nl.settings(cache="off", memory_size=1 << 20):
            nl.open_series(url, storage_options=options)
        assert server.proxy.sent <= whole
        server.proxy.clear_log()
        found = nl.open_series(url, storage_options=options, prefetch=False)
        assert_same(found.get_volume(), theirs(objects))
        assert len(server.proxy.requests) == 1 + len(objects)


def test_a_list_of_urls(nginx: Nginx, objects: list[bytes]) -> None:
    urls = []
    for number, one in enumerate(objects):
        nginx.put(f"series/{number}.dcm", one)
        urls.append(nginx.url(f"series/{number}.dcm"))
    with nl.settings(cache="off"), nl.traffic() as cost:
        found = nl.open_series(urls)
        assert_same(found.get_volume(), theirs(objects))
    assert cost.requests == len(objects)
    assert cost.bytes < 1.01 * sum(map(len, objects))
    with pytest.raises(NotFound):
        nl.open_series([*urls, nginx.url("series/none.dcm")])


def test_a_folder_is_read_offline_and_a_prefix_is_not(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(series(Phantom(4, 5, 1))[0])
    with nl.settings(freshness="offline"):
        with pytest.raises(Unavailable, match="offline"):
            nl.open_series("s3://bucket/s/", storage_options={"anon": True})
        assert nl.open_series(tmp_path).get_volume().array.shape == (1, 4, 5)


def test_open_readers_of_google(gcs_emulator: GcsEmulator, objects: list[bytes]) -> None:
    bucket = gcs_emulator.make_bucket()
    blobs = [gcs_emulator.put(bucket, f"s/{number}.dcm", one) for number, one in enumerate(objects)]
    with nl.settings(cache="off"):
        found = nl.open_series([blob.open("rb") for blob in blobs])
        assert_same(found.get_volume(), theirs(objects))
        options = gcs_emulator.storage_options
        found = nl.open_series(f"gs://{bucket}/s/", storage_options=options)
        assert_same(found.get_volume(), theirs(objects))


def test_an_azure_container(azurite: Azurite, objects: list[bytes], tmp_path: Path) -> None:
    container = azurite.make_container()
    for number, one in enumerate(objects):
        azurite.put(container, f"s/{number}.dcm", one)
    with azurite.counted() as server, nl.settings(cache="disk", cache_dir=tmp_path):
        assert server.proxy is not None
        url, options = f"az://{container}/s/", server.storage_options
        nl.open_series(url, storage_options=options).get_volume()
        server.proxy.clear_log()
        found = nl.open_series(url, storage_options=options)
        assert_same(found.get_volume(), theirs(objects))
        assert len(server.proxy.requests) == 1
