"""Profiles that take a log-in service: a role is assumed at moto, SSO says what to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import nearline as nl
from servers.s3 import S3Server


@pytest.fixture
def profiles(monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = Path(os.environ["HOME"]) / ".aws"
    folder.mkdir()
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "credentials"))
    return folder


def test_role_of_a_profile_is_assumed(
    moto_server: S3Server, profiles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = moto_server.make_bucket()
    moto_server.put(bucket, "a.bin", b"x" * 5000)
    (profiles / "credentials").write_text(
        "[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = secret\n"
    )
    (profiles / "config").write_text(
        "[profile base]\nregion = us-east-1\n"
        "[profile research]\nregion = us-east-1\nsource_profile = base\n"
        "role_arn = arn:aws:iam::123456789012:role/reader\n"
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_server.endpoint)
    with moto_server.counted() as far:
        assert far.proxy is not None
        options = {"profile": "research", "endpoint_url": far.endpoint}
        with nl.open(far.url(bucket, "a.bin"), storage_options=options) as file:
            assert file.read() == b"x" * 5000
        signed = [one.headers["authorization"] for one in far.proxy.requests]
    # Keys of a role begin with ASIA, and are not those of the profile that it is assumed by.
    assert signed
    assert all("Credential=ASIA" in one for one in signed)


def test_sso_profile_without_login_says_how_to_log_in(
    moto_server: S3Server, profiles: Path
) -> None:
    (profiles / "config").write_text(
        "[profile team]\nsso_start_url = https://example.org/start\nsso_region = us-east-1\n"
        "sso_account_id = 123456789012\nsso_role_name = reader\nregion = us-east-1\n"
    )
    bucket = moto_server.make_bucket()
    moto_server.put(bucket, "a.bin", b"x")
    options = {"profile": "team", "endpoint_url": moto_server.endpoint}
    with pytest.raises(nl.AccessDenied, match="aws sso login --profile team"):
        nl.open(moto_server.url(bucket, "a.bin"), storage_options=options)


def test_missing_profile_names_the_files(moto_server: S3Server, profiles: Path) -> None:
    options = {"profile": "nobody", "endpoint_url": moto_server.endpoint}
    with pytest.raises(nl.InvalidOption, match="nobody"):
        nl.open("s3://bucket/a.bin", storage_options=options)
