"""Listings as the stores write them: XML of S3 and Azure, JSON of Google (pure).

The documents are foreign: depth is bounded and a document type, and with it every entity, is
refused, so that none of them can expand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any
from urllib.parse import unquote, unquote_plus
from xml.parsers import expat

from nearline.provenance import Validator

__all__ = ["Answered", "Entry", "MalformedListing", "read_azure", "read_google", "read_s3"]

_DEEPEST = 16


class MalformedListing(ValueError):
    """An answer that is no listing."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One object as a store describes it."""

    key: str
    validator: Validator
    last_modified: datetime | None


@dataclass(frozen=True, slots=True)
class Answered:
    """The objects of one page, and the token of the next."""

    entries: list[Entry]
    after: str | None


class _Leaves:
    """Collects the text of the leaves of a document, and of each repeated item in it."""

    def __init__(self, root: str, item: str) -> None:
        self.root = root
        self.item = item
        self.items: list[dict[str, str]] = []
        self.outside: dict[str, str] = {}
        self._path: list[str] = []
        self._text: list[str] = []
        self._held: dict[str, str] | None = None
        self._encoded = False

    def read(self, document: bytes) -> None:
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        parser.StartDoctypeDeclHandler = _refuse
        try:
            parser.Parse(document, True)
        except MalformedListing:
            raise
        except (expat.ExpatError, ValueError, LookupError):
            # The latter two: an encoding that Python does not have, or not for XML.
            raise MalformedListing("it is not well-formed XML") from None

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._path and name != self.root:
            raise MalformedListing(f"its root is {name[:40]}, not {self.root}")
        self._path.append(name)
        if len(self._path) > _DEEPEST:
            raise MalformedListing("it is nested too deeply")
        self._text.clear()
        # Azure's way with names that XML cannot hold.
        self._encoded = attributes.get("Encoded") == "true"
        if name == self.item and self._held is None:
            self._held = {}

    def _end(self, name: str) -> None:
        self._path.pop()
        text = "".join(self._text).strip("\r\n")
        self._text.clear()
        if self._encoded:
            text, self._encoded = unquote(text), False
        if name == self.item and self._held is not None:
            self.items.append(self._held)
            self._held = None
        elif self._held is not None:
            if text:
                self._held.setdefault(name, text)
        elif len(self._path) == 1 and text:
            self.outside.setdefault(name, text)


def _refuse(*_: object) -> None:
    raise MalformedListing("it declares a document type")


def read_s3(document: bytes) -> Answered:
    """Read an answer of ListObjectsV2.

    Raises
    ------
    MalformedListing
        It is none.
    """
    leaves = _Leaves("ListBucketResult", "Contents")
    leaves.read(document)
    encoded = leaves.outside.get("EncodingType") == "url"
    entries = []
    for item in leaves.items:
        key = _needed(item, "Key")
        modified = _iso(item.get("LastModified"))
        validator = Validator(
            size=_size(_needed(item, "Size")),
            etag=_quoted(item.get("ETag")),
            last_modified=_http_date(modified),
        )
        entries.append(Entry(unquote_plus(key) if encoded else key, validator, modified))
    more = leaves.outside.get("IsTruncated", "").lower() == "true"
    after = leaves.outside.get("NextContinuationToken")
    if more and not after:
        raise MalformedListing("it is cut without saying where it goes on")
    return Answered(entries, after if more else None)


def read_azure(document: bytes) -> Answered:
    """Read an answer of List Blobs.

    Raises
    ------
    MalformedListing
        It is none.
    """
    leaves = _Leaves("EnumerationResults", "Blob")
    leaves.read(document)
    entries = []
    for item in leaves.items:
        if item.get("ResourceType") == "directory" or item.get("hdi_isfolder") == "true":
            continue
        told = item.get("Last-Modified")
        validator = Validator(
            size=_size(_needed(item, "Content-Length")),
            # Quoted in the header of an object, and not in a listing.
            etag=_quoted(item.get("Etag") or item.get("ETag")),
            last_modified=told,
        )
        entries.append(Entry(_needed(item, "Name"), validator, _from_http_date(told)))
    return Answered(entries, leaves.outside.get("NextMarker"))


def read_google(document: bytes) -> Answered:
    """Read an answer of Google's JSON interface.

    Its ETags are others than those of the XML interface, by which objects are
    read: the generation tells versions apart.

    Raises
    ------
    MalformedListing
        It is none.
    """
    try:
        told = json.loads(document)
    except (ValueError, RecursionError):
        raise MalformedListing("it is not JSON") from None
    if not isinstance(told, dict) or told.get("kind", "storage#objects") != "storage#objects":
        raise MalformedListing("it is no list of objects")
    entries = []
    for item in _dicts(told.get("items", [])):
        modified = _iso(item.get("updated"))
        generation = item.get("generation")
        validator = Validator(
            size=_size(_needed(item, "size")),
            generation=None if generation is None else str(generation),
            last_modified=_http_date(modified),
        )
        entries.append(Entry(_needed(item, "name"), validator, modified))
    after = told.get("nextPageToken")
    return Answered(entries, str(after) if after else None)


def _dicts(items: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise MalformedListing("its items are no objects")
    yield from items


def _needed(item: dict[str, Any], name: str) -> str:
    value = item.get(name)
    if value is None:
        raise MalformedListing(f"an object in it lacks {name}")
    return str(value)


def _size(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise MalformedListing("an object in it has a size that is no number")
    return int(text)


def _quoted(etag: str | None) -> str | None:
    if not etag:
        return None
    return etag if etag.endswith('"') else f'"{etag}"'


def _iso(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _http_date(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0), usegmt=True)


def _from_http_date(text: str | None) -> datetime | None:
    try:
        return None if text is None else parsedate_to_datetime(text)
    except ValueError:
        return None
