"""Credentials from options, environment, profile and key files; never from a network probe."""

from __future__ import annotations

import json
import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from nearline.errors import InvalidOption
from nearline.storage.address import parse
from nearline.storage.options import aws, azure, credentials, google, metadata
from nearline.storage.options.spellings import AzureOptions, GcsOptions, S3Options


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("looking for credentials touched the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def home(folder: Path) -> dict[str, str]:
    return {"HOME": str(folder), "AWS_EC2_METADATA_DISABLED": "true", "NO_GCE_CHECK": "true"}


def keys(found: credentials.Credentials | None) -> tuple[Any, ...]:
    assert found is not None
    assert found.provider is not None
    given = found.provider()
    return given["access_key_id"], given["secret_access_key"], given["token"]


# --- Amazon -------------------------------------------------------------------


def test_nothing_found_on_an_ordinary_machine(tmp_path: Path) -> None:
    environ = home(tmp_path)
    assert aws.find(S3Options(), environ) is None
    assert google.find(GcsOptions(), environ) is None
    assert azure.find(AzureOptions(), environ) is None


def test_options_win_over_environment_and_take_no_token_from_it(tmp_path: Path) -> None:
    environ = home(tmp_path) | {
        "AWS_ACCESS_KEY_ID": "e",
        "AWS_SECRET_ACCESS_KEY": "es",
        "AWS_SESSION_TOKEN": "et",
    }
    assert keys(aws.find(S3Options(key="o", secret="os"), environ)) == ("o", "os", None)
    assert keys(aws.find(S3Options(), environ)) == ("e", "es", "et")


def test_profiles_of_both_files(tmp_path: Path) -> None:
    folder = tmp_path / ".aws"
    folder.mkdir()
    (folder / "credentials").write_text(
        "[default]\naws_access_key_id = d\naws_secret_access_key = ds\n"
        "[lab]\naws_access_key_id = l\naws_secret_access_key = l%s\naws_session_token = lt\n"
    )
    (folder / "config").write_text(
        "[profile lab]\nregion = eu-west-1\nendpoint_url = http://lab\n"
        "[profile other]\naws_access_key_id = o\naws_secret_access_key = os\n"
    )
    environ = home(tmp_path)
    assert keys(aws.find(S3Options(), environ)) == ("d", "ds", None)
    assert keys(aws.find(S3Options(profile="lab"), environ)) == ("l", "l%s", "lt")
    assert keys(aws.find(S3Options(), environ | {"AWS_PROFILE": "other"})) == ("o", "os", None)
    assert aws.place(S3Options(profile="lab"), environ) == aws.S3Place("http://lab", "eu-west-1")


def test_a_named_profile_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="'nowhere' holds no credentials"):
        aws.find(S3Options(profile="nowhere"), home(tmp_path))


def test_damaged_profile_files_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_bytes(b"\xff\xfe no section\n=")
    assert aws.find(S3Options(), home(tmp_path)) is None


