"""Prefixes are listed on every storage: names, sizes, versions, pages, errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nearline.errors import AccessDenied, InvalidOption, NotFound, Unavailable, UnsupportedUrl
from nearline.fetch.listing import list_objects
from nearline.fetch.reader import Reader
from nearline.settings import settings
from nearline.storage.listing import signed as signed_listing
from nearline.storage.listing import stores
from nearline.storage.listing.answers import MalformedListing, read_azure, read_google, read_s3
from nearline.storage.listing.prefix import prefix_of
from servers.azurite import Azurite
from servers.gcs import GcsEmulator
from servers.s3 import S3Server

KEYS = ("s/a.dcm", "s/b c.dcm", "s/deep/é+%20.dcm", "s/x//y.dcm", "s2/other.dcm")


def fill(server: S3Server | GcsEmulator, keys: tuple[str, ...] = KEYS, **kind: Any) -> str:
    bucket = server.make_bucket(**kind)
    for key in keys:
        server.put(bucket, key, key.encode())
    return bucket


def names(found: list[Any]) -> list[str]:
    return [one.name for one in found]


# --- S3 ---------------------------------------------------------------------


@pytest.mark.parametrize("signed", [False, True])
def test_s3_lists_a_folder_with_what_its_sources_report(
    moto_server: S3Server, signed: bool
) -> None:
    bucket = fill(moto_server, public=True)
    options = moto_server.storage_options if signed else moto_server.anonymous_options
    found = list_objects(f"s3://{bucket}/s", storage_options=options)
    assert names(found) == ["a.dcm", "b c.dcm", "deep/é+%20.dcm", "x//y.dcm"]
    assert [one.size for one in found] == [len(key.encode()) for key in KEYS[:4]]
    for one, key in zip(found, KEYS[:4], strict=True):
        reader = Reader(one.source())
        assert reader.read(0, reader.size) == key.encode()
        assert reader.validator == one.validator
        assert reader.source.signed is signed
        assert one.url == f"s3://{bucket}/{key}"


def test_s3_lists_the_beginning_of_names_and_whole_buckets(moto_server: S3Server) -> None:
    bucket = fill(moto_server, public=True)
    options = moto_server.anonymous_options
    assert names(list_objects(f"s3://{bucket}/s/b*", storage_options=options)) == ["b c.dcm"]
    assert names(list_objects(f"s3://{bucket}/s*", storage_options=options)) == sorted(KEYS)
    assert names(list_objects(f"s3://{bucket}", storage_options=options)) == sorted(KEYS)
    assert list_objects(f"s3://{bucket}/nothing/", storage_options=options) == []


@pytest.fixture
def short_pages(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(stores, "_PER_PAGE", 3)
    monkeypatch.setattr(signed_listing, "_PER_PAGE", 3)
    return 3


@pytest.mark.parametrize("signed", [False, True])
def test_s3_goes_through_all_pages(moto_server: S3Server, signed: bool, short_pages: int) -> None:
    keys = tuple(f"p/{number:04}" for number in range(7))
    bucket = fill(moto_server, keys, public=True)
    with moto_server.counted() as counted:
        options = counted.storage_options if signed else counted.anonymous_options
        found = list_objects(f"s3://{bucket}/p/", storage_options=options)
        assert counted.proxy is not None
        assert len(counted.proxy.requests) == 3
    assert [f"p/{one.name}" for one in found] == list(keys)


def test_s3_folder_markers_are_no_objects(moto_server: S3Server) -> None:
    bucket = fill(moto_server, ("s/", "s/deep/", "s/deep/a"), public=True)
    found = list_objects(f"s3://{bucket}/s/", storage_options=moto_server.anonymous_options)
    assert names(found) == ["deep/a"]


def test_a_bucket_that_is_not_there(moto_server: S3Server) -> None:
    for options in (moto_server.anonymous_options, moto_server.storage_options):
        with pytest.raises(NotFound, match="no such bucket"):
            list_objects("s3://never-made/s/", storage_options=options)


def test_no_right_to_list(radosgw: S3Server) -> None:
    bucket = fill(radosgw, ("s/a",))
    with pytest.raises(AccessDenied, match="pass a list of their URLs") as refusal:
        list_objects(f"s3://{bucket}/s/", storage_options=radosgw.anonymous_options)
    assert isinstance(refusal.value, PermissionError)
    wrong = {**radosgw.storage_options, "secret": "wrong-wrong-wrong"}
    with pytest.raises(AccessDenied) as refusal:
        list_objects(f"s3://{bucket}/s/", storage_options=wrong)
    assert "X-Amz" not in str(refusal.value)
    assert "wrong-wrong" not in str(refusal.value)


def test_a_real_s3_server_lists_signed_and_unsigned(radosgw: S3Server) -> None:
    bucket = fill(radosgw, public=True)
    for options in (radosgw.storage_options, radosgw.anonymous_options):
        found = list_objects(f"s3://{bucket}/s/", storage_options=options)
        assert names(found) == ["a.dcm", "b c.dcm", "deep/é+%20.dcm", "x//y.dcm"]
        for one in found:
            assert Reader(one.source()).validator == one.validator


def test_credentials_that_are_refused_give_way_where_the_bucket_is_public(
    radosgw: S3Server,
) -> None:
    bucket = fill(radosgw, ("s/a",), public=True)
    wrong = {**radosgw.storage_options, "secret": "wrong-wrong-wrong"}
    (found,) = list_objects(f"s3://{bucket}/s/", storage_options=wrong)
    # What listed it also reads it: no request is wasted on the credentials again.
    assert found.source().signed is False


# --- others -----------------------------------------------------------------


def test_google_lists_over_json(gcs_emulator: GcsEmulator) -> None:
    bucket = fill(gcs_emulator, ("s/a.dcm", "s/b c.dcm", "s2/x.dcm"))
    found = list_objects(f"gs://{bucket}/s/", storage_options=gcs_emulator.storage_options)
    assert names(found) == ["a.dcm", "b c.dcm"]
    assert [one.size for one in found] == [7, 9]
    reader = Reader(found[1].source())
    assert reader.read(0, reader.size) == b"s/b c.dcm"


def test_google_bucket_that_is_not_there(gcs_emulator: GcsEmulator) -> None:
    with pytest.raises(NotFound, match="no such bucket"):
        list_objects("gs://never-made/s/", storage_options=gcs_emulator.storage_options)


def listable(azurite: Azurite) -> str:
    container = azurite.make_container()
    policy = azurite.client().get_container_client(container)
    policy.set_container_access_policy({}, public_access="container")
    return container


@pytest.mark.parametrize("signed", [False, True])
def test_azure_lists_with_what_its_sources_report(azurite: Azurite, signed: bool) -> None:
    container = listable(azurite)
    for key in ("s/a.dcm", "s/b c.dcm", "s/deep/é.dcm", "s2/x.dcm"):
        azurite.put(container, key, key.encode())
    options = azurite.storage_options if signed else azurite.anonymous_options
    found = list_objects(f"az://{container}/s", storage_options=options)
    assert names(found) == ["a.dcm", "b c.dcm", "deep/é.dcm"]
    for one in found:
        reader = Reader(one.source())
        assert reader.validator.same_version(one.validator)
        assert reader.validator.etag == one.validator.etag
        assert reader.source.signed is signed
        assert reader.url == one.url
    assert names(list_objects(f"az://{container}/s/b*", storage_options=options)) == ["b c.dcm"]
    with pytest.raises(NotFound):
        list_objects("az://never-made/s/", storage_options=azurite.storage_options)


def test_azure_where_reading_is_public_and_listing_is_not(azurite: Azurite) -> None:
    container = azurite.make_container(public=True)
    with pytest.raises(AccessDenied, match="pass a list of their URLs"):
        list_objects(f"az://{container}/s/", storage_options=azurite.anonymous_options)


@pytest.mark.parametrize("signed", [False, True])
def test_azure_goes_through_all_pages(azurite: Azurite, signed: bool, short_pages: int) -> None:
    container = listable(azurite)
    keys = [f"p/{number:04}" for number in range(8)]
    for key in keys:
        azurite.put(container, key, b"x")
    options = azurite.storage_options if signed else azurite.anonymous_options
    found = list_objects(f"az://{container}/p/", storage_options=options)
    assert [f"p/{one.name}" for one in found] == keys


def test_a_key_that_obstore_does_not_read_is_named(azurite: Azurite) -> None:
    container = listable(azurite)
    azurite.put(container, "s/x//y.dcm", b"x")
    with pytest.raises(Unavailable, match="holds '//'"):
        list_objects(f"az://{container}/s/", storage_options=azurite.storage_options)
    found = list_objects(f"az://{container}/s/", storage_options=azurite.anonymous_options)
    assert names(found) == ["x//y.dcm"]


def test_local_folders_are_listed(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b").write_bytes(b"bb")
    (tmp_path / "a.dcm").write_bytes(b"a")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    (tmp_path / "link").symlink_to(tmp_path / "a.dcm")
    for target in (tmp_path, str(tmp_path), tmp_path.as_uri()):
        found = list_objects(target)
        assert names(found) == ["a.dcm", "deep/b", "link"]
        assert [Reader(one.source()).validator for one in found] == [o.validator for o in found]
    assert names(list_objects(str(tmp_path / "de*"))) == ["deep/b"]
    assert names(list_objects(tmp_path / "a.dcm")) == ["a.dcm"]
    with pytest.raises(NotFound, match="no such"):
        list_objects(tmp_path / "nothing")
    with pytest.raises(InvalidOption):
        list_objects(tmp_path, storage_options={"anon": True})


def test_fsspec_folders_are_listed(tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    for name in ("a", "deep/b", "c"):
        memory.pipe(f"/listing/s/{name}", name.encode())
    found = list_objects("memory://listing/s")
    assert names(found) == ["a", "c", "deep/b"]
    assert found[0].url == "memory://listing/s/a"
    assert bytes(Reader(found[2].source()).read(0, 6)) == b"deep/b"
    assert names(list_objects("memory://listing/s/de*")) == ["deep/b"]
    with pytest.raises(NotFound):
        list_objects("memory://listing/none")


def test_zip_members_are_listed(tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "series.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("s/a", b"aa")
        archive.writestr("s/b", b"bbb")
        archive.writestr("other", b"c")
    found = list_objects(f"zip://s::file://{path}")
    assert names(found) == ["a", "b"]
    assert found[0].url == f"zip://s/a::file://{path}"
    assert bytes(Reader(found[1].source()).read(0, 3)) == b"bbb"


def test_http_has_no_listing() -> None:
    with pytest.raises(UnsupportedUrl, match="list of URLs") as error:
        list_objects("https://user:word@host/folder/?sig=secret")
    assert "word" not in str(error.value)
    assert "secret" not in str(error.value)


def test_offline_asks_nobody() -> None:
    with settings(freshness="offline"), pytest.raises(Unavailable, match="offline"):
        list_objects("s3://bucket/s/", storage_options={"anon": True})


# --- what stores write ------------------------------------------------------

S3_PAGE = """<?xml version="1.0"?>{extra}
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>
<EncodingType>url</EncodingType><IsTruncated>{more}</IsTruncated>{token}
<Contents><Key>a%2Bb+c</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified>
<ETag>&quot;abc&quot;</ETag><Size>12</Size><Owner><ID>k</ID></Owner></Contents>
</ListBucketResult>"""


def s3_page(extra: str = "", more: str = "false", token: str = "") -> bytes:
    return S3_PAGE.format(extra=extra, more=more, token=token).encode()


def test_s3_page_is_read() -> None:
    (entry,) = read_s3(s3_page()).entries
    assert entry.key == "a+b c"
    assert entry.validator.etag == '"abc"'
    assert entry.validator.size == 12
    assert entry.validator.last_modified == "Fri, 02 Jan 2026 03:04:05 GMT"
    page = s3_page(more="true", token="<NextContinuationToken>t</NextContinuationToken>")
    assert read_s3(page).after == "t"


@pytest.mark.parametrize(
    "page",
    [
        b"",
        b"<html><body>log in</body></html>",
        b"<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>",
        b"<ListBucketResult><Contents><Key>k</Key><Size>-1</Size></Contents></ListBucketResult>",
        s3_page(more="true"),
        s3_page(extra='<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'),
        b"<ListBucketResult>" + b"<a>" * 50 + b"</a>" * 50 + b"</ListBucketResult>",
        s3_page()[:-5],
    ],
)
def test_s3_page_that_is_none(page: bytes) -> None:
    with pytest.raises(MalformedListing):
        read_s3(page)


def test_azure_page_is_read() -> None:
    page = """<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Prefix>s/</Prefix><Blobs>
