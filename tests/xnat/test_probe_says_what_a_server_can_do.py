from __future__ import annotations

import dataclasses

import pytest

from nearline.errors import NotFound
from nearline.testing.xnat import Archive, Behaviour, SimulatedXnat, freesurfer_project
from nearline.xnat.capabilities import Capabilities
from nearline.xnat.client import Client
from nearline.xnat.probe import probe
from nearline.xnat.sessions import connect


@pytest.fixture(scope="module")
def archive():
    archive = Archive()
    archive.add_project("AAA")
    freesurfer_project(archive, "ALFA", sessions=12)
    return archive


def found(archive, behaviour=None, project=None):
    with (
        SimulatedXnat(archive, behaviour=behaviour) as server,
        connect(server.address, user="admin", password="admin") as login,
    ):
        return probe(Client(login), project), server


EVERYTHING = Capabilities(
    version="1.8.10",
    resource_lists=True,
    file_lists=True,
    most_resources=12,
    most_files=12,
    digests=True,
    not_modified=True,
    folder_zip=True,
)


def test_a_capable_server_needs_ten_requests(archive):
    told, server = found(archive, project="ALFA")
    assert told == EVERYTHING
    assert told.comma_lists is True
    assert len(server.requests) <= 12
    assert {r.method for r in server.requests} == {"GET", "POST", "DELETE"}
    assert all("JSESSION" in r.target for r in server.requests if r.method != "GET")


def test_something_to_try_on_is_looked_for(archive):
    told, _ = found(archive)
    assert told == EVERYTHING


@pytest.mark.parametrize(
    ("behaviour", "differences"),
    [
        (Behaviour(version="1.7.6"), {"version": "1.7.6"}),
        (Behaviour(not_modified=False), {"not_modified": False}),
        (Behaviour(folder_zip=False), {"folder_zip": False}),
        (Behaviour(digest_column=False), {"digests": False}),
        (Behaviour(longest_list=7), {"most_resources": 6, "most_files": 6}),
        (
            Behaviour(comma_lists=False),
            {
                "resource_lists": False,
                "file_lists": False,
                "most_resources": None,
                "most_files": None,
            },
        ),
    ],
)
def test_what_is_lacking_is_said(archive, behaviour, differences):
    told, _ = found(archive, behaviour)
    assert told == dataclasses.replace(EVERYTHING, **differences)


def test_a_server_without_anything_to_try_on_tells_its_version(archive):
    told, _ = found(archive, project="AAA")
    assert told == Capabilities(version="1.8.10")
    assert told.comma_lists is None


def test_a_project_that_is_not_there_is_an_error(archive):
    with pytest.raises(NotFound, match="NONE"):
        found(archive, project="NONE")
