"""From what users pass to the right source: schemes, options, credentials found and refused."""

from __future__ import annotations

import os
import pickle
import sys
import types
from pathlib import Path
from typing import Any

import fsspec.registry  # noqa: F401
import pytest

from nearline.errors import (
    AccessDenied,
    InvalidOption,
    MissingExtra,
    NotFound,
    UnsupportedUrl,
)
from nearline.storage import address, openers, resolve
from nearline.storage.http import HttpSource
from nearline.storage.local import LocalSource
from nearline.storage.source import Answer, Source
from nearline.testing import RangeServer, faults

CONTENT = b"0123456789" * 1000


def body(answer: Answer) -> bytes:
    return b"".join(bytes(chunk) for chunk in answer.chunks)


# --- addresses ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://bucket/a/b.dcm", address.Address("s3", "bucket", "a/b.dcm")),
        ("S3://bucket/a%41//b", address.Address("s3", "bucket", "a%41//b")),
        ("s3a://bucket/a?b#c", address.Address("s3", "bucket", "a?b#c")),
        ("s3://bucket/a?versionId=v.1", address.Address("s3", "bucket", "a", "v.1")),
        ("gs://bucket/a#123", address.Address("gs", "bucket", "a", "123")),
        ("gcs://bucket/a#b", address.Address("gs", "bucket", "a#b")),
        ("az://container/a", address.Address("az", "container", "a")),
        (
            "abfss://container@acc.dfs.core.windows.net/a",
            address.Address("az", "container", "a", account="acc"),
        ),
    ],
)
def test_store_urls_are_split_as_fsspec_splits_them(url: str, expected: address.Address) -> None:
    found = address.parse(url)
    assert found == expected
    assert address.parse(found.url) == found


@pytest.mark.parametrize("url", ["s3://bucket", "s3://bucket/", "s3:///key", "gs://"])
def test_urls_without_bucket_or_key_are_refused(url: str) -> None:
    with pytest.raises(UnsupportedUrl, match="does not name an object"):
        resolve.resolve(url)


# --- targets --------------------------------------------------------------------


def test_paths_are_local_files_however_they_are_written(tmp_path: Path) -> None:
    target = tmp_path / "a b#c.dcm"
    target.write_bytes(CONTENT)
    for one in (target, str(target), os.fspath(target), target.as_uri()):
        source = resolve.resolve(one)
        assert isinstance(source, LocalSource)
        assert body(source.read(0, 4)) == b"0123"


def test_sources_and_our_own_files_pass_through(tmp_path: Path) -> None:
    source = LocalSource(tmp_path / "k")
    assert resolve.resolve(source) is source
    ours = types.SimpleNamespace(reader=types.SimpleNamespace(source=source), read=1, seek=1)
    assert resolve.resolve(ours) is source


@pytest.mark.parametrize("target", [b"bytes", Path("/k"), "/k", "file:///k"])
def test_options_without_meaning_are_an_error(target: Any) -> None:
    with pytest.raises(InvalidOption, match="no meaning"):
        resolve.resolve(target, storage_options={"anon": True})


def test_schemes_of_higher_rooms_are_imported_on_use(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def opener(url: str, *, storage_options: Any, settings: Any) -> Source:
        seen.append((url, storage_options, settings))
        return LocalSource("/k")

    module = types.ModuleType("a_higher_room")
    module.opener = opener  # type: ignore[attr-defined]
    monkeypatch.setitem(openers.SOURCES, "made-up", "a_higher_room:opener")
    with pytest.raises(ModuleNotFoundError):
        resolve.resolve("made-up://x")
    monkeypatch.setitem(sys.modules, "a_higher_room", module)
    resolve.resolve("made-up://x", storage_options={"a": 1})
    assert seen == [("made-up://x", {"a": 1}, None)]


def test_unknown_schemes_are_a_clear_error() -> None:
    with pytest.raises(UnsupportedUrl, match="made-up://x"):
        resolve.resolve("made-up://x")


def test_a_missing_package_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for absent in ("obstore", "obstore.store"):
        monkeypatch.setitem(sys.modules, absent, None)
    options = {"key": "k", "secret": "s", "endpoint_url": "http://127.0.0.1:1"}
    source = resolve.resolve("s3://bucket-without-obstore/k", storage_options=options)
    with pytest.raises(MissingExtra, match=r'pip install "nearline\[cloud\]"'):
        source.read(0, 1)
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(MissingExtra, match=r'pip install "nearline\[fsspec\]"'):
        resolve.resolve("sftp://host/k")
    with pytest.raises(MissingExtra, match=r"simplecache::http://host/k"):
        resolve.resolve("simplecache::http://user:pw@host/k")


def test_a_missing_protocol_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "paramiko", None)
    # Others may have used it already.
    monkeypatch.delitem(sys.modules, "fsspec.implementations.sftp", raising=False)
    known = sys.modules["fsspec.registry"].__dict__["_registry"]
    monkeypatch.delitem(known, "sftp", raising=False)
    with pytest.raises(MissingExtra, match=r"nearline\[sftp\]"):
        resolve.resolve("sftp://host/k")


def test_chained_urls_are_read_serially_through_fsspec() -> None:
    with RangeServer({"/k": CONTENT}) as server:
        source = resolve.resolve(f"simplecache::{server.url('/k')}")
        assert not source.concurrent
        assert body(source.read(5, 9)) == CONTENT[5:9]


# --- http -----------------------------------------------------------------------