def test_credential_process_is_run_only_when_asked_for_keys(tmp_path: Path) -> None:
    program = tmp_path / "give keys"
    told = {"Version": 1, "AccessKeyId": "p", "SecretAccessKey": "ps", "SessionToken": "pt"}
    told["Expiration"] = "2030-01-02T03:04:05Z"
    mark = tmp_path / "ran"
    program.write_text(f"#!/bin/sh\ntouch {mark}\necho '{json.dumps(told)}'\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    config = tmp_path / "config"
    config.write_text(f'[profile p]\ncredential_process = "{program}"\n')
    environ = home(tmp_path) | {"AWS_CONFIG_FILE": str(config)}
    found = aws.find(S3Options(profile="p"), environ)
    assert not mark.exists()
    assert keys(found) == ("p", "ps", "pt")
    assert found is not None
    assert found.provider is not None
    assert found.provider()["expires_at"].year == 2030


def test_profiles_that_take_a_log_in_say_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    config.write_text(
        "[default]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = x\n"
        "[profile s]\nsso_session = y\nsso_account_id = 1\n"
    )
    environ = home(tmp_path) | {"AWS_CONFIG_FILE": str(config)}
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for options, words in (
        (S3Options(), "assumes a role"),
        (S3Options(profile="s"), "logs in by SSO"),
    ):
        found = aws.find(options, environ)
        assert found is not None
        assert words in found.trouble
        assert "export-credentials" in found.trouble
        assert found.insisted == bool(options.profile)


@pytest.mark.parametrize(
    ("environ", "where"),
    [
        ({"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/x"}, "http://169.254.170.2/x"),
        ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://[::1]/x"}, "http://[::1]/x"),
    ],
)
def test_containers_are_known_by_their_variables(
    tmp_path: Path, environ: dict[str, str], where: str
) -> None:
    found = aws.find(S3Options(), home(tmp_path) | environ)
    assert found is not None
    assert isinstance(found.provider, metadata.AwsContainer)
    assert found.provider.url == where


def test_pods_are_known_by_their_variables(tmp_path: Path) -> None:
    environ = {"AWS_WEB_IDENTITY_TOKEN_FILE": "/t", "AWS_ROLE_ARN": "arn:x"}
    found = aws.find(S3Options(), home(tmp_path) | environ)
    assert found is not None
    assert "web_identity_token_file" in dict(found.config)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"sys_vendor": "LENOVO\n", "product_name": "20XW"}, None),
        ({"sys_vendor": "Amazon EC2\n"}, "aws"),
        ({"board_asset_tag": "i-0123456789abcdef0\n"}, "aws"),
        ({"product_name": "Google Compute Engine\n"}, "gce"),
        ({"chassis_asset_tag": "7783-7084-3265-9085-8269-3286-77\n"}, "azure"),
    ],
)
def test_machines_of_a_cloud_are_known_by_their_firmware(
    tmp_path: Path, files: dict[str, str], expected: str | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert credentials.machine({}, tmp_path) == expected


def test_metadata_of_amazon_can_be_switched_off(tmp_path: Path) -> None:
    (tmp_path / "sys_vendor").write_text("Amazon EC2")
    assert credentials.machine({"AWS_EC2_METADATA_DISABLED": "true"}, tmp_path) is None


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"AWS_ENDPOINT_URL": "http://a/"}, "http://a"),
        ({"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_S3": "http://b"}, "http://b"),
        ({}, None),
    ],
)
def test_endpoints_of_the_environment(
    tmp_path: Path, environ: dict[str, str], expected: str | None
) -> None:
    assert aws.place(S3Options(), home(tmp_path) | environ).endpoint == expected


# --- Google -------------------------------------------------------------------

SERVICE = {"type": "service_account", "private_key": "k", "client_email": "e"}
LOG_IN = {
    "type": "authorized_user",
    "client_id": "i",
    "client_secret": "s",
    "refresh_token": "r",
}


def test_google_looks_at_variable_then_gcloud_folder(tmp_path: Path) -> None:
    folder = tmp_path / ".config" / "gcloud"
    folder.mkdir(parents=True)
    (folder / "application_default_credentials.json").write_text(json.dumps(LOG_IN))
    environ = home(tmp_path)
    found = google.find(GcsOptions(), environ)
    assert found is not None
    assert found.where == "Application Default Credentials"
    assert found.provider is not None
    named = tmp_path / "key.json"
    named.write_text(json.dumps(SERVICE))
    found = google.find(GcsOptions(), environ | {"GOOGLE_APPLICATION_CREDENTIALS": str(named)})
    assert found is not None
    assert json.loads(dict(found.config)["service_account_key"]) == SERVICE


def test_google_token_as_path_dictionary_and_bearer(tmp_path: Path) -> None:
    named = tmp_path / "key.json"
    named.write_text(json.dumps(SERVICE))
    for token in (str(named), named, SERVICE):
        found = google.find(GcsOptions(token=token), home(tmp_path))
        assert found is not None
        assert found.insisted
        assert "service_account_key" in dict(found.config)
    found = google.find(GcsOptions(token="ya29.abc"), home(tmp_path))
    assert found is not None
    assert found.provider is not None
    assert found.provider()["token"] == "ya29.abc"


