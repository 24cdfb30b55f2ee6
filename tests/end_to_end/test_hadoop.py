"""The job over WebHDFS, and what hdfs:// says where Hadoop's own library is not there."""

from __future__ import annotations

import multiprocessing
from typing import Any

import numpy as np
import pytest

import nearline as nl
from end_to_end.job import Job
from servers.webhdfs import WebHdfs


@pytest.fixture(scope="module")
def url(webhdfs: WebHdfs, job: Job) -> str:
    webhdfs.put("folder/a slide.dcm", job.path.read_bytes())
    return webhdfs.url("folder/a slide.dcm")


def region_of(im: nl.Image) -> np.ndarray:
    return im.get_total_pixel_matrix(15000, 15512, 17000, 17512, dtype=np.uint8)


def test_job(webhdfs: WebHdfs, url: str, job: Job) -> None:
    job.run(url, webhdfs.storage_options)


def test_other_readers(webhdfs: WebHdfs, url: str, job: Job) -> None:
    job.run_in_other_readers(url, webhdfs.storage_options)


def test_handed_in_file(webhdfs: WebHdfs, url: str, job: Job) -> None:
    import fsspec

    with fsspec.open(url, "rb", **webhdfs.storage_options) as reader:
        job.check(region_of(nl.imread(reader)))


def test_bytes_counted_by_the_server(webhdfs: WebHdfs, url: str, job: Job) -> None:
    with nl.settings(cache="disk"):
        webhdfs.clear_log()
        job.check(region_of(nl.imread(url, storage_options=webhdfs.storage_options)))
        assert webhdfs.data_node.sent < 500_000
        webhdfs.clear_log()
        job.check(region_of(nl.imread(url, storage_options=webhdfs.storage_options)))
        assert not webhdfs.data_node.requests
        with nl.settings(freshness=3600):
            webhdfs.clear_log()
            job.check(region_of(nl.imread(url, storage_options=webhdfs.storage_options)))
        assert not webhdfs.name_node.requests


def test_replaced_file_is_noticed(webhdfs: WebHdfs, job: Job) -> None:
    data = job.path.read_bytes()
    webhdfs.put("replaced.dcm", data)
    im = nl.imread(webhdfs.url("replaced.dcm"), storage_options=webhdfs.storage_options)
    webhdfs.put("replaced.dcm", data[:-1] + b"\x01")
    with pytest.raises(nl.ObjectChanged, match="replaced"):
        im.get_frame(3000)


def _read_all(file: nl.RemoteFile, data: bytes, answers: Any) -> None:
    wrong = 0
    for start in range(0, 3_000_000, 100_000):
        file.seek(start)
        wrong += file.read(1000) != data[start : start + 1000]
    answers.put(wrong)


def test_forked_child_and_its_parent_read_side_by_side(
    webhdfs: WebHdfs, job: Job, url: str
) -> None:
    data = job.path.read_bytes()
    options = webhdfs.storage_options
    with nl.settings(cache="off"), nl.open(url, storage_options=options) as file:
        fork = multiprocessing.get_context("fork")
        answers = fork.Queue()
        children = [fork.Process(target=_read_all, args=(file, data, answers)) for _ in range(2)]
        for child in children:
            child.start()
        _read_all(file, data, answers)
        assert [answers.get(timeout=60) for _ in range(3)] == [0, 0, 0]
        for child in children:
            child.join()


@pytest.mark.parametrize("options", [{}, {"user": "stranger"}], ids=["nobody", "stranger"])
def test_others_are_refused(webhdfs: WebHdfs, url: str, options: dict[str, str]) -> None:
    with pytest.raises(nl.AccessDenied, match="storage_options"):
        nl.imread(url, storage_options=options)


def test_missing_file_and_server(webhdfs: WebHdfs) -> None:
    with pytest.raises(nl.NotFound, match="nothing"):
        nl.imread(webhdfs.url("nothing.dcm"), storage_options=webhdfs.storage_options)
    with nl.settings(retries=1), pytest.raises(nl.Unavailable, match=r"a\.dcm"):
        nl.imread("webhdfs://127.0.0.1:1/a.dcm")


def test_hdfs_without_hadoop_says_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HADOOP_HOME", "ARROW_LIBHDFS_DIR", "JAVA_HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(nl.MissingExtra, match="webhdfs"):
        nl.imread("hdfs://127.0.0.1:9000/a.dcm")


def test_options_reach_the_library_of_hadoop(monkeypatch: pytest.MonkeyPatch) -> None:
    from pyarrow import fs

    passed = {}

    class Connected(Exception):
        pass

    def connect(**options: object) -> None:
        passed.update(options)
        raise Connected

    monkeypatch.setattr(fs, "HadoopFileSystem", connect)
    with pytest.raises(nl.Unavailable):
        nl.imread(
            "hdfs://node:9000/a.dcm",
            storage_options={"user": "reader", "kerb_ticket": "/ticket", "extra_conf": {"a": "b"}},
        )
    assert passed["host"] == "node"
    assert passed["port"] == 9000
    assert passed["user"] == "reader"
    assert passed["kerb_ticket"] == "/ticket"
    assert passed["extra_conf"] == {"a": "b"}