def test_http_options_reach_the_server() -> None:
    with RangeServer({"/k": CONTENT}) as server:
        resolve.resolve(server.url("/k"), storage_options={"headers": {"X-Key": "v"}}).read(0, 1)
        resolve.resolve(server.url("/k"), storage_options={"auth": ("u", "p")}).read(0, 1)
        first, second = server.requests
        assert first.headers["x-key"] == "v"
        assert second.headers["authorization"].startswith("Basic ")


# --- unsigned and signed -----------------------------------------------------------


@pytest.fixture
def buckets(radosgw: Any) -> tuple[Any, str, str]:
    """A server, a public bucket and a private one, both with "k"."""
    public, private = radosgw.make_bucket(public=True), radosgw.make_bucket()
    for bucket in (public, private):
        radosgw.put(bucket, "k", CONTENT)
    return radosgw, public, private


def test_public_objects_need_no_settings(
    buckets: tuple[Any, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, public, private = buckets
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.endpoint)
    source = resolve.resolve(f"s3://{public}/k")
    assert isinstance(source, HttpSource)
    assert not source.signed
    assert body(source.read(0, 4)) == CONTENT[:4]
    with pytest.raises(AccessDenied):
        resolve.resolve(f"s3://{private}/k").read(0, 4)


@pytest.mark.parametrize("where", ["environment", "profile"])
def test_credentials_that_are_found_are_used(
    buckets: tuple[Any, str, str], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    server, _, private = buckets
    if where == "environment":
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
    else:
        folder = Path(os.environ["HOME"]) / ".aws"
        folder.mkdir()
        (folder / "credentials").write_text(
            f"[lab]\naws_access_key_id={server.access_key}\n"
            f"aws_secret_access_key={server.secret_key}\n"
        )
        monkeypatch.setenv("AWS_PROFILE", "lab")
    options = {"endpoint_url": server.endpoint}
    source = resolve.resolve(f"s3://{private}/k", storage_options=options)
    assert body(source.read(0, 4)) == CONTENT[:4]
    assert source.signed


def test_refused_credentials_are_followed_by_one_unsigned_try(
    buckets: tuple[Any, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, public, private = buckets
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with server.counted() as counted:
        options = {"endpoint_url": counted.endpoint}
        source = resolve.resolve(f"s3://{public}/k", storage_options=options)
        assert source.signed
        assert body(source.read(0, 4)) == CONTENT[:4]
        assert not source.signed
        plain = resolve.resolve(f"s3://{public}/k", storage_options={**options, "anon": True})
        assert source.identity == plain.identity
        assert len(counted.proxy.requests) == 2
        body(source.read(4, 8))
        assert len(counted.proxy.requests) == 3
        again = pickle.loads(pickle.dumps(source))
        assert body(again.read(4, 8)) == CONTENT[4:8]
        assert len(counted.proxy.requests) == 4
        source = resolve.resolve(f"s3://{private}/k", storage_options=options)
        with pytest.raises(AccessDenied, match="SignatureDoesNotMatch"):
            source.read(0, 4)


def test_a_passing_fault_does_not_end_signing() -> None:
    with RangeServer({"/bucket/k": CONTENT}) as server:
        server.misbehave("/bucket/k", faults.fail(503), requests={1})
        options = {"key": "k", "secret": "s", "endpoint_url": server.url("")}
        source = resolve.resolve("s3://bucket/k", storage_options=options)
        with pytest.raises(Exception, match="503"):
            source.read(0, 1)
        assert body(source.read(0, 1)) == b"0"
        assert source.signed


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("s3://bucket/k", {"anon": True}),
        ("gs://bucket/k", {"token": "anon"}),
        ("gs://bucket/k", {"anon": True}),
        ("az://bucket/k", {"anon": True, "account_name": "a"}),
    ],
)
def test_anonymous_means_that_no_credentials_are_looked_for(
    url: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")
    source = resolve.resolve(url, storage_options=options)
    assert isinstance(source, HttpSource)
    assert not source.signed


def test_the_imaging_data_commons_is_never_read_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    assert not resolve.resolve("s3://idc-open-data/a/b.dcm").signed
    assert resolve.resolve("s3://another/a/b.dcm").signed
    options = {"key": "k", "secret": "s"}
    assert resolve.resolve("s3://idc-open-data/a/b.dcm", storage_options=options).signed


def test_unusable_credentials_only_matter_where_they_are_needed(
    buckets: tuple[Any, str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server, public, private = buckets
    config = tmp_path / "config"
    config.write_text("[default]\nsso_session = x\n[profile named]\nsso_session = x\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    options = {"endpoint_url": server.endpoint}
    source = resolve.resolve(f"s3://{public}/k", storage_options=options)
    assert body(source.read(0, 4)) == CONTENT[:4]
    assert not source.signed
    source = resolve.resolve(f"s3://{private}/k", storage_options=options)
    with pytest.raises(AccessDenied, match="export-credentials"):
        source.read(0, 4)
    with pytest.raises(InvalidOption, match="export-credentials"):
        resolve.resolve(f"s3://{public}/k", storage_options={**options, "profile": "named"})


def test_google_credentials_that_are_found_are_used(moto_server: Any) -> None:
    bucket = moto_server.make_bucket("googleresolve")
    moto_server.put(bucket, "k", CONTENT)
    options = {"endpoint_url": moto_server.endpoint}
    with pytest.raises((AccessDenied, NotFound)):
        resolve.resolve(f"gs://{bucket}/k", storage_options=options).read(0, 1)
    folder = Path(os.environ["HOME"]) / ".config" / "gcloud"
    folder.mkdir(parents=True)
    (folder / "application_default_credentials.json").write_text('{"access_token": "t"}')
    source = resolve.resolve(f"gs://{bucket}/k", storage_options=options)
    assert body(source.read(0, 4)) == CONTENT[:4]
    assert source.signed
