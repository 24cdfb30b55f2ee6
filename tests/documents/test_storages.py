"""The page on storages: each example runs against a real server, and the table names real tests."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest

from documents.blocks import ROOT, Block, blocks
from made import Phantom, ct_series
from made.files import as_bytes
from nearline.testing.slides import Recipe, write_slide
from nearline.testing.xnat import Archive, SimulatedXnat
from nearline.xnat_storage.visits import close_all
from servers.azurite import Azurite
from servers.gcs import GcsEmulator
from servers.nginx import Nginx
from servers.s3 import S3Server
from servers.sshd import Sshd
from servers.webhdfs import WebHdfs

PAGE = ROOT / "docs" / "storages.md"
BLOCKS = {block.line: block for block in blocks(PAGE) if block.language == "python"}


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("slide") / "slide.dcm"
    write_slide(path, Recipe(rows=1024, columns=1024))
    return path


def section(title: str) -> list[Block]:
    """Return the examples below a heading."""
    lines = PAGE.read_text().splitlines()
    start = lines.index(f"## {title}") + 1
    stop = next(
        (at for at, line in enumerate(lines, 1) if at > start and line.startswith("## ")),
        len(lines),
    )
    return [block for line, block in BLOCKS.items() if start < line < stop]


def run(title: str, slide: Path, **changed: str) -> dict[str, Any]:
    """Run a section's examples with places of this machine, and check what they read."""
    scope: dict[str, Any] = {"__name__": "example"}
    found = section(title)
    assert found
    for block in found:
        text = block.text
        for old, new in changed.items():
            text = text.replace(PLACES[old], new)
        exec(compile("\n" * block.line + text, str(PAGE), "exec"), scope)
    if "im" in scope:
        wanted = highdicom.imread(slide)
        assert scope["im"].SOPInstanceUID == wanted.SOPInstanceUID
        frame = scope.get("frame")
        frame = scope["im"].get_frame(1) if frame is None else frame
        assert np.abs(frame.astype(int) - wanted.get_frame(1)).max() <= 2
    return scope


PLACES = {
    "key": "AKIAEXAMPLE",
    "secret": "wJalrEXAMPLE",
    "web": "https://images.example.org/slide.dcm",
    "private": "https://images.example.org/private/slide.dcm",
    "sftp": "sftp://files.example.org/data/slide.dcm",
    "user": '"username": "me"',
    "key_file": "/home/me/.ssh/id_ed25519",
    "name_node": "namenode:9870",
    "hadoop_user": '"user": "me"',
    "xnat": "xnat://xnat.example.org",
    "archive": "/data/study.zip",
}


@pytest.fixture
def s3(moto_server: S3Server, slide: Path, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    name = "open-slides"
    if name not in [one["Name"] for one in moto_server.client().list_buckets()["Buckets"]]:
        moto_server.make_bucket(name, public=True)
        moto_server.put(name, "slide.dcm", slide)
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_server.endpoint)
    return moto_server


@pytest.fixture(scope="module")
def of_google(gcs_emulator: GcsEmulator, slide: Path) -> GcsEmulator:
    gcs_emulator.make_bucket("open-slides")
    gcs_emulator.put("open-slides", "slide.dcm", slide)
    return gcs_emulator


@pytest.fixture(scope="module")
def of_azure(azurite: Azurite, slide: Path) -> Azurite:
    azurite.client().create_container("slides")
    azurite.put("slides", "slide.dcm", slide)
    return azurite


def test_amazon(s3: S3Server, slide: Path) -> None:
    run("Amazon S3 and its like", slide, key=s3.access_key, secret=s3.secret_key)


def test_google(of_google: GcsEmulator, slide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", of_google.endpoint)
    run("Google Cloud Storage", slide)


def test_azure(of_azure: Azurite, slide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", of_azure.connection_string)
    run("Azure Blob Storage", slide)


def test_web(nginx: Nginx, slide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nginx.put("documented.dcm", slide)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(nginx.certificate))
    run(
        "Web servers",
        slide,
        web=nginx.url("documented.dcm", tls=True),
        private=nginx.url("documented.dcm", "auth", tls=True),
    )


def test_sftp(sshd: Sshd, slide: Path) -> None:
    sshd.put("documented.dcm", slide)
    url = sshd.url("documented.dcm").replace("127.0.0.1", f"127.0.0.1:{sshd.port}")
    user = f'"username": "{sshd.user}"'
    run("SFTP", slide, sftp=url, user=user, key_file=str(sshd.key_file))


def test_hadoop(webhdfs: WebHdfs, slide: Path) -> None:
    webhdfs.put("data/slide.dcm", slide.read_bytes())
    node = f"127.0.0.1:{webhdfs.name_node.port}"
    run("Hadoop", slide, name_node=node, hadoop_user=f'"user": "{webhdfs.user}"')


@pytest.fixture
def xnat(slide: Path) -> Iterator[SimulatedXnat]:
    files = {}
    for number, dataset in enumerate(ct_series(Phantom(20, 24, 5)), 1):
        files[f"{number}.dcm"] = as_bytes(dataset)
    archive = Archive()
    archive.add_project("ALFA")
    session = archive.add_session("ALFA", subject="0001")
    archive.add_scan(session, "4", files)
    with SimulatedXnat(archive) as server:
        yield server
        close_all()


def test_xnat(xnat: SimulatedXnat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XNAT_USER", "admin")
    monkeypatch.setenv("XNAT_PASS", "admin")
    address = xnat.address.replace("http://", "xnat+http://")
    (held,) = xnat.archive.experiments["XNAT_E00001"].scans["4"].resources
    datasets = [pydicom.dcmread(io.BytesIO(one.data or b"")) for one in held.files.values()]
    first = io.BytesIO(held.files["1.dcm"].data or b"")
    scope = run("XNAT", first, xnat=address)  # type: ignore[arg-type]
    wanted = highdicom.image.get_volume_from_series(datasets)
    np.testing.assert_array_equal(scope["volume"].array, wanted.array)


def test_archives(slide: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "study.zip", "w") as out:
        out.write(slide, "study/slide.dcm")
    run("Archives", slide, archive=str(tmp_path / "study.zip"))


def test_open_files(
    s3: S3Server,
    of_google: GcsEmulator,
    of_azure: Azurite,
    slide: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.secret_key)
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", of_azure.connection_string)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", of_google.endpoint)
    run("Open files of other libraries", slide)


def test_every_example_is_run() -> None:
    titles = re.findall(r"^## (.+)$", PAGE.read_text(), re.MULTILINE)
    run_here = {block.line for title in titles for block in section(title)}
    assert run_here == set(BLOCKS)


def test_table_names_tests_that_there_are() -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py)`", PAGE.read_text()))
    assert len(named) > 10
    assert not [name for name in named if not (ROOT / name).is_file()]
