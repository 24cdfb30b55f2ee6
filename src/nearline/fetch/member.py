"""A member of a zip archive, wherever the archive lies: ``zip://member::archive``."""

from __future__ import annotations

import hashlib
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from nearline.errors import (
    InvalidOption,
    NearlineError,
    NotFound,
    TruncatedObject,
    UnsupportedUrl,
)
from nearline.fetch.file import RemoteFile
from nearline.fetch.reader import Reader
from nearline.provenance import Validator
from nearline.settings import Settings
from nearline.storage.address import scheme_of
from nearline.storage.resolve import resolve
from nearline.storage.source import Answer, Buffer, Source, Transient
from nearline.storage.url import printable

__all__ = ["MemberSource", "is_member", "open_member"]

_LOCAL_HEADER = struct.Struct("<4s22xHH")
"""Signature, lengths of name and extra field (APPNOTE.TXT, 4.3.7)."""

_BEGINNING = 512
"""Bytes read to open an archive: what tells its members is at its end."""


def is_member(target: object) -> bool:
    """Whether a target is the URL of a member of a zip archive that is not itself in another."""
    return (
        isinstance(target, str) and target.lower().startswith("zip://") and target.count("::") == 1
    )


def open_member(url: str, storage_options: Mapping[str, Any] | None, settings: Settings) -> Source:
    """Return the source of a member; the archive's table of contents is read through the cache.

    Parameters
    ----------
    url : str
        ``zip://folder/a.dcm::s3://bucket/study.zip``.
    storage_options : mapping, optional
        Of the archive; or, as fsspec has it, those of each part under its scheme.

    Raises
    ------
    NotFound
        The archive has no such member, or is not there.
    UnsupportedUrl
        It is no zip archive, or the member is compressed in a way that is not read here.
    """
    part, _, where = url.partition("::")
    name = part[len("zip://") :].lstrip("/")
    shown = f"zip://{name}::{printable(where)}"
    archive = resolve(where, storage_options=_options_of(where, storage_options), settings=settings)
    reader = Reader(archive, settings, beginning=_BEGINNING)
    found = _find(reader, name, shown)
    return MemberSource(archive, reader.validator, found, shown, (url, storage_options, settings))


def _options_of(where: str, given: Mapping[str, Any] | None) -> dict[str, Any]:
    options = dict(given or {})
    own = options.pop("zip", {})
    if own:
        raise InvalidOption("storage_options of zip:// URLs are those of the archive.")
    nested = options.pop(scheme_of(where) or "file", None)
    if nested is None:
        return options
    if options or not isinstance(nested, Mapping):
        raise InvalidOption(
            "storage_options of a zip:// URL are those of the archive, or a dictionary for each "
            "scheme, not both."
        )
    return dict(nested)


class _Found:
    """Where a member lies in its archive."""

    def __init__(self, info: zipfile.ZipInfo, start: int) -> None:
        self.start = start
        self.stored = info.compress_type == zipfile.ZIP_STORED
        self.packed, self.size, self.crc = info.compress_size, info.file_size, info.CRC


def _find(reader: Reader, name: str, shown: str) -> _Found:
    failure: NearlineError
    try:
        with (
            RemoteFile(reader, owns_reader=False) as file,
            zipfile.ZipFile(file) as archive,
        ):
            info = archive.getinfo(name)
    except KeyError:
        failure = NotFound(f"There is no object at {shown}: its archive has no such member.")
    except (zipfile.BadZipFile, zipfile.LargeZipFile, struct.error, ValueError) as problem:
        if isinstance(problem, NearlineError):
            raise
        failure = UnsupportedUrl(f"{shown} was not read: what should be a zip archive is none.")
    else:
        known = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
        if info.flag_bits & 0x1 or not known:
            raise UnsupportedUrl(
                f"{shown} is encrypted, or compressed by other means than deflate: unpack it."
            )
        header = bytes(reader.read(info.header_offset, info.header_offset + _LOCAL_HEADER.size))
        signature, of_name, of_extra = _LOCAL_HEADER.unpack(header)
        if signature == b"PK\x03\x04":
            start = info.header_offset + _LOCAL_HEADER.size + of_name + of_extra
            return _Found(info, start)
        failure = UnsupportedUrl(f"{shown} was not read: its archive contradicts itself.")
    raise failure


