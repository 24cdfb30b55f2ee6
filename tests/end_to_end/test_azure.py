"""The job over Azurite: keys, shared access signatures, connection strings, and files of adlfs."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import nearline as nl
from end_to_end.job import Job
from servers.azurite import Azurite


@pytest.fixture(scope="module")
def container(azurite: Azurite, job: Job) -> str:
    container = azurite.make_container()
    azurite.put(container, "slide.dcm", job.path)
    return container


@pytest.fixture(scope="module")
def public(azurite: Azurite, job: Job) -> str:
    container = azurite.make_container(public=True)
    azurite.put(container, "slide.dcm", job.path)
    return container


def region_of(im: nl.Image) -> np.ndarray:
    return im.get_total_pixel_matrix(15000, 15512, 17000, 17512, dtype=np.uint8)


def signing_options(azurite: Azurite, container: str) -> dict[str, dict[str, Any]]:
    """Every way to say who reads."""
    token = azurite.sas(container, "slide.dcm")
    return {
        "account_key": azurite.storage_options,
        "sas_token": {**azurite.anonymous_options, "sas_token": token},
        "sas_token with its question mark": {
            **azurite.anonymous_options,
            "sas_token": f"?{token}",
        },
        "credential that is a token": {**azurite.anonymous_options, "credential": token},
        "connection_string": {"connection_string": azurite.connection_string},
        "connection_string with a token": {
            "connection_string": f"BlobEndpoint={azurite.endpoint};SharedAccessSignature={token}"
        },
    }


@pytest.mark.parametrize(
    "way", ["account_key", "sas_token", "connection_string", "connection_string with a token"]
)
def test_signed(azurite: Azurite, container: str, job: Job, way: str) -> None:
    job.run(azurite.url(container, "slide.dcm"), signing_options(azurite, container)[way])


@pytest.mark.parametrize("way", ["sas_token with its question mark", "credential that is a token"])
def test_other_spellings(azurite: Azurite, container: str, job: Job, way: str) -> None:
    options = signing_options(azurite, container)[way]
    im = nl.imread(azurite.url(container, "slide.dcm"), storage_options=options)
    job.check(region_of(im))


@pytest.mark.parametrize(
    "form",
    [
        "az://{container}/slide.dcm",
        "azure://{container}/slide.dcm",
        "abfs://{container}/slide.dcm",
        "abfss://{container}@{account}.dfs.core.windows.net/slide.dcm",
        "wasbs://{container}@{account}.blob.core.windows.net/slide.dcm",
    ],
)
def test_every_spelling_of_the_scheme(
    azurite: Azurite, container: str, job: Job, form: str
) -> None:
    url = form.format(container=container, account=azurite.account)
    job.check(region_of(nl.imread(url, storage_options=azurite.storage_options)))


def test_account_from_the_environment(
    azurite: Azurite, container: str, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", azurite.connection_string)
    job.check(region_of(nl.imread(azurite.url(container, "slide.dcm"))))


def test_public_container_takes_no_credentials(azurite: Azurite, public: str, job: Job) -> None:
    job.run(azurite.url(public, "slide.dcm"), azurite.anonymous_options)
    job.run(azurite.url(public, "slide.dcm"), {**azurite.anonymous_options, "anon": True})


def test_plain_and_signed_urls(azurite: Azurite, container: str, public: str, job: Job) -> None:
    job.run(f"{azurite.endpoint}/{public}/slide.dcm")
    token = azurite.sas(container, "slide.dcm")
    job.run(f"{azurite.endpoint}/{container}/slide.dcm?{token}")


def test_other_readers(azurite: Azurite, container: str, job: Job) -> None:
    job.run_in_other_readers(azurite.url(container, "slide.dcm"), azurite.storage_options)


@pytest.mark.parametrize("signed", [False, True])
def test_round_trips_and_bytes_counted_at_the_server(
    azurite: Azurite, public: str, job: Job, signed: bool
) -> None:
    def region(port: int) -> np.ndarray:
        far = replace(azurite, port=port)
        options = far.storage_options if signed else far.anonymous_options
        with nl.settings(cache="disk"):
            return region_of(nl.imread(far.url(public, "slide.dcm"), storage_options=options))

    job.check_cost(azurite.port, region)


# --- refusals ---------------------------------------------------------------------------


def refused(azurite: Azurite, container: str, options: dict[str, Any]) -> str:
    with pytest.raises(nl.AccessDenied) as refusal:
        nl.imread(azurite.url(container, "slide.dcm"), storage_options=options)
    assert f"az://{container}@{azurite.account}/slide.dcm" in str(refusal.value)
    return str(refusal.value)


def test_private_container_is_closed_to_nobody_in_particular(
    azurite: Azurite, container: str
) -> None:
    assert "account_key" in refused(azurite, container, azurite.anonymous_options)


def test_wrong_key_is_refused(azurite: Azurite, container: str) -> None:
    wrong = base64.b64encode(b"another key").decode()
    said = refused(azurite, container, {**azurite.storage_options, "account_key": wrong})
    assert "storage_options" in said
    assert wrong not in said


def test_expired_and_tampered_tokens_are_refused_and_never_shown(
    azurite: Azurite, container: str
) -> None:
    expired = azurite.sas(container, "slide.dcm", expires_s=-60)
    tampered = azurite.sas(container, "slide.dcm").replace("sig=", "sig=0")
    assert "valid until" in refused(
        azurite, container, {**azurite.anonymous_options, "sas_token": expired}
    )
    for token in (expired, tampered):
        signature = token.split("sig=")[1].split("&")[0]
        options = {**azurite.anonymous_options, "sas_token": token}
        assert signature not in refused(azurite, container, options)
        with pytest.raises(nl.AccessDenied) as refusal:
            nl.imread(f"{azurite.endpoint}/{container}/slide.dcm?{token}")
        assert signature not in str(refusal.value)


def test_missing_blob_container_and_account(azurite: Azurite, container: str) -> None:
    for url in (azurite.url(container, "nothing.dcm"), azurite.url("nowhere", "nothing.dcm")):
        with pytest.raises(nl.NotFound, match=r"nothing\.dcm"):
            nl.imread(url, storage_options=azurite.storage_options)
    with pytest.raises(nl.InvalidOption, match="account_name"):
        nl.imread(azurite.url(container, "slide.dcm"))


def test_replaced_blob_is_noticed(azurite: Azurite, container: str, job: Job) -> None:
    data = job.path.read_bytes()
    azurite.put(container, "replaced.dcm", data)
    options = azurite.storage_options
    im = nl.imread(azurite.url(container, "replaced.dcm"), storage_options=options)
    azurite.put(container, "replaced.dcm", data[:-1] + b"\x01")
    with pytest.raises(nl.ObjectChanged, match="replaced"):
        im.get_frame(3000)
