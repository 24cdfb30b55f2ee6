"""A prefix of every storage: listed, and its series read as highdicom reads its files."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest

import nearline as nl
from made import Phantom, ct_series
from made.files import as_bytes
from nearline.fetch.listing import list_objects
from servers.azurite import Azurite
from servers.gcs import GcsEmulator
from servers.s3 import S3Server
from servers.sshd import Sshd
from servers.webhdfs import WebHdfs


@pytest.fixture(scope="module")
def slices() -> dict[str, bytes]:
    made = {}
    for number, dataset in enumerate(ct_series(Phantom(20, 24, 6))):
        made[f"a slice {number}.dcm"] = as_bytes(dataset)
    return made


@pytest.fixture(scope="module")
def volume(slices: dict[str, bytes]) -> highdicom.Volume:
    read = [pydicom.dcmread(io.BytesIO(one)) for one in slices.values()]
    return highdicom.image.get_volume_from_series(read)


def check(
    url: str,
    options: dict[str, Any],
    slices: dict[str, bytes],
    volume: highdicom.Volume,
    *,
    known: bool = True,
) -> None:
    """List a folder with the slices and a note beside them, and read the series below it.

    `known`: objects have a version, and what was read need not be fetched again.
    """
    found = {one.name: one for one in list_objects(url, storage_options=options)}
    assert set(found) == {*slices, "notes.txt"}
    assert {name: found[name].size for name in slices} == {
        name: len(data) for name, data in slices.items()
    }
    begins = list_objects(f"{url.rstrip('/')}/a slice 2*", storage_options=options)
    assert [one.name for one in begins] == ["a slice 2.dcm"]
    for _ in range(2):
        with nl.settings(cache="disk"), nl.traffic() as cost:
            series = nl.open_series(url, storage_options=options)
            ours = series.get_volume()
        np.testing.assert_array_equal(ours.array, volume.array)
        np.testing.assert_allclose(ours.affine, volume.affine)
    # The second time all is known, and said to be unchanged by the listing.
    assert not known or cost.bytes < sum(map(len, slices.values())) / 2
    with nl.open(next(iter(found.values())).url, storage_options=options) as file:
        assert file.read() in (*slices.values(), b"no DICOM")


def fill(put: Any, slices: dict[str, bytes]) -> None:
    for name, data in {**slices, "notes.txt": b"no DICOM"}.items():
        put(name, data)


@pytest.mark.parametrize("signed", [False, True])
def test_azure(azurite: Azurite, slices, volume, signed: bool) -> None:
    container = azurite.make_container()
    client = azurite.client().get_container_client(container)
    client.set_container_access_policy(signed_identifiers={}, public_access="container")
    fill(lambda name, data: azurite.put(container, f"ct/{name}", data), slices)
    options = azurite.storage_options if signed else azurite.anonymous_options
    check(f"az://{container}/ct/", options, slices, volume)


def test_azure_with_a_token(azurite: Azurite, slices, volume) -> None:
    from datetime import UTC, datetime, timedelta

    from azure.storage.blob import ContainerSasPermissions, generate_container_sas

    container = azurite.make_container()
    fill(lambda name, data: azurite.put(container, f"ct/{name}", data), slices)
    token = generate_container_sas(
        azurite.account,
        container,
        account_key=azurite.key,
        permission=ContainerSasPermissions(read=True, list=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    options = {**azurite.anonymous_options, "sas_token": token}
    check(f"az://{container}/ct/", options, slices, volume)


def test_private_container_is_not_listed(azurite: Azurite) -> None:
    container = azurite.make_container()
    with pytest.raises(nl.AccessDenied):
        list_objects(f"az://{container}/ct/", storage_options=azurite.anonymous_options)


def test_azure_container_that_is_not_there(azurite: Azurite) -> None:
    with pytest.raises(nl.NotFound, match="nowhere"):
        list_objects("az://nowhere/ct/", storage_options=azurite.storage_options)


@pytest.mark.parametrize("signed", [False, True])
def test_amazon(moto_server: S3Server, slices, volume, signed: bool) -> None:
    bucket = moto_server.make_bucket(public=True)
    fill(lambda name, data: moto_server.put(bucket, f"ct/{name}", data), slices)
    options = moto_server.storage_options if signed else moto_server.anonymous_options
    check(f"s3://{bucket}/ct/", options, slices, volume)


def test_google(gcs_emulator: GcsEmulator, slices, volume) -> None:
    bucket = gcs_emulator.make_bucket()
    fill(lambda name, data: gcs_emulator.put(bucket, f"ct/{name}", data), slices)
    # The emulator sends no generation with an object's bytes.
    check(f"gs://{bucket}/ct/", gcs_emulator.storage_options, slices, volume, known=False)


def test_sftp(sshd: Sshd, slices, volume) -> None:
    fill(lambda name, data: sshd.put(f"listed/{name}", data), slices)
    check(sshd.url("listed/"), sshd.storage_options, slices, volume)


def test_sftp_folder_that_is_not_there(sshd: Sshd) -> None:
    with pytest.raises(nl.NotFound, match="nowhere"):
        list_objects(sshd.url("nowhere/"), storage_options=sshd.storage_options)


def test_hadoop(webhdfs: WebHdfs, slices, volume) -> None:
    fill(lambda name, data: webhdfs.put(f"listed/{name}", data), slices)
    check(webhdfs.url("listed/"), webhdfs.storage_options, slices, volume)


def test_archive(tmp_path: Path, slices, volume) -> None:
    with zipfile.ZipFile(tmp_path / "study.zip", "w", zipfile.ZIP_DEFLATED) as out:
        fill(lambda name, data: out.writestr(f"ct/{name}", data), slices)
    url = f"zip://ct/::{tmp_path / 'study.zip'}"
    found = {one.name: one for one in list_objects(url)}
    assert set(found) == {*slices, "notes.txt"}
    ours = nl.open_series(url).get_volume()
    np.testing.assert_array_equal(ours.array, volume.array)


def test_folder(tmp_path: Path, slices, volume) -> None:
    (tmp_path / "ct").mkdir()
    fill(lambda name, data: (tmp_path / "ct" / name).write_bytes(data), slices)
    check(str(tmp_path / "ct"), {}, slices, volume, known=False)
