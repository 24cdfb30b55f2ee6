"""What a refusal means where a foreign client read for us."""

from __future__ import annotations

from collections.abc import Mapping

from nearline.errors import NearlineError, ObjectChanged, Unavailable
from nearline.provenance import Validator
from nearline.storage.http.answer import Asked
from nearline.storage.http.refusal import Refusal, refused
from nearline.storage.source import Transient

__all__ = ["changed", "error_for"]


def changed(url: str, current: Validator | None = None) -> ObjectChanged:
    """Return the error for an object that is no longer the one that was opened."""
    return ObjectChanged(
        f"{url} changed while it was being read. Open it again to read the new version.",
        current=current,
    )


def error_for(
    asked: Asked,
    status: int,
    headers: Mapping[str, str],
    *,
    code: str = "",
    pinned: bool,
    repeat: bool = True,
) -> NearlineError:
    """Return the error for a refused read.

    Parameters
    ----------
    asked : Asked
    status : int
    headers : mapping of str to str
    code : str
        The store's own word for it (``NoSuchKey``).
    pinned : bool
        The read was held to a version, by the pin or by the reader itself.
    repeat : bool
        False: the client has repeated the request already.
    """
    if pinned and status in (404, 412):
        return changed(asked.url)
    body = f"<Code>{code}</Code>".encode() if code else b""
    failure = refused(asked, Refusal(status, headers, body))
    if isinstance(failure, Transient) and not repeat:
        return Unavailable(str(failure))
    return failure
