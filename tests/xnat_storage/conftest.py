"""A simulated XNAT with one session that has scans."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

import nearline as nl
from made import Phantom
from made.ct import ct_series
from made.files import as_bytes
from nearline.testing.xnat import Archive, SimulatedXnat
from nearline.testing.xnat.records import Experiment
from nearline.xnat_storage.visits import close_all


@dataclass
class Site:
    """The server and what it holds: scan 4 with a CT series, 5 with a secondary one."""

    server: SimulatedXnat
    archive: Archive
    session: Experiment
    slices: dict[str, bytes]

    options: ClassVar = {"user": "admin", "password": "admin"}

    @property
    def scan(self) -> str:
        """URL of the scan."""
        address = self.server.address.removeprefix("http://")
        return f"xnat+http://{address}/data/experiments/{self.session.id}/scans/4"

    def file(self, name: str) -> str:
        """URL of one of its slices."""
        return f"{self.scan}/resources/DICOM/files/{name}"

    def resource(self) -> Any:
        """Return the resource of the slices."""
        return self.session.scans["4"].resources[0]

    def read(self, name: str, **options: Any) -> bytes:
        """Read a slice whole."""
        with nl.open(self.file(name), storage_options=options or self.options) as file:
            return file.read()


@pytest.fixture
def site() -> Iterator[Site]:
    series = ct_series(Phantom(20, 24, 7, (2.5, 0.8, 0.7)))
    slices = {f"a slice {index}.dcm": as_bytes(one) for index, one in enumerate(series)}
    archive = Archive()
    archive.add_project("ALFA")
    session = archive.add_session("ALFA", subject="0012", label="0012_CT1")
    archive.add_scan(session, "4", slices, type="CT", series_description="thorax")
    archive.add_scan(session, "4", {"volume.nii": b"no DICOM"}, label="NIFTI")
    archive.add_scan(session, "5", {"shot.dcm": slices["a slice 0.dcm"]}, label="secondary")
    with SimulatedXnat(archive) as server:
        yield Site(server, archive, session, slices)
        close_all()
