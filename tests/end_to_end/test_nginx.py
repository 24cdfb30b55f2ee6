"""The job over nginx: with and without ranges, ETags, TLS, passwords and redirects."""

from __future__ import annotations

import numpy as np
import pytest

import nearline as nl
from end_to_end.job import Job
from servers.nginx import Location, Nginx


@pytest.fixture(scope="module", autouse=True)
def slide(nginx: Nginx, job: Job) -> None:
    nginx.put("slide.dcm", job.path)


@pytest.mark.parametrize("location", ["plain", "noetag", "redirect"])
def test_job(nginx: Nginx, job: Job, location: Location) -> None:
    job.run(nginx.url("slide.dcm", location))


def test_other_readers(nginx: Nginx, job: Job) -> None:
    job.run_in_other_readers(nginx.url("slide.dcm"), None)


def test_two_round_trips(nginx: Nginx, job: Job) -> None:
    def region(port: int) -> np.ndarray:
        im = nl.imread(f"http://127.0.0.1:{port}/plain/slide.dcm")
        return im.get_total_pixel_matrix(15000, 15512, 17000, 17512, dtype=np.uint8)

    job.check_cost(nginx.port, region)


def test_server_without_ranges_costs_one_download(nginx: Nginx, job: Job) -> None:
    nginx.clear_log()
    im = nl.imread(nginx.url("slide.dcm", "norange"))
    job.check(im.get_total_pixel_matrix(15000, 15512, 17000, 17512, dtype=np.uint8))
    # Requests that were under way when the first 200 came may have a few buffers on the wire.
    assert nginx.sent < 1.5 * job.path.stat().st_size


def test_tls_is_verified(nginx: Nginx, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    url = nginx.url("slide.dcm", tls=True)
    with pytest.raises(nl.Unavailable, match="certificate"):
        nl.imread(url)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(nginx.certificate))
    job.run(url)


def test_password(nginx: Nginx, job: Job) -> None:
    url = nginx.url("slide.dcm", "auth")
    with pytest.raises(nl.AccessDenied, match="username and password"):
        nl.imread(url)
    job.run(url, {"username": nginx.user, "password": nginx.password})
    with pytest.raises(nl.AccessDenied) as refused:
        nl.imread(url, storage_options={"username": nginx.user, "password": "wrong-secret"})
    assert "wrong-secret" not in str(refused.value)


def test_missing_file_and_broken_server(nginx: Nginx) -> None:
    with pytest.raises(nl.NotFound, match=r"nothing\.dcm"):
        nl.imread(nginx.url("nothing.dcm"))
    with nl.settings(retries=1), pytest.raises(nl.Unavailable, match="503"):
        nl.imread(nginx.url("slide.dcm", "broken"))
