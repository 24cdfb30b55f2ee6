"""Resources and files of a simulated XNAT: listings, bodies, zips."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from urllib.parse import unquote_plus
from xml.sax.saxutils import quoteattr

from nearline.testing.exchange import Reply
from nearline.testing.xnat.call import Call
from nearline.testing.xnat.records import Experiment, Resource, StoredFile
from nearline.testing.xnat.tables import status_page, table, text

__all__ = ["Catalogs", "answer_files", "catalog_xml", "list_resources"]

_FILE_HEADERS = (
    "Name",
    "Size",
    "URI",
    "collection",
    "file_tags",
    "file_format",
    "file_content",
    "cat_ID",
    "digest",
)
_TYPES = {"json": "application/json", "html": "text/html", "xml": "text/xml", "txt": "text/plain"}


@dataclass(frozen=True, slots=True)
class Catalogs:
    """The experiments that a path names, as far as the user may read them.

    Attributes
    ----------
    experiments : sequence of Experiment
        In the order of the path; ids that nobody has, or that the user may not read, are left
        out without a word (XNATTemplate.java:163-169).
    session : Experiment or None
        The session of ``/experiments/S/assessors/A``.
    """

    experiments: Sequence[Experiment]
    session: Experiment | None = None

    @property
    def assessors(self) -> bool:
        """Whether resources of assessors are meant: the first experiment decides for all."""
        return self.session is not None or self.experiments[0].session is not None

    @property
    def base(self) -> str:
        """XNATCatalogTemplate.getBaseURI: with all ids, however many catalogues there are."""
        ids = ",".join(experiment.id for experiment in self.experiments)
        if self.session is not None:
            return f"/data/experiments/{self.session.id}/assessors/{ids}/out"
        return f"/data/experiments/{ids}"

    def rows(self, *, everything: bool = False) -> list[tuple[Experiment, Resource]]:
        """Return the resources: of sessions or of assessors, not of both unless asked for."""
        if not self.experiments:
            return []
        return [
            (experiment, resource)
            for experiment in self.experiments
            if (experiment.session is not None) == self.assessors or everything
            for resource in experiment.resources
        ]

    def own_path(self, experiment: Experiment, resource: Resource) -> str:  # noqa: ARG002
        """XNATTemplate.java:498-612, resource_path: without ``/data``."""
        if experiment.session is not None:
            return f"/experiments/{experiment.session}/assessors/{experiment.id}/out"
        return f"/experiments/{experiment.id}"


def list_resources(call: Call, catalogs: Catalogs) -> Reply:
    """``.../resources`` (CatalogResourceList.java, CatalogUtils.populateTable:2360-2411)."""
    if not catalogs.experiments:
        # Nothing was found: no table, an empty body, status 200.
        return text("", kind="application/json")
    rows: list[dict[str, str | int | None]] = []
    everything = call.true("all") and not catalogs.assessors
    held = catalogs.rows()
    if everything:
        held += [
            (assessor, resource)
            for experiment in catalogs.experiments
            for assessor in call.archive.assessors(experiment)
            if call.readable(assessor)
            for resource in assessor.resources
        ]
    for experiment, resource in held:
        assessor = experiment.session is not None
        rows.append(
            {
                "xnat_abstractresource_id": resource.id,
                "label": resource.label,
                "element_name": "xnat:resourceCatalog",
                "category": "assessors" if assessor else "resources",
                # XNATTemplate.java:546-597: with all=true resources of sessions do not say whose.
                "cat_id": None if everything and not assessor else experiment.id,
                "cat_desc": experiment.xsi_type if assessor else "" if everything else " ",
                "file_count": resource.file_count,
                "file_size": resource.file_size,
                "tags": "",
                "content": resource.content,
                "format": resource.format,
            }
        )
    columns = (
        "xnat_abstractresource_id",
        "label",
        "element_name",
        "category",
        "cat_id",
        "cat_desc",
        "file_count",
        "file_size",
        "tags",
        "content",
        "format",
    )
    return table(columns, rows, form=call.form, title="Resources")


def catalog_xml(call: Call, catalogs: Catalogs, wanted: str) -> Reply:
    """``.../resources/R``: the catalogue itself."""
    found = _select(call, catalogs, wanted)
    if isinstance(found, Reply):
        return found
    if not found:
        return status_page(404, "Unable to find resource.")
    resource = found[0][1]
    entries = "".join(
        f"<cat:entry URI={quoteattr(path)} name={quoteattr(path.rpartition('/')[2])} "
        f'digest="{file.digest}"/>'
        for path, file in resource.files.items()
    )
    return text(
        f'<cat:Catalog ID="{resource.label}" xmlns:cat="http://nrg.wustl.edu/catalog">'
        f"<cat:entries>{entries}</cat:entries></cat:Catalog>",
        kind="text/xml",
    )


def _select(
    call: Call, catalogs: Catalogs, wanted: str | None
) -> list[tuple[Experiment, Resource]] | Reply:
    """Return the resources of the given ids and labels."""
    held = catalogs.rows(everything=call.true("all"))
    if wanted is None:
        return held
    names = re.split(r"\s*,\s*", wanted)
    numbers = [int(name) for name in names if name.isdigit()]
    # XNATCatalogTemplate.java:54-69: ids of resources are checked together.
    known = [call.archive.resource_by_id(number) for number in numbers]
    denied = [
        number
        for number, found in zip(numbers, known, strict=True)
        if found is None or not call.readable(found[0])
    ]
    if denied:
        which = "all" if len(denied) == len(numbers) else str(len(denied))
        ids = ", ".join(map(str, denied))
        return status_page(
            403,
            f"The user {call.visit.user} requested {len(numbers)} resources by ID (i.e. not by "
            f"qualified resource label) but was denied access to {which} of them: {ids}",
        )
    return [
        (experiment, resource)
        for experiment, resource in held
        if str(resource.id) in names or resource.label in names
    ]


# --- files ---------------------------------------------------------------------------


def answer_files(call: Call, catalogs: Catalogs, wanted: str | None, path: str) -> Reply:
    """``.../files`` and ``.../files/PATH`` (FileList.java); `path` as it stands in the URL."""
    if not catalogs.experiments:
        # FileList.java:503-540: without an experiment there is no project, and nothing asks.
        return status_page(500, "Internal Server Error")
    found = _select(call, catalogs, wanted)
    if isinstance(found, Reply):
        return found
    # FileList.java:153-155.
    if "%2B" in path or "%20" in path:
        path = unquote_plus(path)
    zipped = call.form == "zip"
    single = len(found) == 1 and not zipped
    if not path:
        return _zip_all(found) if zipped else _listing(call, catalogs, found, single=single)
    if single:
        return _single_file(call, found[0][1], path, catalogs, found)
    return _first_catalog(call, found, path, zipped=zipped)


def _listing(
    call: Call,
    catalogs: Catalogs,
    found: Sequence[tuple[Experiment, Resource]],
    *,
    single: bool,
    folder: str = "",
) -> Reply:
    columns = [c for c in _FILE_HEADERS if c != "digest" or call.behaviour.digest_column]
    rows: list[dict[str, str | int | None]] = []
    contents, formats = call.query.get("file_content"), call.query.get("file_format")
    for experiment, resource in found:
        if (contents and (resource.content or "NULL") not in contents) or (
            formats and (resource.format or "NULL") not in formats
        ):
            continue
        base = catalogs.base if single else catalogs.own_path(experiment, resource)
        prefix = f"{base}/resources/{resource.id}/files/"
        rows.extend(
            {
                "Name": path.rpartition("/")[2],
                "Size": file.size,
                "URI": prefix + path,
                "collection": resource.label,
                "file_tags": "",
                "file_format": resource.format,
                "file_content": resource.content,
                "cat_ID": resource.id,
                "digest": file.digest,
            }
            for path, file in resource.files.items()
            if path.startswith(folder)
        )
    return table(columns, rows, form=call.form, title="Files")


def _single_file(
    call: Call,
    resource: Resource,
    path: str,
    catalogs: Catalogs,
    found: Sequence[tuple[Experiment, Resource]],
) -> Reply:
    """FileList.handleSingleCatalog (:690-800)."""
    file = resource.files.get(path)
    if file is None and path.endswith("/"):
        return _listing(call, catalogs, found, single=True, folder=path)
    if file is None:
        return _not_found(call, "Unable to find catalog entry for given uri.")
    if file.data is None:
        return _not_found(call, "Unable to find file.")
    return _body(call, path, file)


def _first_catalog(
    call: Call, found: Sequence[tuple[Experiment, Resource]], path: str, *, zipped: bool
) -> Reply:
    """FileList.handleMultipleCatalogs (:503-664): the first catalogue that has anything, or one."""
    if zipped and not call.behaviour.folder_zip and path.endswith(("/", "*")):
        return _not_found(call, "Unable to find file.")
    for _, resource in found:
        if path in resource.files:
            chosen = {path: resource.files[path]}
        elif path.endswith("/"):
            chosen = {p: f for p, f in resource.files.items() if p.startswith(path)}
        elif path.endswith("*"):
            pattern = re.compile(path[:-1] + ".*")
            chosen = {p: f for p, f in resource.files.items() if pattern.fullmatch(p)}
        else:
            chosen = {}
        there = {p: f for p, f in chosen.items() if f.data is not None}
        if len(chosen) == 1:
            if not there:
                continue
            (name, file) = next(iter(there.items()))
            # A single entry goes in under its bare name.
            return _zip({name.rpartition("/")[2]: file}) if zipped else _body(call, name, file)
        if there:
            return _zip(there) if zipped else text("")
        break
    return _not_found(call, "Unable to find file.")


def _not_found(call: Call, message: str) -> Reply:
    if call.true("accept-not-found"):
        return Reply(204)
    return status_page(404, message)


def _body(call: Call, path: str, file: StoredFile) -> Reply:
    """Return a file as SecureResource.representFile does: with Last-Modified, without an ETag."""
    moment = file.modified.replace(microsecond=0, tzinfo=UTC)
    headers = {
        "Last-Modified": format_datetime(moment, usegmt=True),
        "Cache-Control": "must-revalidate",
        "Content-Type": _TYPES.get(path.rpartition(".")[2].lower(), "application/octet-stream"),
    }
    if call.behaviour.not_modified and _unchanged(call, moment):
        return Reply(304, headers)
    return Reply(200, headers, memoryview(file.data or b""))


def _unchanged(call: Call, moment: datetime) -> bool:
    since = call.headers.get("if-modified-since")
    if since is None:
        return False
    try:
        return moment <= parsedate_to_datetime(since)
    except (TypeError, ValueError):
        return False


def _zip_all(found: Sequence[tuple[Experiment, Resource]]) -> Reply:
    files = {
        f"{experiment.label}/resources/{resource.label}/files/{path}": file
        for experiment, resource in found
        for path, file in resource.files.items()
        if file.data is not None
    }
    return _zip(files)


def _zip(files: dict[str, StoredFile]) -> Reply:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in files.items():
            entry = zipfile.ZipInfo(name, file.modified.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.data or b"")
    return Reply(200, {"Content-Type": "application/zip"}, memoryview(out.getvalue()))
