"""`storage_options` in the spellings of fsspec, boto3 and pandas."""

from __future__ import annotations

import inspect
import pickle
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearline.errors import InvalidOption
from nearline.storage.options.spellings import AzureOptions, GcsOptions, HttpOptions, S3Options

ALL = [S3Options, GcsOptions, AzureOptions, HttpOptions]


def test_s3_options_of_the_documentation_are_understood() -> None:
    options = S3Options.parse({"anon": True, "default_block_size": 500_000, "use_ssl": False})
    assert options == S3Options(anon=True, use_ssl=False)


def test_s3_spellings_of_s3fs_and_boto3_mean_the_same() -> None:
    s3fs = S3Options.parse(
        {"key": "k", "secret": "s", "token": "t", "endpoint_url": "http://e", "region": "r"}
    )
    boto3 = S3Options.parse(
        {
            "client_kwargs": {
                "aws_access_key_id": "k",
                "aws_secret_access_key": "s",
                "aws_session_token": "t",
                "endpoint_url": "http://e",
                "region_name": "r",
            }
        }
    )
    assert s3fs == boto3
    assert (s3fs.key, s3fs.secret, s3fs.token) == ("k", "s", "t")


def test_every_option_of_s3fs_is_known_or_refused_by_name() -> None:
    # The constructor of s3fs is the list that users copy from.
    import s3fs

    refused = {"session", "loop", "s3_additional_kwargs", "kwargs", "self"}
    for name in inspect.signature(s3fs.S3FileSystem.__init__).parameters:
        if name in refused:
            continue
        value = "s" if name in ("key", "secret", "username", "password") else None
        given = {name: value}
        if name in ("key", "username"):
            given["secret"] = "s"
        if name in ("secret", "password"):
            given["key"] = "k"
        S3Options.parse(given)


def test_top_level_options_win_over_client_kwargs() -> None:
    options = S3Options.parse({"endpoint_url": "http://a", "client_kwargs": {"endpoint_url": "b"}})
    assert options.endpoint_url == "http://a"


def test_botocore_unsigned_means_anonymous() -> None:
    from botocore import UNSIGNED

    assert S3Options.parse({"config_kwargs": {"signature_version": UNSIGNED}}).anon
    assert not S3Options.parse({"config_kwargs": {"signature_version": "s3v4"}}).anon


@pytest.mark.parametrize("kind", ALL)
def test_unknown_option_is_an_error_that_lists_the_known_ones(kind: type) -> None:
    with pytest.raises(InvalidOption, match="'endpointurl' is not an option") as caught:
        kind.parse({"endpointurl": "x"})  # type: ignore[attr-defined]
    assert "there are: " in str(caught.value)


def test_unknown_nested_option_is_an_error() -> None:
    with pytest.raises(InvalidOption, match="'regoin' is not an option of client_kwargs"):
        S3Options.parse({"client_kwargs": {"regoin": "x"}})


@pytest.mark.parametrize(
    "given",
    [
        {"key": "k"},
        {"secret": "s"},
        {"anon": "yes"},
        {"endpoint_url": 5},
        {"client_kwargs": "x"},
        {"client_kwargs": {"verify": 3}},
        {"config_kwargs": {"s3": {"addressing_style": "sideways"}}},
    ],
)
def test_impossible_s3_values_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(InvalidOption):
        S3Options.parse(given)


@pytest.mark.parametrize("token", ["browser", "cache"])
def test_log_ins_of_gcsfs_are_refused_with_the_alternative(token: str) -> None:
    with pytest.raises(InvalidOption, match="gcloud auth application-default login"):
        GcsOptions.parse({"token": token})


def test_gcs_requester_pays_takes_a_project() -> None:
    with pytest.raises(InvalidOption, match="project"):
        GcsOptions.parse({"requester_pays": True})
    assert GcsOptions.parse({"requester_pays": "p"}).project == "p"
    assert GcsOptions.parse({"requester_pays": True, "project": "q"}).project == "q"


def test_gcs_anonymous_token_is_not_a_credential() -> None:
    options = GcsOptions.parse({"token": "anon"})
    assert options.anon
    assert options.token is None


def test_azure_credential_string_is_a_sas_token_or_a_key() -> None:
    assert AzureOptions.parse({"credential": "sv=1&sig=x"}).sas_token == "sv=1&sig=x"
    assert AzureOptions.parse({"credential": "a2V5"}).account_key == "a2V5"
    with pytest.raises(InvalidOption, match="credential"):
        AzureOptions.parse({"credential": 5})


def test_http_headers_in_pandas_and_fsspec_spelling() -> None:
    pandas = HttpOptions.parse({"User-Agent": "me", "Authorization": "Bearer x"})
    fsspec = HttpOptions.parse({"headers": {"User-Agent": "me", "Authorization": "Bearer x"}})
    aiohttp = HttpOptions.parse(
        {"client_kwargs": {"headers": {"User-Agent": "me", "Authorization": "Bearer x"}}}
    )
    assert pandas == fsspec == aiohttp


def test_http_login_in_every_spelling() -> None:
    import aiohttp

    with pytest.warns(DeprecationWarning, match="BasicAuth"):
        login = aiohttp.BasicAuth("u", "p")
    for spelling in (
        {"auth": ("u", "p")},
        {"client_kwargs": {"auth": login}},
        {"username": "u", "password": "p"},
    ):
        options = HttpOptions.parse(spelling)
        assert (options.user, options.password) == ("u", "p")


SECRET = "Zx9secretZx9"


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (S3Options, {"key": "k", "secret": SECRET, "token": SECRET}),
        (GcsOptions, {"token": {"private_key": SECRET}}),
        (AzureOptions, {"account_key": SECRET, "connection_string": SECRET}),
        (AzureOptions, {"client_secret": SECRET, "sas_token": SECRET}),
        (HttpOptions, {"headers": {"X-Key": SECRET}, "auth": ("u", SECRET)}),
    ],
)
def test_secrets_are_never_shown(kind: type, given: dict[str, object]) -> None:
    assert SECRET not in repr(kind.parse(given))  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ALL)
def test_options_are_values_that_pickle(kind: type) -> None:
    options = kind.parse({})  # type: ignore[attr-defined]
    assert pickle.loads(pickle.dumps(options)) == options
    assert hash(options) == hash(kind.parse({}))  # type: ignore[attr-defined]


@given(st.dictionaries(st.text(min_size=1, max_size=12), st.none() | st.text() | st.booleans()))
def test_any_mapping_is_read_or_refused_as_an_option(given: dict[str, object]) -> None:
    for kind in ALL:
        with suppress(InvalidOption):
            kind.parse(given)  # type: ignore[attr-defined]
