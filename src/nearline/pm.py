"""Parametric maps, under highdicom's names.

`pmread` and `ParametricMap` are nearline's; every other name of `highdicom.pm`
(`RealWorldValueMapping`, ...) is highdicom's own, imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nearline.dicom.codecs.decode import DecoderName
    from nearline.image.parametric_map import ParametricMap

__all__ = ["ParametricMap", "pmread"]


def pmread(
    fp: Any,
    lazy_frame_retrieval: bool = True,  # noqa: ARG001 - accepted for highdicom's sake
    *,
    storage_options: Mapping[str, Any] | None = None,
    decoder: DecoderName = "default",
) -> ParametricMap:
    """Open a DICOM parametric map, reading its header only.

    Parameters
    ----------
    fp : str, PathLike, bytes, file-like, or a list of these
        As in `nearline.imread`.
    lazy_frame_retrieval : bool
        Accepted for highdicom's sake: frames are always read when asked for.
    storage_options : mapping, optional
        As in fsspec and pandas: ``anon``, ``key``, ``endpoint_url``, ...
    decoder : {"default", "pydicom"}
        As in `nearline.imread`.

    Returns
    -------
    ParametricMap
        A pydicom Dataset of the header, with highdicom's methods.

    Raises
    ------
    WrongKind
        The object is no parametric map.
    NotFound, AccessDenied, Unavailable
        As the storage says.
    NotDicom, InvalidDicom
        No DICOM file, or a damaged one.
    """
    from nearline.image.imread import open_as
    from nearline.image.parametric_map import ParametricMap

    return open_as(ParametricMap, fp, storage_options=storage_options, decoder=decoder)


def __getattr__(name: str) -> Any:
    """Import a name when it is first used (PEP 562)."""
    if name == "ParametricMap":
        from nearline.image.parametric_map import ParametricMap

        return ParametricMap
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from highdicom import pm

    return getattr(pm, name)
