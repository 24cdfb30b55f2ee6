"""Every Python block of the documents runs as it stands, one after the other on each page.

Only where the objects lie is arranged: an S3 server in the place of AWS, a simulated XNAT.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import nearline as nl
from documents.blocks import blocks, pages
from documents.world import fill_bucket, project
from nearline.fetch.keeper import keeper
from nearline.testing.xnat import SimulatedXnat
from servers.s3 import S3Server

ELSEWHERE = {"storages.md"}
"""Pages whose examples a test of their own runs, against one server each."""

PAGES = [one for one in pages() if any(block.language == "python" for block in blocks(one))]


@pytest.fixture(scope="module")
def bucket(moto_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> S3Server:
    fill_bucket(moto_server, tmp_path_factory.mktemp("bucket"))
    return moto_server


@pytest.fixture(scope="module")
def xnat() -> Iterator[SimulatedXnat]:
    with project() as server:
        yield server


def test_there_are_pages() -> None:
    assert {"README.md", "images.md", "volumes.md"} <= {one.name for one in PAGES}


@pytest.mark.parametrize(
    "page", [one for one in PAGES if one.name not in ELSEWHERE], ids=lambda one: one.name
)
def test_examples_run(
    page: Path,
    bucket: S3Server,
    xnat: SimulatedXnat,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket.endpoint)
    monkeypatch.chdir(tmp_path)
    interface(xnat, tmp_path, monkeypatch)
    given = {"__name__": "example", "blob": Blob(bucket)}
    for block in blocks(page):
        if block.language == "python":
            padded = "\n" * block.line + block.text
            exec(compile(padded, str(page), "exec"), given)


COMMANDS = [
    (page, line)
    for page in pages()
    for block in blocks(page)
    if not block.language
    for line in block.text.splitlines()
    if line.startswith("nearline ")
]


def test_there_are_commands() -> None:
    assert len({line.split()[1] for _, line in COMMANDS}) > 7


@pytest.mark.parametrize("page", sorted({page for page, _ in COMMANDS}), ids=lambda one: one.name)
def test_commands_run(
    page: Path,
    bucket: S3Server,
    xnat: SimulatedXnat,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket.endpoint)
    monkeypatch.setenv("XNAT_USER", "admin")
    monkeypatch.setenv("XNAT_PASS", "admin")
    with nl.open("s3://bucket/slide.dcm") as file:  # for `cache export` there must be something
        file.read()
    keeper().drain()
    for line in (line for one, line in COMMANDS if one == page):
        words = shlex.split(line.replace("https://xnat.example.org", xnat.address))[1:]
        command = [sys.executable, "-c", "from nearline.cli.main import run; run()", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, f"{line}: {done.stderr}"
        written = line.partition(" -o ")[2].split()[:1]
        assert all((tmp_path / name).stat().st_size > 0 for name in written), line


class Blob:
    """Opens as a google-cloud-storage blob does; what it gives is read through its own methods."""

    def __init__(self, server: S3Server) -> None:
        self._server = server

    def open(self, *, mode: str, **_options: Any) -> Any:
        body = self._server.client().get_object(Bucket="bucket", Key="slide.dcm")["Body"].read()
        path = Path("blob.dcm")
        path.write_bytes(body)
        return path.open(mode)


def interface(xnat: SimulatedXnat, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the documents' pyxnat meet the simulated server, whatever configuration it names."""
    import pyxnat

    honest = pyxnat.Interface

    def to_ours(**_options: Any) -> Any:
        return honest(xnat.address, user="admin", password="admin")

    monkeypatch.setattr(pyxnat, "Interface", to_ours)
