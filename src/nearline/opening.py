"""From what a user passes to an open object."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nearline.errors import MissingExtra, NearlineError
from nearline.fetch.at_hand import AtHand, NotAtHand
from nearline.fetch.file import RemoteFile
from nearline.fetch.member import is_member, open_member
from nearline.fetch.reader import Reader
from nearline.settings import Settings, current
from nearline.storage.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nearline.dicom.hints import FrameHints

__all__ = ["as_highdicom", "open", "open_reader"]


def open_reader(
    target: Any,
    *,
    storage_options: Mapping[str, Any] | None = None,
    settings: Settings | None = None,
    beginning: int | None = None,
) -> Reader:
    """Open what a user passed, and read its beginning.

    Parameters
    ----------
    target : str, PathLike, bytes, file-like, Source, Reader or RemoteFile
        URL, path, content, or an object that reads it. A `Reader` or
        `RemoteFile` is shared, not opened again.
    storage_options : mapping, optional
        As in fsspec and pandas: ``anon``, ``key``, ``endpoint_url``, ...
    settings : Settings, optional
        By default those in force.
    beginning : int, optional
        Bytes to read of an unknown object, in one request.

    Raises
    ------
    NotFound, AccessDenied, Unavailable
        As the storage says.
    UnsupportedUrl
        Nothing here reads such a target.
    InvalidOption
        `storage_options` holds an unknown name.
    """
    if isinstance(target, RemoteFile):
        return target.reader
    if isinstance(target, Reader):
        return target
    chosen = settings or current()
    if is_member(target):
        source = open_member(target, storage_options, chosen)
    else:
        source = resolve(target, storage_options=storage_options, settings=chosen)
    return Reader(source, chosen, beginning=beginning)


def open(target: Any, *, storage_options: Mapping[str, Any] | None = None) -> RemoteFile:  # noqa: A001
    """Open a remote object as a file for any reader: seekable, read-only, cached.

    Parameters
    ----------
    target : str, PathLike, bytes, file-like or Source
        URL (``s3://``, ``gs://``, ``az://``, ``https://``, any that fsspec knows),
        path, content, or an object that reads it.
    storage_options : mapping, optional
        As in fsspec and pandas: ``anon``, ``key``, ``endpoint_url``, ...

    Returns
    -------
    RemoteFile
        A binary file; use it in a ``with`` block. Where it is a DICOM image, the
        frames that a reader will probably ask for next are fetched meanwhile.

    Raises
    ------
    NotFound, AccessDenied, Unavailable
        As the storage says.
    UnsupportedUrl
        Nothing here reads such a target.
    InvalidOption
        `storage_options` holds an unknown name.
    """
    shared = isinstance(target, (RemoteFile, Reader))
    return RemoteFile(
        open_reader(target, storage_options=storage_options), _hints_of, owns_reader=not shared
    )


def as_highdicom(reader: Reader, module: str, function: str, **options: Any) -> Any:
    """Have highdicom read an open object, over the same bytes and the same cache.

    Parameters
    ----------
    reader : Reader
        Stays open, whatever becomes of highdicom's object.
    module, function : str
        Which of highdicom's reading functions: "highdicom.seg", "segread".
    **options
        Of that function.

    Raises
    ------
    MissingExtra
        highdicom is not installed.
    InvalidDicom
        highdicom cannot read the object.
    """
    try:
        read = getattr(import_module(module), function)
    except ImportError as error:
        raise MissingExtra(
            f"to_highdicom needs highdicom, which cannot be imported ({error}): "
            "pip install highdicom"
        ) from None
    from nearline.dicom.damage import damage_told

    with damage_told(f"{reader.url} cannot be read by {module}.{function}"):
        return read(open(reader), **options)


def _hints_of(reader: Reader) -> FrameHints | None:
    """Return hints for a DICOM file, once so much of it is there that they cost no request."""
    from nearline.dicom.hints import frame_hints

    try:
        return frame_hints(AtHand(reader))
    except (NotAtHand, NearlineError):
        return None