def test_google_default_must_exist_when_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="gcloud auth application-default login"):
        google.find(GcsOptions(token="google_default"), home(tmp_path))


def test_google_key_file_that_is_none_is_trouble_and_not_a_crash(tmp_path: Path) -> None:
    named = tmp_path / "key.json"
    named.write_text("hello")
    found = google.find(GcsOptions(), home(tmp_path) | {"GOOGLE_APPLICATION_CREDENTIALS": named})
    assert found is not None
    assert "not JSON" in found.trouble
    missing = home(tmp_path) | {"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "none")}
    found = google.find(GcsOptions(), missing)
    assert found is not None
    assert "cannot be read" in found.trouble


@pytest.mark.parametrize(
    ("value", "expected"),
    [("127.0.0.1:9", "http://127.0.0.1:9"), ("http://x/", "http://x"), ("default", None)],
)
def test_google_emulator_of_the_environment(value: str, expected: str | None) -> None:
    assert google.endpoint(GcsOptions(), {"STORAGE_EMULATOR_HOST": value}) == expected


# --- Azure --------------------------------------------------------------------


def test_azure_connection_string_gives_account_endpoint_and_key(tmp_path: Path) -> None:
    text = (
        "DefaultEndpointsProtocol=http;AccountName=acc;AccountKey=a2V5==;"
        "BlobEndpoint=http://127.0.0.1:1/acc;"
    )
    address = parse("az://container/blob")
    for options, environ in (
        (AzureOptions(connection_string=text), home(tmp_path)),
        (AzureOptions(), home(tmp_path) | {"AZURE_STORAGE_CONNECTION_STRING": text}),
    ):
        assert azure.place(address, options, environ) == azure.AzurePlace(
            "acc", "http://127.0.0.1:1/acc"
        )
        found = azure.find(options, environ)
        assert found is not None
        assert found.config == (("account_key", "a2V5=="),)


def test_azure_emulator_connection_string(tmp_path: Path) -> None:
    options = AzureOptions(connection_string="UseDevelopmentStorage=true")
    place = azure.place(parse("az://container/blob"), options, home(tmp_path))
    assert place == azure.AzurePlace("devstoreaccount1", "http://127.0.0.1:10000/devstoreaccount1")


def test_azure_account_from_the_url(tmp_path: Path) -> None:
    address = parse("abfss://container@lake.dfs.core.windows.net/a/b")
    assert azure.place(address, AzureOptions(), home(tmp_path)).account == "lake"


def test_azure_without_account_is_an_error_that_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="account_name"):
        azure.place(parse("az://container/blob"), AzureOptions(), home(tmp_path))


def test_azure_options_win_over_environment(tmp_path: Path) -> None:
    environ = home(tmp_path) | {
        "AZURE_STORAGE_ACCOUNT_NAME": "envacc",
        "AZURE_STORAGE_ACCOUNT_KEY": "envkey",
    }
    found = azure.find(AzureOptions(sas_token="?sig=1"), environ)
    assert found is not None
    assert found.config == (("sas_key", "sig=1"),)
    found = azure.find(AzureOptions(), environ)
    assert found is not None
    assert found.config == (("account_key", "envkey"),)


def test_found_credentials_do_not_show_their_secrets(tmp_path: Path) -> None:
    secret = "Zx9secretZx9"
    environ = home(tmp_path)
    for found in (
        aws.find(S3Options(key="k", secret=secret, token=secret), environ),
        google.find(GcsOptions(token=SERVICE | {"private_key": secret}), environ),
        google.find(GcsOptions(token=LOG_IN | {"refresh_token": secret}), environ),
        azure.find(AzureOptions(account_key=secret), environ),
    ):
        assert found is not None
        assert secret not in repr(found)
        assert secret not in repr(found.provider)
