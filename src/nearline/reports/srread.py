"""`srread`: highdicom's own document of a structured report, from one read of the object."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

from nearline.dicom.damage import damage_told
from nearline.dicom.header_reading import read_header
from nearline.errors import WrongKind
from nearline.opening import open_reader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from highdicom.sr import Comprehensive3DSR, ComprehensiveSR, EnhancedSR

__all__ = ["srread"]

_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.88.22": "EnhancedSR",
    "1.2.840.10008.5.1.4.1.1.88.33": "ComprehensiveSR",
    "1.2.840.10008.5.1.4.1.1.88.34": "Comprehensive3DSR",
}


def srread(
    fp: Any, *, storage_options: Mapping[str, Any] | None = None
) -> EnhancedSR | ComprehensiveSR | Comprehensive3DSR:
    """Read a structured report as highdicom's own document.

    Parameters
    ----------
    fp : str, PathLike, bytes, file-like, Source, Reader or RemoteFile
        URL, path, content, or an object that reads it.
    storage_options : mapping, optional
        As in fsspec and pandas: ``anon``, ``key``, ``endpoint_url``, ...

    Returns
    -------
    highdicom.sr.EnhancedSR, ComprehensiveSR or Comprehensive3DSR
        Its measurements are a table much sooner by `nearline.sr.measurements`,
        which takes the same targets, and this document.

    Raises
    ------
    NotFound, AccessDenied, Unavailable
        As the storage says.
    NotDicom, InvalidDicom
        No DICOM file, or a damaged one.
    WrongKind
        A DICOM file of another kind than these three.
    """
    reader = open_reader(fp, storage_options=storage_options)
    header = read_header(reader)
    sop_class = header.text(0x00080016)
    if sop_class not in _CLASSES:
        from pydicom.uid import UID

        raise WrongKind(
            f"{reader.url} holds {UID(sop_class).name or 'nothing'}, not Enhanced, Comprehensive "
            "or Comprehensive 3D SR. Read it with nearline.dcmread."
        )
    from highdicom import sr

    with damage_told(
        f"{reader.url} can be read by nearline.dcmread, but highdicom cannot read it as "
        f"{_CLASSES[sop_class]}"
    ):
        return sr.srread(BytesIO(reader.read(0, reader.size)))
