"""A server, settings with a cache of their own, and readers over both."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nearline.fetch.keeper import keeper
from nearline.fetch.reader import Reader
from nearline.settings import Settings
from nearline.storage.http import HttpSource
from nearline.testing import RangeServer

CONTENT = random.Random(7).randbytes(3_000_000)

Open = Callable[..., Reader]


@pytest.fixture(autouse=True)
def nothing_waits_to_be_kept() -> Iterator[None]:
    yield
    assert keeper().drain(20)


@pytest.fixture
def content() -> bytes:
    return CONTENT


@pytest.fixture
def server() -> Iterator[RangeServer]:
    with RangeServer({"/a": CONTENT}) as running:
        yield running


@pytest.fixture
def open_reader(server: RangeServer, tmp_path: Path) -> Iterator[Open]:
    """Open "/a", or another path, under settings that may be changed by keyword."""
    opened: list[Reader] = []

    def open_one(path: str = "/a", **changes: object) -> Reader:
        settings = Settings(**{"cache_dir": tmp_path / "cache", "timeout": 10.0, **changes})  # type: ignore[arg-type]
        reader = Reader(HttpSource(server.url(path)), settings)
        opened.append(reader)
        return reader

    yield open_one
    for reader in opened:
        reader.close()
