"""Certificates are checked on every way to bytes, and no login follows a redirect elsewhere."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

import nearline as nl
from nearline.errors import NearlineError
from nearline.testing import RangeServer, faults
from nearline.testing.xnat import SimulatedXnat
from tls_authority import authority
from xnat_sites import small_archive

KEYS = {"key": "AKIAINVENTED", "secret": "S3CRET"}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ssl.SSLContext]:
    return authority(tmp_path_factory.mktemp("tls"))


def over_http(server: RangeServer) -> object:
    return nl.imread(server.url("/b/a.dcm"))


def over_unsigned_s3(server: RangeServer) -> object:
    options = {"anon": True, "endpoint_url": server.url("")}
    return nl.imread("s3://b/a.dcm", storage_options=options)


def over_signed_s3(server: RangeServer) -> object:
    return nl.imread("s3://b/a.dcm", storage_options=KEYS | {"endpoint_url": server.url("")})


@pytest.mark.parametrize("read", [over_http, over_unsigned_s3, over_signed_s3])
def test_an_unknown_certificate_is_refused(
    read: Callable[[RangeServer], object], certificate: tuple[str, ssl.SSLContext]
) -> None:
    with RangeServer({"/b/a.dcm": b"x" * 1000}, tls=certificate[1]) as server:
        with nl.settings(retries=0, timeout=5), pytest.raises(NearlineError) as refused:
            read(server)
        assert isinstance(refused.value, ConnectionError)
        assert "certificate" in str(refused.value)
        assert server.requests == []


def test_an_unknown_certificate_of_an_xnat_is_refused(
    certificate: tuple[str, ssl.SSLContext],
) -> None:
    with SimulatedXnat(small_archive(), tls=certificate[1]) as xnat:
        with pytest.raises(NearlineError, match="certificate"):
            nl.collect(xnat.address, "ALFA", "aseg", user="admin", password="admin")
        assert xnat.requests == []


def test_no_login_follows_a_redirect_to_another_host(tmp_path: Path) -> None:
    with RangeServer({"/b.dcm": b"x"}) as elsewhere, RangeServer({"/a.dcm": b"y"}) as server:
        server.misbehave("/a.dcm", faults.redirect(elsewhere.url("/b.dcm")))
        options = {"headers": {"Authorization": "Bearer S3CRET", "X-Api-Key": "S3CRET"}}
        with pytest.raises(NearlineError):  # that byte is no DICOM
            nl.imread(server.url("/a.dcm"), storage_options=options)
        assert server.requests[0].headers["authorization"] == "Bearer S3CRET"
        assert elsewhere.requests
        assert "S3CRET" not in str([one.headers for one in elsewhere.requests])


def test_no_login_of_an_xnat_follows_a_redirect_to_another_host() -> None:
    with RangeServer({"/": b"x"}) as elsewhere, SimulatedXnat(small_archive()) as xnat:
        xnat.misbehave("/data/JSESSION", faults.redirect(elsewhere.url("/")))
        with pytest.raises(NearlineError):
            nl.collect(xnat.address, "ALFA", "aseg", user="admin", password="admin")
        xnat.behave()
        assert elsewhere.requests == []
        xnat.misbehave("*/stats/aseg.stats", faults.redirect(elsewhere.url("/")))
        table = nl.collect(xnat.address, "ALFA", "aseg", user="admin", password="admin")
        assert set(table.sessions["status"]) == {"no resource", "unreadable"}
        assert len(table.frame) == 0
        for one in elsewhere.requests:
            assert "authorization" not in one.headers
            assert "JSESSIONID" not in one.headers.get("cookie", "")
