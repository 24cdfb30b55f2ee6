"""Credentials of machines and containers: asked of their services, renewed during a long read."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

import nearline as nl
from nearline.storage.address import parse
from nearline.storage.options import aws, azure, google, metadata
from nearline.storage.options.spellings import AzureOptions, GcsOptions, S3Options
from nearline.testing.exchange import Exchange, Reply, StoredObject, answer
from nearline.testing.loopback import LoopbackServer
from nearline.testing.request_log import LoggedRequest

CONTENT = np.random.default_rng(3).bytes(6_000_000)


def as_json(told: dict[str, object], status: int = 200) -> Reply:
    return Reply(
        status, {"Content-Type": "application/json"}, memoryview(json.dumps(told).encode())
    )


class Clouds(LoopbackServer):
    """Metadata services of three clouds, and stores that take only what these gave last.

    A credential ends `lifetime_s` after it was given, and the stores then refuse it.
    """

    def __init__(self, lifetime_s: float = 3600) -> None:
        super().__init__("clouds")
        self.lifetime_s = lifetime_s
        self.given: dict[str, float] = {}
        self.broken = False
        self.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def give(self, kind: str) -> str:
        with self._lock:
            name = f"{kind}{len(self.given)}"
            self.given[name] = time.monotonic() + self.lifetime_s
            return name

    def respond(self, request: LoggedRequest, body: bytes) -> Reply:
        headers = {name.lower(): value for name, value in request.headers.items()}
        path = request.path
        if path.startswith("/store/"):
            return self.store(request, headers)
        if self.broken:
            return Reply(503)
        if path == "/latest/api/token":
            proper = request.method == "PUT" and "x-aws-ec2-metadata-token-ttl-seconds" in headers
            return Reply(200, body=memoryview(b"session")) if proper else Reply(400)
        if path.startswith("/latest/meta-data/iam/security-credentials/"):
            if headers.get("x-aws-ec2-metadata-token") != "session":
                return Reply(401)
            return (
                self.keys() if path.endswith("/a-role") else Reply(200, body=memoryview(b"a-role"))
            )
        if path == "/ecs":
            return self.keys() if headers.get("authorization") == "container-token" else Reply(401)
        if path == "/computeMetadata/v1/instance/service-accounts/default/token":
            return self.token(headers.get("metadata-flavor") == "Google")
        if path == "/metadata/identity/oauth2/token":
            query = parse_qs(urlsplit(request.target).query)
            wanted = query.get("resource") == ["https://storage.azure.com/"]
            return self.token(headers.get("metadata") == "true" and wanted)
        if path == "/msi":
            return self.token(headers.get("x-identity-header") == "app-secret")
        return Reply(404)

    def keys(self) -> Reply:
        until = datetime.now(UTC) + timedelta(seconds=self.lifetime_s)
        return as_json(
            {
                "Code": "Success",
                "AccessKeyId": self.give("AKIA"),
                "SecretAccessKey": "never-shown",
                "Token": "never-shown-either",
                "Expiration": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        )

    def token(self, proper: bool) -> Reply:
        if not proper:
            return Reply(400)
        told = {"access_token": self.give("token"), "expires_in": str(int(self.lifetime_s))}
        return as_json({**told, "token_type": "Bearer"})

    def store(self, request: LoggedRequest, headers: dict[str, str]) -> Reply:
        shown = headers.get("authorization", "")
        found = re.search(r"(?:Credential=|Bearer )(\w+)", shown)
        ends = self.given.get(found[1]) if found else None
        if ends is None or ends < time.monotonic():
            body = b"<Error><Code>ExpiredToken</Code><Message>it has expired</Message></Error>"
            return Reply(403, {"x-ms-error-code": "AuthenticationFailed"}, memoryview(body))
        held = StoredObject.of(CONTENT, etag='"one"', last_modified="Fri, 20 Nov 2026 10:00:00 GMT")
        exchange = Exchange(0, request.method, request.target, request.path, headers, held)
        return answer(exchange)


@dataclass
class Way:
    """One way to be known to a cloud."""

    environ: Callable[[str], dict[str, str]]
    url: str
    options: Callable[[str], dict[str, object]] = field(default=lambda _: {})


STORE = {
    "s3": lambda address: {"endpoint_url": f"{address}/store"},
    "gs": lambda address: {"endpoint_url": f"{address}/store"},
    "az": lambda address: {"account_name": "acc", "account_host": f"{address}/store"},
}

WAYS = {
    "ec2": Way(lambda a: {"AWS_EC2_METADATA_SERVICE_ENDPOINT": a}, "s3://bucket/key"),
    "ecs": Way(
        lambda a: {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{a}/ecs",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": "container-token",
        },
        "s3://bucket/key",
    ),
    "gce": Way(lambda a: {"GCE_METADATA_HOST": a.removeprefix("http://")}, "gs://bucket/key"),
    "azure-vm": Way(lambda a: {"AZURE_POD_IDENTITY_AUTHORITY_HOST": a}, "az://bucket/key"),
    "azure-app": Way(
        lambda a: {"IDENTITY_ENDPOINT": f"{a}/msi", "IDENTITY_HEADER": "app-secret"},
        "az://bucket/key",
    ),
}


@pytest.fixture
def clouds() -> Iterator[Clouds]:
    with Clouds() as server:
        yield server


@pytest.fixture(autouse=True)
def on_a_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.delenv("NO_GCE_CHECK")


def prepare(name: str, clouds: Clouds, monkeypatch: pytest.MonkeyPatch) -> tuple[str, dict]:
    way = WAYS[name]
    for variable, value in way.environ(clouds.address).items():
        monkeypatch.setenv(variable, value)
    return way.url, STORE[way.url.partition("://")[0]](clouds.address)


@pytest.mark.parametrize("name", WAYS)
def test_object_is_read_with_what_the_service_gave(name, clouds, monkeypatch) -> None:
    url, options = prepare(name, clouds, monkeypatch)
    with nl.open(url, storage_options=options) as file:
        assert file.reader.source.signed
        file.seek(3_000_000)
        assert file.read(1000) == CONTENT[3_000_000:3_001_000]
    assert clouds.given


@pytest.mark.parametrize("name", WAYS)
def test_credentials_are_renewed_during_a_long_read(name, clouds, monkeypatch) -> None:
    url, options = prepare(name, clouds, monkeypatch)
    clouds.lifetime_s = 2
    with nl.settings(cache="off"), nl.open(url, storage_options=options) as file:
        begun = time.monotonic()
        position = 0
        # Long enough for what was given first to end.
        while time.monotonic() - begun < 3:
            file.seek(position)
            assert file.read(500) == CONTENT[position : position + 500]
            position = (position + 700_001) % 5_000_000
            time.sleep(0.2)
    assert len(clouds.given) > 1


@pytest.mark.parametrize("name", WAYS)
def test_service_that_fails_is_named(name, clouds, monkeypatch) -> None:
    url, options = prepare(name, clouds, monkeypatch)
    clouds.broken = True
    with pytest.raises(nl.AccessDenied, match="gave no credentials") as refused:
        nl.open(url, storage_options=options)
    assert "503" in str(refused.value)


@pytest.mark.parametrize("name", WAYS)
def test_many_threads_read_with_it(name, clouds, monkeypatch) -> None:
    url, options = prepare(name, clouds, monkeypatch)
    read: list[bytes] = []

    def work() -> None:
        with nl.open(url, storage_options=options) as file:
            read.append(file.read())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read == [CONTENT] * 4


def test_container_tokens_come_from_files_that_change(clouds, tmp_path) -> None:
    path = tmp_path / "token"
    path.write_text("container-token\n")
    provider = metadata.aws_container(
        {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{clouds.address}/ecs",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(path),
        }
    )
    assert provider is not None
    assert provider()["access_key_id"] == "AKIA0"
    path.write_text("another")
    with pytest.raises(PermissionError, match="401"):
        provider()


def test_container_token_goes_to_no_other_host_in_the_clear() -> None:
    environ = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.org/ecs",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "container-token",
    }
    found = aws.find(S3Options(), environ)
    assert found is not None
    assert found.provider is None
    assert "example.org" in found.trouble
    environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "https://example.org/ecs"
    found = aws.find(S3Options(), environ)
    assert found is not None
    assert found.provider is not None


def test_services_can_be_switched_off(tmp_path) -> None:
    home = {"HOME": str(tmp_path)}
    away = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://x", "AWS_EC2_METADATA_DISABLED": "true"}
    assert aws.find(S3Options(), {**home, **away}) is None
    away = {"GCE_METADATA_HOST": "x", "NO_GCE_CHECK": "true"}
    assert google.find(GcsOptions(), {**home, **away}) is None


def test_token_cloud_insists_on_the_service(clouds) -> None:
    environ = {"GCE_METADATA_HOST": clouds.address.removeprefix("http://")}
    found = google.find(GcsOptions(token="cloud"), environ)
    assert found is not None
    assert found.insisted
    assert found.provider is not None
    assert found.provider()["token"] == "token0"


def test_what_was_given_is_shown_nowhere(clouds, monkeypatch) -> None:
    url, options = prepare("ecs", clouds, monkeypatch)
    with nl.open(url, storage_options=options) as file:
        shown = f"{file!r} {file.reader!r} {file.reader.source!r} {file.reader.source.identity}"
    found = aws.find(S3Options(), {**WAYS["ecs"].environ(clouds.address)})
    assert "container-token" not in f"{shown} {found!r}"
    found = azure.find(AzureOptions(), {**WAYS["azure-app"].environ(clouds.address)})
    assert "app-secret" not in repr(found)
    assert parse(url).kind == "s3"