<Blob><Name>s/a</Name><Properties><Last-Modified>Fri, 02 Jan 2026 03:04:05 GMT</Last-Modified>
<Etag>0x8D</Etag><Content-Length>7</Content-Length></Properties></Blob>
<Blob><Name Encoded="true">s/b%EF%BF%BE</Name><Properties><Etag>0x8E</Etag>
<Content-Length>8</Content-Length></Properties></Blob>
<Blob><Name>s/deep</Name><Properties><ResourceType>directory</ResourceType>
<Content-Length>0</Content-Length></Properties></Blob>
</Blobs><NextMarker>2!76</NextMarker></EnumerationResults>"""
    answered = read_azure(page.encode())
    assert [entry.key for entry in answered.entries] == ["s/a", "s/b\ufffe"]
    assert answered.entries[0].validator.etag == '"0x8D"'
    assert answered.after == "2!76"
    assert read_azure(page.replace("2!76", "").encode()).after is None


def test_google_page_is_read() -> None:
    item = {"name": "s/a", "size": "7", "generation": "15", "updated": "2026-01-02T03:04:05.6Z"}
    page = {"kind": "storage#objects", "items": [item], "nextPageToken": "t"}
    answered = read_google(json.dumps(page).encode())
    assert answered.entries[0].validator.generation == "15"
    assert answered.after == "t"
    for bad in (b"[]", b"<html>", b'{"items": 3}', b'{"items": [{"name": "a"}]}', b"[" * 100_000):
        with pytest.raises(MalformedListing):
            read_google(bad)


@pytest.mark.parametrize(
    ("given", "key", "name"),
    [
        ("a/b", "a/b/c", "c"),
        ("a/b", "a/bc", None),
        ("a/b/", "a/b/", None),
        ("a/b*", "a/bc", "bc"),
        ("", "a/b", "a/b"),
        ("*", "a", "a"),
    ],
)
def test_what_a_prefix_means(given: str, key: str, name: str | None) -> None:
    assert prefix_of(given).name_of(key) == name
