"""Scans and resources of an XNAT: listed in one request, read as series."""

from __future__ import annotations

import highdicom
import pydicom
import pytest

import nearline as nl
from nearline.fetch.listing import list_objects


def names(site, url: str) -> list[str]:
    return [one.name for one in list_objects(url, storage_options=site.options)]


def theirs(site) -> highdicom.Volume:
    read = [pydicom.dcmread(pydicom.filebase.DicomBytesIO(one)) for one in site.slices.values()]
    return highdicom.image.get_volume_from_series(read)


def test_series_equals_highdicoms(site) -> None:
    volume = nl.open_series(site.scan, storage_options=site.options).get_volume()
    wanted = theirs(site)
    assert (volume.array == wanted.array).all()
    assert (volume.affine == wanted.affine).all()


def test_series_costs_a_listing_and_each_file_once(site) -> None:
    nl.open_series(site.scan, storage_options=site.options).get_volume()
    assert site.server.counts == {"login": 1, "files": 1, "file": len(site.slices)}


def test_known_series_costs_a_listing(site) -> None:
    with nl.settings(cache="disk"):
        nl.open_series(site.scan, storage_options=site.options).get_volume()
        site.server.clear_log()
        volume = nl.open_series(site.scan, storage_options=site.options).get_volume()
        assert site.server.counts == {"files": 1}
    assert (volume.array == theirs(site).array).all()


def test_changed_slice_of_a_known_series_is_read_anew(site) -> None:
    with nl.settings(cache="disk"):
        nl.open_series(site.scan, storage_options=site.options).get_volume()
        name = "a slice 2.dcm"
        changed = site.slices[name][:-2] + b"\x07\x00"
        site.archive.replace_file(site.session, site.resource(), name, changed)
        site.slices[name] = changed
        site.server.clear_log()
        volume = nl.open_series(site.scan, storage_options=site.options).get_volume()
        assert site.server.counts["file"] == 1
    assert (volume.array == theirs(site).array).all()


@pytest.mark.parametrize("stale", ["keep", "blank"])
def test_digests_that_are_wrong_cost_requests_and_no_truth(site, stale) -> None:
    name = "a slice 2.dcm"
    changed = site.slices[name][:-2] + b"\x07\x00"
    site.archive.replace_file(site.session, site.resource(), name, changed, digest=stale)
    site.slices[name] = changed
    with nl.settings(cache="disk"):
        for _ in range(2):
            volume = nl.open_series(site.scan, storage_options=site.options).get_volume()
            assert (volume.array == theirs(site).array).all()


def test_what_a_scan_a_session_and_a_resource_hold(site) -> None:
    slices = [f"resources/DICOM/files/{name}" for name in site.slices]
    assert names(site, site.scan) == slices
    assert names(site, f"{site.scan}/") == slices
    session = site.scan.removesuffix("/scans/4")
    assert names(site, session) == [
        *(f"scans/4/{name}" for name in slices),
        "scans/5/resources/secondary/files/shot.dcm",
    ]
    assert names(site, f"{session}/scans/5") == ["resources/secondary/files/shot.dcm"]
    assert names(site, f"{site.scan}/resources/NIFTI") == ["files/volume.nii"]
    assert names(site, f"{site.scan}/resources/DICOM/files/") == list(site.slices)
    assert names(site, f"{site.scan}/resources/DICOM/files/a slice 1*") == ["a slice 1.dcm"]


def test_label_of_the_session_in_its_project(site) -> None:
    url = site.scan.replace(site.session.id, "0012_CT1").replace(
        "/data/", "/data/projects/ALFA/subjects/0012/"
    )
    volume = nl.open_series(url, storage_options=site.options).get_volume()
    assert (volume.array == theirs(site).array).all()


@pytest.mark.parametrize(
    ("change", "name"),
    [(("scans/4", "scans/77"), "scans/77"), (("XNAT_E00001", "XNAT_E09999"), "XNAT_E09999")],
)
@pytest.mark.parametrize("missing", [None, 404])
def test_missing_scan_and_session(site, change, name, missing) -> None:
    site.server.behaviour.missing_experiment = missing
    with pytest.raises(nl.NotFound, match=name):
        names(site, site.scan.replace(*change))


def test_project_is_not_listed(site) -> None:
    url = site.scan.partition("/experiments")[0] + "/projects/ALFA"
    with pytest.raises(nl.UnsupportedUrl, match="session"):
        names(site, url)


def test_wrong_password_lists_nothing(site) -> None:
    with pytest.raises(nl.AccessDenied, match="password"):
        nl.open_series(site.scan, storage_options={"user": "admin", "password": "wrong"})
