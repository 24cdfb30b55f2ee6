"""Files of scans and resources, listed in one request."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import unquote

from nearline.errors import NotFound, UnsupportedUrl
from nearline.provenance import Validator
from nearline.settings import Settings, current
from nearline.storage.listing.listed import Listed, Page
from nearline.storage.listing.prefix import Prefix, prefix_of
from nearline.xnat.address import encoded
from nearline.xnat.client import Client, Unanswered
from nearline.xnat_storage.place import Place, XnatOptions, parse
from nearline.xnat_storage.source import XnatSource
from nearline.xnat_storage.visits import visit_of

__all__ = ["XnatLister", "open_lister"]

_OF_RESOURCE = re.compile(r"(?P<owner>/data/.+?)/resources/(?P<label>[^/]+)(?:/.*)?")
_OF_SCANS = re.compile(r"(?P<owner>/data/.*experiments/[^/]+/scans/[^/]+)(?:/resources)?/?")
_OF_SESSION = re.compile(r"(?P<owner>/data/.*experiments/[^/]+)(?:/scans)?/?")

_ROW = re.compile(r"(?:/scans/(?P<scan>[^/]+))?/resources/[^/]+/files/(?P<path>.+)$")

_IMAGES = ("dicom", "secondary")
"""Resources that hold the images of a scan, the better first: as XNAT names them on arrival."""


def open_lister(
    url: str, *, storage_options: Mapping[str, Any], settings: Settings | None
) -> XnatLister:
    """List what an ``xnat://`` URL names: a scan, all scans of a session, or a resource.

    Raises
    ------
    UnsupportedUrl, InvalidOption
        The URL or its options cannot be understood.
    """
    options = XnatOptions.parse(storage_options)
    return XnatLister(parse(url), options, settings or current())


class XnatLister:
    """Lists files of a server.

    Of a scan only its DICOM resource is listed (the resource named ``secondary`` where there is
    no ``DICOM``, all where there is neither); name the resource to list another.

    Parameters
    ----------
    place : Place
    options : XnatOptions
    settings : Settings
    """

    def __init__(self, place: Place, options: XnatOptions, settings: Settings) -> None:
        self.url = place.url
        self._place = place
        self._options = options
        self._settings = settings
        path = place.path
        if found := _OF_RESOURCE.fullmatch(path):
            self._owner, self._label = found["owner"], found["label"].removesuffix("*")
            self._asked = f"{self._owner}/resources/{self._label}/files"
        elif found := _OF_SCANS.fullmatch(path) or _OF_SESSION.fullmatch(path):
            self._owner, self._label = found["owner"].removesuffix("*"), ""
            scans = "" if "/scans/" in self._owner else "/scans/ALL"
            self._asked = f"{self._owner}{scans}/files"
        else:
            raise UnsupportedUrl(
                f"{place.url} cannot be listed: name a session (…/experiments/E), a scan of it "
                "(…/scans/4) or a resource (…/resources/DICOM)."
            )

    def page(self, after: str | None, *, timeout: float) -> Page:  # noqa: ARG002
        """List all at once; see `Lister.page`."""
        asked = time.time()
        visit = visit_of(self._place, self._options, self._settings)
        rows = self._rows(visit.client)
        files: dict[tuple[str, str], dict[str, Mapping[str, str]]] = defaultdict(dict)
        for row in rows:
            found = _ROW.search(row.get("URI", ""))
            if found:
                label = row.get("collection") or self._label
                files[(found["scan"] or "", label)][unquote(found["path"])] = row
        prefix = self._prefix()
        listed = []
        for (scan, label), held in self._chosen(files):
            resource = self._resource(scan, label)
            digests = {path: held[path].get("digest", "").lower() for path in held}
            visit.learn(resource, digests)
            for path in held:
                name = prefix.name_of(f"{resource}/files/{path}")
                if name is not None:
                    listed.append(self._listed(f"{resource}/files/{path}", name, held[path], asked))
        if not listed:
            raise NotFound(
                f"There are no files at {self.url}, or they are hidden from whoever asks."
            )
        return Page(listed)

    def _rows(self, client: Client) -> list[dict[str, str]]:
        about = f"the files of {self.url}"
        try:
            return client.table(encoded(self._asked), about=about)
        except Unanswered:
            # It has no answer either for a session that is not there, or hidden.
            session = re.match(r"/data/.*?experiments/[^/]+", self._owner)
            if session:
                client.text(encoded(session[0]), about=self.url, params={"format": "json"})
            raise

    def _prefix(self) -> Prefix:
        path = self._place.path
        return prefix_of(path if path.endswith("*") else path.rstrip("/"))

    def _resource(self, scan: str, label: str) -> str:
        owner = self._owner
        if scan and not self._label:
            owner = re.sub(r"/scans/[^/]+$", "", owner) + f"/scans/{scan}"
        return f"{owner}/resources/{label}"

    def _chosen(
        self, files: Mapping[tuple[str, str], dict[str, Mapping[str, str]]]
    ) -> list[tuple[tuple[str, str], dict[str, Mapping[str, str]]]]:
        """Keep of each scan the resource that holds its images."""
        if self._label:
            return list(files.items())
        labels: dict[str, set[str]] = defaultdict(set)
        for scan, label in files:
            labels[scan].add(label)
        best = {
            scan: next(
                ({one for one in held if one.lower() == image} for image in _IMAGES
                 if any(one.lower() == image for one in held)),
                held,
            )
            for scan, held in labels.items()
        }  # fmt: skip
        return [(key, held) for key, held in files.items() if key[1] in best[key[0]]]

    def _listed(self, path: str, name: str, row: Mapping[str, str], asked: float) -> Listed:
        place = self._place.beside(path)
        digest, size = row.get("digest", "").lower(), row.get("Size", "")
        validator = Validator(
            size=int(size) if size.isdecimal() else None, etag=f'"{digest}"' if digest else None
        )
        make = partial(XnatSource, place, self._options, self._settings)
        return Listed(place.url, name, validator, make, None, asked)
