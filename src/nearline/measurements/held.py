"""What is held of a session: the inventory it was taken under, and its files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from nearline.xnat.inventory import File, Resource

__all__ = ["HeldFile", "HeldSession", "Listed", "rows_stamp", "stamp"]


class Listed(NamedTuple):
    """One file of a resource as the server listed it.

    Attributes
    ----------
    resource_id : str
        Id of the resource on the server.
    path : str
        Within the resource, ``alice/stats/aseg.stats``.
    uri : str
        Where it is read from, without the server.
    size : int or None
        Bytes; None where the server leaves it blank.
    digest : str
        MD5 in hexadecimal digits as the server lists it; empty if it is blank.
    """

    resource_id: str
    path: str
    uri: str
    size: int | None
    digest: str

    @classmethod
    def of(cls, file: File) -> Listed:
        """Take over a file of an inventory."""
        return cls(file.resource_id, file.path, file.uri, file.size, file.digest)


@dataclass(frozen=True, slots=True)
class HeldFile:
    """One file whose bytes are held.

    Attributes
    ----------
    path, resource_id, uri : str
        As in `Listed`.
    sha256, md5 : str
        Of the bytes that are held, hexadecimal.
    size : int
        Bytes held.
    stale : str
        A digest that the server lists although its own bytes contradict it: while it lists that
        one, the digest decides nothing. Empty if there is none.
    http_modified : str
        ``Last-Modified`` of the answer that brought the bytes, for conditional requests; empty
        if it was absent or too young to tell two versions apart.
    stamp : str
        The inventory under which the server last vouched for it, see `stamp`.
    fetched : float
        Seconds since the epoch when the bytes were received.
    """

    path: str
    resource_id: str
    uri: str
    sha256: str
    md5: str
    size: int
    stale: str
    http_modified: str
    stamp: str
    fetched: float


@dataclass(frozen=True, slots=True)
class HeldSession:
    """One session as it was committed.

    Attributes
    ----------
    last_modified : str
        Of the experiment, server's local time; compared for equality only.
    rows : str
        Stamp of its resource rows, see `rows_stamp`.
    has_resource : bool
        Whether it had the resource that was asked for.
    """

    last_modified: str
    rows: str
    has_resource: bool


def rows_stamp(rows: tuple[Resource, ...]) -> str:
    """Write resource rows as a text that is equal for equal rows, whatever their order."""
    return ";".join(
        sorted(
            f"{row.assessor_id or ''}/{row.id}/{row.label}/"
            f"{'' if row.file_count is None else row.file_count}/"
            f"{'' if row.file_size is None else row.file_size}"
            for row in rows
        )
    )


def stamp(last_modified: str, rows: str) -> str:
    """Join what an inventory says about a session: its `last_modified` and its `rows_stamp`."""
    return f"{last_modified}|{rows}"
