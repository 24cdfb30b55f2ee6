"""One server for a module, and a cache for each test."""

from __future__ import annotations

import pytest

import nearline as nl
from nearline.testing import RangeServer


@pytest.fixture(scope="module")
def web():
    with RangeServer() as server:
        yield server


@pytest.fixture(autouse=True)
def own_cache(tmp_path):
    with nl.settings(cache_dir=tmp_path / "cache"):
        yield


@pytest.fixture
def opened(web):
    """Put content up, and open it: ``opened(path_or_bytes)``."""
    files = []

    def open_one(content, name="/file"):
        web.put(name, content)
        files.append(nl.open(web.url(name)))
        return files[-1]

    yield open_one
    for file in files:
        file.close()