class MemberSource:
    """A member: a part of its archive where it is stored, unpacked as a whole where it is not.

    Parameters
    ----------
    archive : Source
    version : Validator
        Of the archive when its table of contents was read; all reads are held to it.
    found : _Found
    shown : str
        URL without secrets.
    asked : tuple
        What `open_member` was called with; travels in a pickle.
    """

    def __init__(
        self,
        archive: Source,
        version: Validator,
        found: _Found,
        shown: str,
        asked: tuple[str, Mapping[str, Any] | None, Settings],
    ) -> None:
        self.url = shown
        self._archive = archive
        self._version = version
        self._found = found
        self._asked = asked
        told = f"{version.key} {found.start} {found.packed} {found.crc}".encode()
        digest = hashlib.blake2b(told, digest_size=16).hexdigest()
        self._validator = Validator(found.size, f'"{digest}"' if version.pins else None)

    def __repr__(self) -> str:
        return f"<MemberSource {self.url}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return open_member, self._asked

    @property
    def identity(self) -> str:
        """The member's name and its archive's identity."""
        return f"{self._archive.identity} {self.url.partition('::')[0]}"

    @property
    def signed(self) -> bool:
        """As the archive; what is unpacked from a local one is not to be written down either."""
        return self._archive.signed or self._archive.in_place

    @property
    def in_place(self) -> bool:
        """Whether the bytes are local, as they are in the archive."""
        return self._archive.in_place and self._found.stored

    @property
    def concurrent(self) -> bool:
        """Whether reads may overlap; unpacking is done once."""
        return self._archive.concurrent and self._found.stored

    def read(
        self,
        start: int,
        stop: int | None,
        *,
        pin: Validator | None = None,  # noqa: ARG002 - the archive's own version is held to
        unless: Validator | None = None,
        timeout: float = 30.0,
    ) -> Answer:
        """Read one range, or unpack; see `Source.read`."""
        if unless is not None and unless.same_version(self._validator):
            # The archive was asked when its table of contents was read.
            return Answer("unchanged", 0, 0, self._validator)
        found = self._found
        end = found.size if stop is None else min(stop, found.size)
        if end <= start:
            return Answer("partial", start, start, self._validator)
        if not found.stored:
            start, end = 0, found.packed
        version = self._version if self._version.pins else None
        answer = self._archive.read(
            found.start + start, found.start + end, pin=version, timeout=timeout
        )
        if answer.kind == "whole":
            begin, length = (found.start, found.size if found.stored else found.packed)
            answer.chunks = _cut(answer.chunks, begin, length)
            start, end = 0, length
        chunks, kind = answer.chunks, answer.kind
        if not found.stored:
            chunks, kind, end = _unpacked(chunks, found, self.url), "whole", found.size
        return Answer(kind, start, end, self._validator, chunks, answer.close, notes=answer.notes)

    def close(self) -> None:
        """Close the archive."""
        self._archive.close()


def _cut(chunks: Iterator[Buffer], begin: int, length: int) -> Iterator[Buffer]:
    """Yield a part of what comes, of which the beginning is not wanted."""
    for chunk in chunks:
        view = memoryview(chunk)
        skipped = min(begin, len(view))
        begin -= skipped
        view = view[skipped : skipped + length]
        length -= len(view)
        if view:
            yield view
        if not length:
            return


def _unpacked(chunks: Iterator[Buffer], found: _Found, url: str) -> Iterator[Buffer]:
    """Yield the content, and see that it is what was packed."""
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    crc = received = 0
    for chunk in chunks:
        waiting: Buffer = chunk
        while waiting:
            try:
                piece = unpacker.decompress(waiting, 1 << 20)
            except zlib.error:
                raise Transient(f"{url} could not be unpacked.") from None
            waiting = unpacker.unconsumed_tail
            crc = zlib.crc32(piece, crc)
            received += len(piece)
            if received > found.size:
                raise TruncatedObject(f"{url} holds more than its archive announces.")
            if piece:
                yield piece
    rest = unpacker.flush()
    crc, received = zlib.crc32(rest, crc), received + len(rest)
    if rest:
        yield rest
    if received != found.size or crc != found.crc:
        raise Transient(f"{url} could not be unpacked: its checksum is not that of the archive.")
