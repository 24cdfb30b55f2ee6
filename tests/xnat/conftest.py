"""A simulated XNAT with a small archive, and a client that is logged in to it."""

from __future__ import annotations

import pytest

from nearline.settings import Settings
from nearline.testing.xnat import SimulatedXnat
from nearline.xnat.client import Client
from nearline.xnat.sessions import connect
from xnat_sites import small_archive

QUICK = Settings(timeout=5, retries=3)


@pytest.fixture
def server():
    with SimulatedXnat(small_archive()) as server:
        yield server


@pytest.fixture
def client(server):
    with connect(server.address, user="admin", password="admin", settings=QUICK) as login:
        yield Client(login, QUICK)


@pytest.fixture
def log_in():
    """Return a function that gives a client of any server; all are logged out at the end."""
    opened = []

    def log_in(server, *, settings=QUICK, **credentials):
        credentials = credentials or {"user": "admin", "password": "admin"}
        login = connect(server.address, settings=settings, **credentials)
        opened.append(login)
        return Client(login, settings)

    yield log_in
    for login in opened:
        login.close()
