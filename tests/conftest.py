"""What holds for every test: no settings from outside, no cache in the home folder."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator

import pytest

from oracles.default_plugins import use_default_plugins
from servers.daemon import in_ci
from servers.fixtures import (
    azurite,
    gcs_emulator,
    moto_auth,
    moto_server,
    nginx,
    radosgw,
    sshd,
    webhdfs,
)

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

# gcsfs asks a service that the emulator lacks, and waits a minute for it, unless told otherwise.
os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"

use_default_plugins()

# A job in the background of a shell ignores Ctrl-C, and so would every process that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

_SERVERS = frozenset(__all__)

_FOREIGN = (
    "NEARLINE_",
    "AWS_",
    "GOOGLE_",
    "GCS_",
    "AZURE_",
    "FSSPEC_",
    "STORAGE_EMULATOR_HOST",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need servers; those of the heavy one share a worker."""
    for item in items:
        needed = _SERVERS.intersection(getattr(item, "fixturenames", ()))
        if needed:
            item.add_marker("servers")
        if "radosgw" in needed:
            item.add_marker(pytest.mark.xdist_group("radosgw"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where CI is set everything must run: a skipped test is a failed one."""
    report = yield
    if in_ci() and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"Skipped where CI is set: {report.longrepr}"
    return report


@pytest.fixture(autouse=True)
def own_surroundings(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Give each test an empty home, its own cache folder and no credentials."""
    for name in list(os.environ):
        if name.upper().startswith(_FOREIGN):
            monkeypatch.delenv(name)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    # No machine that runs tests shall be asked for credentials.
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_GCE_CHECK", "true")
