"""Session fixtures: each server starts when the first test asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from servers.azurite import Azurite
from servers.azurite import azurite as run_azurite
from servers.ceph import radosgw as run_radosgw
from servers.gcs import GcsEmulator
from servers.gcs import gcs_emulator as run_gcs_emulator
from servers.moto import moto as run_moto
from servers.nginx import Nginx
from servers.nginx import nginx as run_nginx
from servers.s3 import S3Server
from servers.sshd import Sshd
from servers.sshd import sshd as run_sshd
from servers.webhdfs import WebHdfs
from servers.webhdfs import webhdfs as run_webhdfs

__all__ = [
    "azurite",
    "gcs_emulator",
    "moto_auth",
    "moto_server",
    "nginx",
    "radosgw",
    "sshd",
    "webhdfs",
]


@pytest.fixture(scope="session")
def moto_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """moto that accepts any key; unsigned requests see public buckets only."""
    with run_moto(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture(scope="session")
def moto_auth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """moto that checks keys; it cannot answer unsigned requests."""
    with run_moto(tmp_path_factory.mktemp("moto-auth"), auth=True) as server:
        yield server


@pytest.fixture(scope="session")
def radosgw() -> Iterator[S3Server]:
    """radosgw: a real S3 server with keys, policies and versions."""
    with run_radosgw() as server:
        yield server


@pytest.fixture(scope="session")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """nginx, with and without TLS."""
    with run_nginx(tmp_path_factory.mktemp("nginx")) as server:
        yield server


@pytest.fixture(scope="session")
def gcs_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GcsEmulator]:
    """Google Cloud Storage's JSON interface."""
    with run_gcs_emulator(tmp_path_factory.mktemp("gcs")) as server:
        yield server


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Azure Blob Storage."""
    with run_azurite(tmp_path_factory.mktemp("azurite")) as server:
        yield server


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """SFTP."""
    with run_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture(scope="session")
def webhdfs() -> Iterator[WebHdfs]:
    """Hadoop's REST interface."""
    with run_webhdfs() as server:
        yield server
