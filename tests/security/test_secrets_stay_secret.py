"""Credentials reach no log, repr, traceback, pickle, cache or temporary file; one run per kind."""

from __future__ import annotations

import base64
import logging
import pickle
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import nearline as nl
from nearline.errors import NearlineError
from nearline.testing import RangeServer, faults
from servers.s3 import S3Server
from slides import Recipe, write_slide
from xnat_sites import small_archive

PASSWORD = "S3CRET-word/+="


@dataclass
class Login:
    """One way to prove who one is, and what must never be seen of it."""

    target: str
    secrets: list[str]
    options: dict[str, Any] | None = None
    environment: dict[str, str] = field(default_factory=dict)
    refused: str | None = None
    """A target of the same kind that is refused or absent."""


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("slide") / "slide.dcm"
    write_slide(path, Recipe(rows=256, columns=320, tile_rows=64, tile_columns=64))
    return path


@pytest.fixture(scope="module")
def server(slide: Path) -> Iterator[RangeServer]:
    with RangeServer({"/a.dcm": slide.read_bytes()}) as server:
        yield server


@pytest.fixture(scope="module")
def bucket(radosgw: S3Server, slide: Path) -> str:
    bucket = radosgw.make_bucket()
    radosgw.put(bucket, "a.dcm", slide)
    return bucket


def basic(server: RangeServer, how: str) -> Login:
    token = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
    server.misbehave("/a.dcm", faults.require_basic_auth(token))
    plain, secrets = server.url("/a.dcm"), [PASSWORD, "S3CRET", token]
    if how == "in the URL":
        return Login(plain.replace("://", "://me:S3CRET-word%2F%2B%3D@"), secrets)
    headers = {"Authorization": f"Basic {token}"}
    return Login(plain, secrets, {"headers": headers}, refused=server.url("/absent.dcm"))


def presigned(store: S3Server, bucket: str) -> Login:
    url = store.presigned_url(bucket, "a.dcm")
    signature = url.partition("X-Amz-Signature=")[2].partition("&")[0]
    return Login(url, [signature], refused=url.replace(signature, signature[::-1]))


def keys(store: S3Server, bucket: str, where: str) -> Login:
    options = store.storage_options
    secret = options["secret"]
    if where == "options":
        return Login(store.url(bucket, "a.dcm"), [secret], options, refused=f"s3://{bucket}/no.dcm")
    environment = {
        "AWS_ACCESS_KEY_ID": options["key"],
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_ENDPOINT_URL": store.endpoint,
        "AWS_REGION": store.region,
    }
    return Login(store.url(bucket, "a.dcm"), [secret], None, environment, f"s3://{bucket}/no.dcm")


LOGINS: dict[str, Callable[..., Login]] = {
    "basic in the URL": lambda http, _s3, _bucket: basic(http, "in the URL"),
    "basic in a header": lambda http, _s3, _bucket: basic(http, "in a header"),
    "presigned": lambda _http, s3, bucket: presigned(s3, bucket),
    "keys as options": lambda _http, s3, bucket: keys(s3, bucket, "options"),
    "keys of the environment": lambda _http, s3, bucket: keys(s3, bucket, "environment"),
}


class Ears(logging.Handler):
    """Hears every logger of the process at its finest level."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def heard() -> Iterator[list[str]]:
    ears, root = Ears(), logging.getLogger()
    level = root.level
    root.addHandler(ears)
    root.setLevel(logging.NOTSET)
    yield ears.lines
    root.removeHandler(ears)
    root.setLevel(level)


def told(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)) + repr(error)


@pytest.mark.parametrize("kind", LOGINS)
@pytest.mark.parametrize("cache", ["disk", "memory"])
def test_no_secret_is_seen_anywhere(
    kind: str,
    cache: Any,
    server: RangeServer,
    radosgw: S3Server,
    bucket: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    heard: list[str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    login = LOGINS[kind](server, radosgw, bucket)
    heard.clear()  # making a signature is boto3's work, and it talks
    for name, value in login.environment.items():
        monkeypatch.setenv(name, value)
    folder, scratch = tmp_path / "cache", tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    seen: list[str] = []
    with nl.settings(cache=cache, cache_dir=folder, retries=0):
        im = nl.imread(login.target, storage_options=login.options)
        assert im.get_total_pixel_matrix().shape[:2] == (256, 320)
        with nl.open(login.target, storage_options=login.options) as file:
            seen += [repr(file), file.name if isinstance(file.name, str) else ""]
        seen += [repr(im), str(im), im.url, repr(im.provenance), repr(im.pixels)]
        with pytest.raises(NearlineError) as refused:
            nl.imread(login.refused or server.url("/no"), storage_options=login.options)
        seen.append(told(refused.value))
        with pytest.raises(NearlineError) as outside:
            im.get_frame(10_000)
        seen.append(told(outside.value))
        given_by_the_user = login.options is not None or "@" in login.target or "?" in login.target
        if not given_by_the_user:
            seen.append(pickle.dumps(im).decode("latin-1"))
        from nearline.fetch.keeper import keeper

        keeper().drain()
    server.behave()
    seen += heard
    seen += list(capfd.readouterr())
    written = [one for one in tmp_path.rglob("*") if one.is_file()]
    assert bool(written) == (cache == "disk")
    seen += [one.read_bytes().decode("latin-1") + str(one) for one in written]
    assert any("GET" in line for line in heard) or "keys" in kind  # the ears do hear
    for secret in login.secrets:
        assert not [text[:300] for text in seen if secret in text]


def test_no_password_of_xnat_is_seen_anywhere(
    tmp_path: Path, heard: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    from nearline.testing.xnat import SimulatedXnat

    with SimulatedXnat(small_archive()) as xnat:
        xnat.accounts.users["me"] = PASSWORD
        xnat.archive.grant("ALFA", "me")
        with nl.settings(cache_dir=tmp_path / "cache"):
            table = nl.collect(xnat.address, "ALFA", "aseg", user="me", password=PASSWORD)
            seen = [
                repr(table),
                str(table.report),
                table.sessions.to_csv(),
                repr(table.frame.attrs),
            ]
            with pytest.raises(NearlineError) as refused:
                nl.collect(xnat.address, "NOWHERE", "aseg", user="me", password=PASSWORD)
            with pytest.raises(NearlineError) as wrong:
                nl.collect(xnat.address, "ALFA", "aseg", user="me", password=PASSWORD + "x")
    assert len(table.frame) > 100
    seen += [told(refused.value), told(wrong.value), *heard, *capfd.readouterr()]
    for one in tmp_path.rglob("*"):
        if one.is_file():
            seen.append(one.read_bytes().decode("latin-1"))
    assert any("GET" in line for line in heard)
    token = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
    cookies = [
        value
        for request in xnat.requests
        if (value := request.headers.get("cookie", "").partition("JSESSIONID=")[2].split(";")[0])
    ]
    assert cookies
    for secret in (PASSWORD, token, *set(cookies)):
        assert not [text[:300] for text in seen if secret in text]
