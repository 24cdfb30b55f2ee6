"""The call of bx's users runs as it stands, whatever they connect with, and gives bx's frames."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import nearline as nl
from measurements.bx_frames import archive, frames_of_bx, same
from nearline.errors import AccessDenied, Offline
from nearline.testing.xnat import SimulatedXnat

DOCS = Path(__file__).parents[2] / "docs" / "measurements-compatibility.md"
BLOCK = """\
from nearline import cache_freesurfer6  # was: from cache import cache_freesurfer6
import pyxnat

c = pyxnat.Interface(config="/home/user/.xnat.cfg")
(aseg,) = cache_freesurfer6(c, "ALFA", measurements=["aseg"])
etiv = aseg.query('measurement == "Volume_mm3" & region == "eTIV"')
"""


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatedXnat]:
    with SimulatedXnat(archive(), users={"admin": "admin", "umlaut": "pässwort"}) as made:
        yield made


@pytest.fixture(scope="module")
def theirs(server: SimulatedXnat) -> list[dict[str, Any]]:
    return frames_of_bx(server, "ALFA")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in ("HOST", "SERVER", "USER", "PASS"):
        monkeypatch.delenv(f"XNAT_{name}", raising=False)
        monkeypatch.delenv(f"XNATPY_{name}", raising=False)
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with nl.settings(cache_dir=tmp_path / "cache"):
        yield tmp_path


def config(server: SimulatedXnat, home: Path) -> Path:
    path = home / ".xnat.cfg"
    path.write_text(
        f'{{"server": "{server.address}", "user": "admin", "password": "admin", "proxy": "", '
        '"verify": ""}'
    )
    path.chmod(0o600)
    return path


def netrc(server: SimulatedXnat, home: Path) -> None:
    path = home / ".netrc"
    path.write_text(f"machine {urlsplit(server.address).hostname}\nlogin admin\npassword admin\n")
    path.chmod(0o600)


def test_the_block_of_the_documents_runs_as_it_stands(
    server: SimulatedXnat, home: Path, theirs: list[dict[str, Any]]
) -> None:
    pytest.importorskip("pyxnat")
    assert BLOCK in DOCS.read_text()
    names: dict[str, Any] = {}
    exec(BLOCK.replace("/home/user/.xnat.cfg", str(config(server, home))), names)
    same(names["aseg"], theirs[0])
    etiv = names["etiv"]
    assert len(etiv) == 5
    assert (etiv["value"] == etiv["eTIV"]).all()


Patch = pytest.MonkeyPatch
Way = Callable[[SimulatedXnat, Path, Patch, ExitStack], Any]


def with_pyxnat(server: SimulatedXnat, home: Path, patch: Patch, at_end: ExitStack) -> Any:
    c = pytest.importorskip("pyxnat").Interface(server.address, "admin", "admin")
    at_end.callback(c.disconnect)
    return c


def with_xnatpy(server: SimulatedXnat, home: Path, patch: Patch, at_end: ExitStack) -> Any:
    xnat = pytest.importorskip("xnat")
    return at_end.enter_context(
        xnat.connect(server.address, user="admin", password="admin", loglevel="ERROR")
    )


def with_password_in_the_url(
    server: SimulatedXnat, home: Path, patch: Patch, at_end: ExitStack
) -> Any:
    return server.address.replace("://", "://admin:admin@")


def with_xnat_cfg(server: SimulatedXnat, home: Path, patch: Patch, at_end: ExitStack) -> Any:
    return str(config(server, home))


def with_xnat_cfg_at_home(
    server: SimulatedXnat, home: Path, patch: Patch, at_end: ExitStack
) -> Any:
    config(server, home)
    return server.address


def with_netrc(server: SimulatedXnat, home: Path, patch: Patch, at_end: ExitStack) -> Any:
    netrc(server, home)
    return server.address


def with_environment(server: SimulatedXnat, home: Path, patch: Patch, at_end: ExitStack) -> Any:
    patch.setenv("XNAT_HOST", server.address)
    patch.setenv("XNAT_USER", "admin")
    patch.setenv("XNAT_PASS", "admin")
    return server.address


def with_token(server: SimulatedXnat, home: Path, patch: Patch, at_end: ExitStack) -> Any:
    alias, secret = server.accounts.issue_token("admin")
    return server.address.replace("://", f"://{alias}:{secret}@")


def with_login_of_ours(server: SimulatedXnat, home: Path, patch: Patch, at_end: ExitStack) -> Any:
    from nearline.xnat.sessions import connect

    return at_end.enter_context(connect(server.address, user="umlaut", password="pässwort"))


WAYS = {name: way for name, way in list(globals().items()) if name.startswith("with_")}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_whatever_they_connect_with(
    server: SimulatedXnat,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    theirs: list[dict[str, Any]],
    way: Way,
) -> None:
    before = server.accounts.live_sessions()
    with ExitStack() as at_end:
        c = way(server, home, monkeypatch, at_end)
        frames = nl.cache_freesurfer6(c, "ALFA")
        ashs = nl.cache_ashs(c, "ALFA")
        for ours, others in zip([*frames, ashs], theirs, strict=True):
            same(ours, others)
        # Their own session is still theirs, and what is held is found without a server.
        for ours, others in zip(
            nl.cache_freesurfer6(c, "ALFA", offline=True), theirs, strict=False
        ):
            same(ours, others)
    assert server.accounts.live_sessions() == before


def test_user_password_and_token_by_name(server: SimulatedXnat, home: Path) -> None:
    alias, secret = server.accounts.issue_token("umlaut")
    logins: list[dict[str, Any]] = [
        {"user": "umlaut", "password": "pässwort"},
        {"token": (alias, secret)},
        {"token": (alias, secret), "offline": True},
        {"user": "umlaut", "offline": True},
    ]
    for login in logins:
        found = nl.collect(server.address, "ALFA", "aseg", **login)
        assert found.report.user == "umlaut"
        assert found.report.statuses["ok"] == 5
    with pytest.raises(Offline, match="ALFA"):
        nl.collect(server.address, "ALFA", "aseg", token=("0" * 36, "x"), offline=True)
    for path in (home / "cache").rglob("*"):
        if path.is_file():
            assert alias.encode() not in path.read_bytes()
            assert secret.encode() not in path.read_bytes()


def test_a_wrong_password_is_no_empty_table(server: SimulatedXnat, home: Path) -> None:
    for c in (server.address.replace("://", "://admin:wrong@"), server.address):
        with pytest.raises(AccessDenied, match=re.escape(server.address)) as caught:
            nl.cache_freesurfer6(c, "ALFA")
        assert "wrong@" not in str(caught.value)
