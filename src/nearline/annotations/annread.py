"""`annread`: from a URL, or whatever else holds bulk annotations, to their object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nearline.annotations.annotations import MicroscopyBulkSimpleAnnotations
from nearline.annotations.outline import open_outline
from nearline.opening import open_reader

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["annread"]

_BEGINNING = 64 * 1024


def annread(
    fp: Any, *, storage_options: Mapping[str, Any] | None = None
) -> MicroscopyBulkSimpleAnnotations:
    """Open Microscopy Bulk Simple Annotations, without reading their arrays.

    Parameters
    ----------
    fp : str, PathLike, bytes, file-like, Source, Reader or RemoteFile
        URL, path, content, or an object that reads it.
    storage_options : mapping, optional
        As in fsspec and pandas: ``anon``, ``key``, ``endpoint_url``, ...

    Returns
    -------
    MicroscopyBulkSimpleAnnotations
        A pydicom Dataset of the metadata, with highdicom's methods.

    Raises
    ------
    NotFound, AccessDenied, Unavailable
        As the storage says.
    NotDicom, InvalidDicom
        No DICOM file, or a damaged one.
    WrongKind
        A DICOM file of another kind.
    """
    # Behind the first attributes lie arrays that nobody may ask for.
    reader = open_reader(fp, storage_options=storage_options, beginning=_BEGINNING)
    return MicroscopyBulkSimpleAnnotations(open_outline(reader))
