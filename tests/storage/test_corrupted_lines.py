"""Bytes that a line corrupts are noticed by TLS, and fetched again."""

from __future__ import annotations

from pathlib import Path

import pytest

import nearline as nl
from nearline.testing import DelayProxy, RangeServer
from nearline.testing.exchange import Exchange
from nearline.testing.faults import Fault
from tls_authority import authority

DATA = bytes(range(256)) * 800


@pytest.mark.parametrize("offset", [5_000, 30_000, 60_000])
def test_a_flipped_byte_is_fetched_again(
    offset: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted, context = authority(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", trusted)
    with (
        RangeServer({"/a": DATA}, tls=context) as server,
        DelayProxy(server.port, 0.0, corrupt_at=offset) as line,
        nl.settings(cache="off", timeout=5),
    ):

        def heal(exchange: Exchange) -> None:
            if line.corrupted:
                line.corrupt_at = None

        server.misbehave(None, Fault(before=heal))
        with nl.open(f"https://127.0.0.1:{line.port}/a") as file:
            assert file.read() == DATA
        assert line.corrupted >= 1
        assert len(server.requests) >= 2


def test_a_line_that_always_corrupts_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted, context = authority(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", trusted)
    with (
        RangeServer({"/a": DATA}, tls=context) as server,
        DelayProxy(server.port, 0.0, corrupt_at=5_000) as line,
        nl.settings(cache="off", timeout=5, retries=1),
        pytest.raises(nl.Unavailable, match="corrupted on the line"),
        nl.open(f"https://127.0.0.1:{line.port}/a") as file,
    ):
        file.read()
