"""A simulated XNAT's archive, and the ways in which its contents change.

A change does to `last_modified`, counts, sizes and digests what XNAT does to them
(`DBAction.java`, `CatalogUtils.java`), the cases that it misses included.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from nearline.testing.xnat.contents import Contents
from nearline.testing.xnat.records import Experiment, Resource, Scan, StoredFile

__all__ = ["Archive", "Digest"]

Digest = Literal["fresh", "keep", "blank"]
"""What the catalogue says of a file: its digest, what was said before, or nothing."""


class Archive(Contents):
    """Projects, subjects, experiments, resources and files.

    Parameters
    ----------
    checksums : bool
        XNAT's preference of that name: whether digests are taken when files arrive. Without it a
        new file has a blank digest and an overwritten one keeps the digest of what it replaced
        (CatalogUtils.java:2474-2487, 2569-2573).
    site : str
        What ids begin with.

    Examples
    --------
    >>> archive = Archive()
    >>> project = archive.add_project("ALFA")
    >>> session = archive.add_session("ALFA", subject="0012", label="0012_MR1")
    >>> archive.put_files(session, "FREESURFER6", {"0012/stats/aseg.stats": b"..."})
    """

    def __init__(self, *, checksums: bool = True, site: str = "XNAT") -> None:
        super().__init__(site=site)
        self.checksums = checksums

    # --- files ------------------------------------------------------------------------

    def put_files(
        self,
        experiment: Experiment | str,
        resource: Resource | str | int,
        files: Mapping[str, bytes],
        *,
        digest: Digest | None = None,
        update_stats: bool = True,
        modified: datetime | None = None,
    ) -> Resource:
        """Upload files; a resource that is not there is added.

        Parameters
        ----------
        experiment : Experiment or str
            Or its id.
        resource : Resource, str or int
            Or its id, or its label.
        files : mapping of str to bytes
            By path below the resource.
        digest : {"fresh", "keep", "blank"}, optional
            What the catalogue then says; by default what `checksums` implies.
        update_stats : bool
            False: as uploads with ``update-stats=false``, after which neither counts nor
            `last_modified` tell (FileList.java:311-317).
        modified : datetime, optional
            Of the files on disk; by default the archive's time.

        Returns
        -------
        Resource
            The one that has the files now.
        """
        with self.lock:
            held = self.experiment(experiment)
            try:
                found = self.resource(held, resource)
            except KeyError:
                found = self.add_resource(held, str(resource))
            for path, data in files.items():
                old = found.files.get(path)
                found.files[path] = StoredFile(
                    data, len(data), self._digest(data, old, digest), modified or self.tick(0.001)
                )
            if update_stats:
                self._update_stats(held, found)
            return found

    def put_file(
        self,
        experiment: Experiment | str,
        resource: Resource | str | int,
        path: str,
        data: bytes,
        *,
        digest: Digest | None = None,
        update_stats: bool = True,
        modified: datetime | None = None,
    ) -> Resource:
        """Upload one file, as `put_files` does."""
        self.tick()
        return self.put_files(
            experiment,
            resource,
            {path: data},
            digest=digest,
            update_stats=update_stats,
            modified=modified,
        )

    def replace_file(
        self,
        experiment: Experiment | str,
        resource: Resource | str | int,
        path: str,
        data: bytes,
        *,
        digest: Digest = "fresh",
        update_stats: bool = True,
    ) -> None:
        """Overwrite a file; KeyError if there is none.

        With ``digest="keep"`` the listing shows a stale one. The same number of bytes as before
        leaves `last_modified`, count and size alone: no row of the database changes
        (DBAction.java:157-160, CatalogUtils.java:2413-2430).
        """
        with self.lock:
            self.file(experiment, resource, path)
            self.put_file(
                experiment, resource, path, data, digest=digest, update_stats=update_stats
            )

    def edit_on_disk(
        self,
        experiment: Experiment | str,
        resource: Resource | str | int,
        path: str,
        data: bytes | None,
        *,
        keep_time: bool = False,
    ) -> None:
        """Change a file behind XNAT's back: the catalogue keeps what it says. None: it is gone."""
        with self.lock:
            file = self.file(experiment, resource, path)
            file.data = data
            if not keep_time:
                file.modified = self.tick()

    def refresh_catalog(self, experiment: Experiment | str, resource: Resource | str | int) -> None:
        """Make the catalogue say what the disk has, and drop what the disk has lost."""
        with self.lock:
            found = self.resource(experiment, resource)
            for path, file in list(found.files.items()):
                if file.data is None:
                    del found.files[path]
                else:
                    file.size, file.digest = len(file.data), _md5(file.data)
            self._update_stats(self.experiment(experiment), found)

    def file(
        self, experiment: Experiment | str, resource: Resource | str | int, path: str
    ) -> StoredFile:
        """Return a file; KeyError if there is none."""
        return self.resource(experiment, resource).files[path]

    def _digest(self, data: bytes, old: StoredFile | None, digest: Digest | None) -> str:
        if digest is None:
            digest = "fresh" if self.checksums else "keep"
        if digest == "fresh":
            return _md5(data)
        return old.digest if old is not None and digest == "keep" else ""

    def _update_stats(self, experiment: Experiment, resource: Resource) -> None:
        # A save runs update_ls_<element> only if a value differs (DBAction.java:155, 3224-3284).
        count, size = len(resource.files), sum(file.size for file in resource.files.values())
        if (count, size) != (resource.file_count, resource.file_size):
            resource.file_count, resource.file_size = count, size
            experiment.last_modified = self.tick()

    def add_scan(
        self,
        experiment: Experiment | str,
        id: str,  # noqa: A002 (XNAT's name)
        files: Mapping[str, bytes] | None = None,
        *,
        label: str = "DICOM",
        type: str = "",  # noqa: A002 (XNAT's name)
        series_description: str = "",
        xsi_type: str = "xnat:mrScanData",
    ) -> Resource:
        """Add a resource to a scan of a session, and the scan if it is new.

        Parameters
        ----------
        files : mapping of str to bytes
            By path below the resource; more may be put there with `put_files`.
        label : str
            Of the resource: XNAT puts images that arrive as DICOM into ``DICOM``, secondary ones
            into ``secondary``.
        """
        with self.lock:
            held = self.experiment(experiment)
            scan = held.scans.setdefault(id, Scan(id, type, series_description, "usable", xsi_type))
            resource = self._place(held, scan.resources, label)
            resource.format, resource.content = "DICOM", "RAW"
            return self.put_files(held, resource, files or {})

    # --- removing, sharing, permissions -------------------------------------------------

    def delete_file(
        self, experiment: Experiment | str, resource: Resource | str | int, path: str
    ) -> None:
        """Delete a file through XNAT."""
        with self.lock:
            found = self.resource(experiment, resource)
            del found.files[path]
            self._update_stats(self.experiment(experiment), found)

    def delete_resource(self, experiment: Experiment | str, resource: Resource | str | int) -> None:
        """Delete a resource; one added later has another id."""
        with self.lock:
            held, found = self.experiment(experiment), self.resource(experiment, resource)
            held.resources.remove(found)
            del self._resources[found.id]
            held.last_modified = self.tick()

    def delete_experiment(self, experiment: Experiment | str) -> None:
        """Delete an experiment and its assessors."""
        with self.lock:
            held = self.experiment(experiment)
            for gone in (held, *self.assessors(held)):
                del self.experiments[gone.id]
                of_scans = (one for scan in gone.scans.values() for one in scan.resources)
                for resource in (*gone.resources, *of_scans):
                    del self._resources[resource.id]

    def edit(self, experiment: Experiment | str, *, label: str | None = None) -> None:
        """Edit something that no measurement depends on, or rename."""
        with self.lock:
            held = self.experiment(experiment)
            held.label = held.label if label is None else label
            held.last_modified = self.tick()

    def share(self, experiment: Experiment | str, project: str, *, label: str = "") -> None:
        """Share an experiment into another project, under another label if one is given."""
        with self.lock:
            self.experiment(experiment).shared[project] = label

    def unshare(self, experiment: Experiment | str, project: str) -> None:
        """Take it out again."""
        with self.lock:
            del self.experiment(experiment).shared[project]

    def revoke(self, project: str, user: str) -> None:
        """Take a user's right to read a project."""
        self.projects[project].denied.add(user)

    def grant(self, project: str, user: str) -> None:
        """Give a user the right to read a project."""
        held = self.projects[project]
        held.denied.discard(user)
        if held.members is not None:
            held.members.add(user)


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
