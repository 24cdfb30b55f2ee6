"""Projects of tiny files, and whether an inventory of one is the truth."""

from __future__ import annotations

from nearline.testing.xnat import Archive
from nearline.xnat import inventory

__all__ = ["assert_true", "chosen_of", "everything", "ids_of", "project_of"]


def project_of(sessions, *, labels=("FREESURFER6",)):
    """ALFA with a tiny file in each resource of each session."""
    archive = Archive()
    archive.add_project("ALFA")
    for number in range(sessions):
        session = archive.add_session("ALFA", subject=f"{number:04d}", label=f"{number:04d}_MR1")
        for label in labels:
            archive.put_files(session, label, {f"{number:04d}/stats/aseg.stats": b"# %d" % number})
    return archive


def ids_of(archive):
    return [one.id for one in archive.sessions("ALFA")]


def chosen_of(found, label="FREESURFER6"):
    return {one: r for one, held in found.items() for r in held if r.label == label}


def everything(client, ids=None, **more):
    """Resources and files of ALFA's own sessions, without errors."""
    sessions = inventory.experiments(client, "ALFA")
    ids = ids or [one.id for one in sessions]
    found, errors = inventory.resources(client, ids, **more)
    assert errors == {}
    projects = {one.id: one.project for one in sessions}
    listings, errors = inventory.files(client, chosen_of(found), projects=projects, **more)
    assert errors == {}
    return found, listings


def assert_true(server, found, listings):
    """Hold an inventory against the archive itself."""
    archive = server.archive
    assert set(found) == set(ids_of(archive))
    for one, held in found.items():
        truth = {str(r.id): (r.label, r.file_count) for r in archive.experiments[one].resources}
        assert {r.id: (r.label, r.file_count) for r in held} == truth
        assert {(r.experiment_id, r.assessor_id) for r in held} <= {(one, None)}
    assert set(listings) == {
        one for one in found if any(r.label == "FREESURFER6" for r in found[one])
    }
    for one, files in listings.items():
        (resource,) = {file.resource_id for file in files}
        _, held = archive.resource_by_id(int(resource))
        truth = {path: (file.size, file.digest) for path, file in held.files.items()}
        assert {file.path: (file.size, file.digest) for file in files} == truth
        assert {file.experiment_id for file in files} == {one}
