"""`open_series`: from a prefix, a folder or a list to a `Series`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nearline.image.series.choosing import choose
from nearline.image.series.gathering import gather
from nearline.image.series.series import Series

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nearline.dicom.codecs.decode import DecoderName

__all__ = ["open_series"]


def open_series(
    target: Any,
    *,
    storage_options: Mapping[str, Any] | None = None,
    series_instance_uid: str | None = None,
    decoder: DecoderName = "default",
    prefetch: bool | None = None,
) -> Series:
    """Open a series of single-frame images, reading the headers of all objects at once.

    Other files beneath the prefix are no trouble: `Series.skipped` lists them.

    Parameters
    ----------
    target : str, PathLike or list
        A prefix (``s3://bucket/series/``, ``gs://``, ``az://``, any that fsspec
        can list), where a closing ``*`` makes it a beginning of names; a local
        folder; or a list of URLs, paths or open readers.
    storage_options : mapping, optional
        As in fsspec and pandas: ``anon``, ``key``, ``endpoint_url``, ...
    series_instance_uid : str, optional
        Which series, where there are several.
    decoder : {"default", "pydicom"}
        As in `imread`.
    prefetch : bool, optional
        True: objects of up to 1 MiB come whole, with their headers, in one
        request each, which is fastest if most slices will be read. False: only
        headers, which is less to fetch if few will. None: True as long as they
        fit into the setting `memory_size`.

    Returns
    -------
    Series

    Raises
    ------
    AmbiguousSeries
        There are several series of images; the message lists them.
    NoSeries
        There is no such series, no DICOM object, or none that can be a slice.
    NotFound, AccessDenied, Unavailable
        As the storage says; also where a prefix may not be listed.
    """
    found = gather(
        target,
        storage_options=storage_options,
        series_instance_uid=series_instance_uid,
        prefetch=prefetch,
    )
    chosen, skipped = choose(found.members, found.skipped, series_instance_uid, where=found.where)
    return Series([found.members[number] for number in chosen], skipped, decoder)
