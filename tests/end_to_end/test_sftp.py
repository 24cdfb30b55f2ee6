"""The job over sshd."""

from __future__ import annotations

import multiprocessing
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import nearline as nl
from end_to_end.job import Job
from nearline.testing import DelayProxy
from servers.sshd import Sshd


@pytest.fixture(scope="module")
def url(sshd: Sshd, job: Job) -> str:
    sshd.put("folder/a slide.dcm", job.path)
    return sshd.url("folder/a slide.dcm")


def region_of(im: nl.Image) -> np.ndarray:
    return im.get_total_pixel_matrix(15000, 15512, 17000, 17512, dtype=np.uint8)


def test_job(sshd: Sshd, url: str, job: Job) -> None:
    job.run(url, sshd.storage_options)


def test_login_in_the_url(sshd: Sshd, url: str, job: Job) -> None:
    named = url.replace("sftp://127.0.0.1", f"ssh://{sshd.user}@127.0.0.1:{sshd.port}")
    options = sshd.storage_options
    del options["port"], options["username"]
    im = nl.imread(named, storage_options=options)
    job.check(region_of(im))


def test_other_readers(sshd: Sshd, url: str, job: Job) -> None:
    job.run_in_other_readers(url, sshd.storage_options)


def test_handed_in_file(sshd: Sshd, url: str, job: Job) -> None:
    import fsspec

    with fsspec.open(url, "rb", **sshd.storage_options) as reader:
        job.check(region_of(nl.imread(reader)))


def test_many_threads_share_one_connection(sshd: Sshd, url: str, job: Job) -> None:
    with nl.settings(cache="off"):
        im = nl.imread(url, storage_options=sshd.storage_options)
        with ThreadPoolExecutor(24) as pool:
            regions = list(pool.map(lambda _: region_of(im), range(24)))
    for region in regions:
        job.check(region)


def test_what_was_read_is_not_asked_for_again(sshd: Sshd, url: str, job: Job) -> None:
    with DelayProxy(sshd.port, 0) as line, nl.settings(cache="disk"):
        options = {**sshd.storage_options, "port": line.port}
        job.check(region_of(nl.imread(url, storage_options=options)))
        with nl.traffic() as again:
            job.check(region_of(nl.imread(url, storage_options=options)))
        assert again.bytes == 0
        with nl.settings(freshness=3600), nl.traffic() as fresh:
            job.check(region_of(nl.imread(url, storage_options=options)))
        assert fresh.requests == 0


def test_lost_connection_is_made_again(sshd: Sshd, url: str, job: Job) -> None:
    with (
        nl.settings(cache="off"),
        nl.open(url, storage_options=sshd.storage_options) as file,
    ):
        connection = file.reader.source._connected().client.get_transport().sock
        connection.shutdown(socket.SHUT_RDWR)
        file.seek(1_000_000)
        assert file.read(1000) == job.path.read_bytes()[1_000_000:1_001_000]


def test_replaced_file_is_noticed(sshd: Sshd, job: Job) -> None:
    data = job.path.read_bytes()
    sshd.put("replaced.dcm", data)
    im = nl.imread(sshd.url("replaced.dcm"), storage_options=sshd.storage_options)
    sshd.put("replaced.dcm", data + b"\x00")
    with pytest.raises(nl.ObjectChanged, match="replaced"):
        im.get_frame(3000)


@pytest.mark.parametrize(
    "change",
    [
        {"key_filename": "wrong"},
        {"key_filename": None, "password": "wrong-password"},
        {"username": "nobody-here"},
        {"key_filename": None},
    ],
    ids=["key", "password", "user", "nothing"],
)
def test_wrong_and_missing_logins_are_refused(sshd: Sshd, url: str, change: dict[str, Any]) -> None:
    options = {**sshd.storage_options, **change}
    if options["key_filename"] == "wrong":
        options["key_filename"] = str(sshd.wrong_key_file)
    with pytest.raises(nl.AccessDenied, match=r"a slide\.dcm.*key_filename") as refused:
        nl.imread(url, storage_options=options)
    assert "wrong-password" not in str(refused.value)


def test_password_in_the_url_is_never_shown(sshd: Sshd, url: str) -> None:
    named = url.replace("127.0.0.1", f"{sshd.user}:wrong-password@127.0.0.1:{sshd.port}")
    options = {"allow_agent": False, "look_for_keys": False}
    with pytest.raises(nl.AccessDenied) as refused:
        nl.imread(named, storage_options=options)
    assert "wrong-password" not in repr(refused.value)


def test_unknown_host_is_refused_where_that_is_asked_for(sshd: Sshd, url: str) -> None:
    options = {**sshd.storage_options, "host_key_policy": "reject"}
    with pytest.raises(nl.Unavailable, match="known_hosts"):
        nl.imread(url, storage_options=options)


def test_missing_file_and_server(sshd: Sshd, url: str) -> None:
    with pytest.raises(nl.NotFound, match=r"nothing\.dcm"):
        nl.imread(sshd.url("nothing.dcm"), storage_options=sshd.storage_options)
    with pytest.raises(nl.Unavailable, match=r"a slide\.dcm"):
        nl.imread(url, storage_options={**sshd.storage_options, "port": 1})


def _checksum(url: str, options: dict[str, Any], answers: Any) -> None:
    answers.put(int(region_of(nl.imread(url, storage_options=options)).sum()))


def test_forked_child_makes_its_own_connection(sshd: Sshd, url: str, job: Job) -> None:
    region = region_of(nl.imread(url, storage_options=sshd.storage_options))
    fork = multiprocessing.get_context("fork")
    answers = fork.Queue()
    child = fork.Process(target=_checksum, args=(url, sshd.storage_options, answers))
    child.start()
    assert answers.get(timeout=60) == int(region.sum())
    child.join()


def test_open_image_goes_on_in_a_forked_child(sshd: Sshd, url: str, job: Job) -> None:
    with nl.settings(cache="off"):
        im = nl.imread(url, storage_options=sshd.storage_options)
        fork = multiprocessing.get_context("fork")
        answers = fork.Queue()
        child = fork.Process(target=lambda: answers.put(region_of(im)))
        child.start()
        job.check(answers.get(timeout=60))
        child.join()
