"""Scans of a simulated XNAT's sessions, and their resources."""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

from nearline.testing.exchange import Reply
from nearline.testing.xnat.call import Call
from nearline.testing.xnat.records import Experiment, Resource, Scan
from nearline.testing.xnat.resources import Catalogs
from nearline.testing.xnat.tables import status_page, table, text

__all__ = ["ScanCatalogs", "describe_scan", "list_scans"]


@dataclass(frozen=True, slots=True)
class ScanCatalogs(Catalogs):
    """Resources of scans of one session: what ``/experiments/E/scans/1,2/...`` names.

    Attributes
    ----------
    scans : tuple of Scan
        Those of the ids, or of the types, that the path lists; ``ALL`` and ``*`` are all
        (described for scans at wiki.xnat.org, "XNAT REST API directory").
    """

    scans: tuple[Scan, ...] = ()

    @classmethod
    def of(cls, session: Experiment, ids: str) -> ScanCatalogs:
        """Find the scans that a part of a path names."""
        names = [name.strip() for name in ids.split(",")]
        found = tuple(
            scan
            for scan in session.scans.values()
            if {"ALL", "*", scan.id, scan.type or scan.id}.intersection(names)
        )
        return cls((session,), None, found)

    @property
    def assessors(self) -> bool:
        """Never."""
        return False

    @property
    def base(self) -> str:
        """With all ids, as of experiments."""
        ids = ",".join(scan.id for scan in self.scans)
        return f"/data/experiments/{self.experiments[0].id}/scans/{ids}"

    def rows(self, *, everything: bool = False) -> list[tuple[Experiment, Resource]]:  # noqa: ARG002
        """Return the resources of these scans."""
        return [(self.experiments[0], one) for scan in self.scans for one in scan.resources]

    def own_path(self, experiment: Experiment, resource: Resource) -> str:
        """Return the path of the scan that a resource belongs to."""
        (scan,) = (one for one in self.scans if resource in one.resources)
        return f"/experiments/{experiment.id}/scans/{scan.id}"


def list_scans(call: Call, session: Experiment) -> Reply:
    """``/data/experiments/E/scans`` (ScanList.java)."""
    columns = (
        *("xnat_imagescandata_id", "ID", "type", "quality", "xsiType", "note"),
        *("series_description", "URI"),
    )
    rows: list[dict[str, str | int | None]] = [
        {
            "xnat_imagescandata_id": number,
            "ID": scan.id,
            "type": scan.type,
            "quality": scan.quality,
            "xsiType": scan.xsi_type,
            "note": "",
            "series_description": scan.series_description,
            "URI": f"/data/experiments/{session.id}/scans/{scan.id}",
        }
        for number, scan in enumerate(session.scans.values(), 1)
    ]
    return table(columns if rows else (), rows, form=call.form, title="Scans")


def describe_scan(call: Call, found: ScanCatalogs) -> Reply:  # noqa: ARG001
    """``/data/experiments/E/scans/4``: the item, as XML."""
    if not found.scans:
        return status_page(404, "Unable to find the specified scan.")
    scan = found.scans[0]
    space = 'xmlns:xnat="http://nrg.wustl.edu/xnat"'
    return text(
        f"<xnat:MRScan {space} ID={quoteattr(scan.id)} type={quoteattr(scan.type)}/>",
        kind="text/xml",
    )
