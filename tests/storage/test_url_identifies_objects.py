import pytest

from nearline.errors import UnsupportedUrl
from nearline.storage.url import canonical, identity, local_path


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("HTTP://Example.ORG:80/A", "http://example.org/A"),
        ("https://example.org:443", "https://example.org/"),
        ("https://[2001:DB8::1]:443/a", "https://[2001:db8::1]/a"),
        ("https://u:p@example.org/a?sig=1#x", "https://example.org/a"),
        ("s3a://bucket/key", "s3://bucket/key"),
        ("gcs://bucket/key", "gs://bucket/key"),
        ("abfss://c@account.dfs.core.windows.net/b", "az://c@account.blob.core.windows.net/b"),
        ("file:///a%20b", "/a b"),
        ("file://localhost/a", "/x/../a"),
    ],
)
def test_spellings_of_one_object(one, other):
    assert canonical(one) == canonical(other)
    assert canonical(canonical(one)) == canonical(one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://example.org/a", "https://example.org/a"),
        ("http://example.org/a", "http://example.org/A"),
        ("http://example.org/a", "http://example.org:8080/a"),
        ("http://example.org/a?x=1&y=2", "http://example.org/a?y=2&x=1"),
        ("http://example.org/a", "http://example.org//a"),
        ("s3://bucket/a/../b", "s3://bucket/b"),
        ("s3://bucket/%61", "s3://bucket/a"),
        ("s3://bucket/a", "s3://bucket/a?versionId=1"),
        ("gs://bucket/a", "gs://bucket/a#1"),
        ("s3://bucket/a", "gs://bucket/a"),
    ],
)
def test_different_objects(one, other):
    assert canonical(one) != canonical(other)


def test_identity_tells_signed_from_unsigned_and_servers_apart():
    told = {
        identity("s3://b/k", signed=False),
        identity("s3://b/k", signed=True),
        identity("s3://b/k", signed=False, endpoint="http://localhost:9000"),
        identity("s3://b/k", signed=False, endpoint="http://localhost:9001"),
    }
    assert len(told) == 4
    assert identity("s3a://b/k", signed=False, endpoint="http://LOCALHOST:9000/") in told


def test_file_urls_are_decoded_and_paths_are_not():
    assert local_path("file:///a%20b") == "/a b"
    assert local_path("/a%20b") == "/a%20b"


@pytest.mark.parametrize("url", ["file://server/share", "s3://bucket", "gs://bucket/", "http:///a"])
def test_what_names_no_object_here(url):
    with pytest.raises(UnsupportedUrl):
        canonical(url)
