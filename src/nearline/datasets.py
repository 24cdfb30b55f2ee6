"""`dcmread`: any DICOM object as a pydicom Dataset, its large values read when they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nearline.dicom.artefact import Unreadable
from nearline.dicom.deflated import InflatedReader
from nearline.dicom.header import PIXEL_KEYWORDS, Header
from nearline.dicom.header_reading import Later, read_header
from nearline.errors import InvalidOption
from nearline.opening import open_reader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydicom.dataset import FileDataset

    from nearline.dicom.byte_reader import ByteReader
    from nearline.dicom.elements import Element, Encoding
    from nearline.dicom.window import Window
    from nearline.fetch.reader import Reader

__all__ = ["DEFER_SIZE", "dcmread"]

DEFER_SIZE = 256 * 1024
"""Bytes; skipping a value costs a round trip, in which a smaller one has arrived."""

_KEPT = "dataset header"


def dcmread(
    fp: Any,
    defer_size: int | float | str | None = DEFER_SIZE,
    stop_before_pixels: bool = False,
    force: bool = False,
    specific_tags: Sequence[int | str | tuple[int, int]] | None = None,
    *,
    storage_options: Mapping[str, Any] | None = None,
) -> FileDataset:
    """Read any DICOM object as a pydicom Dataset, without its pixels and large values.

    These are read when an element is first used, as in ``ds.PixelData``,
    ``ds.pixel_array`` or ``ds.EncapsulatedDocument``, and by whatever uses all
    elements: ``str``, comparison, writing and pickling.

    Parameters
    ----------
    fp : str, PathLike, bytes, file-like, Source, Reader or RemoteFile
        URL, path, content, or an object that reads it.
    defer_size : int, float, str or None
        Bytes, or text such as "2 MB", above which the value of an element of the
        dataset (a sequence as a whole) is read when it is used. None: all are
        read at once, except pixels. 256 KiB by default.
    stop_before_pixels : bool
        Leave out the pixel data and what is behind.
    force : bool
        Read an object without ``DICM`` at byte 128 as well.
    specific_tags : sequence of int, str or (int, int), optional
        Only these elements, by tag or keyword.
    storage_options : mapping, optional
        As in fsspec and pandas: ``anon``, ``key``, ``endpoint_url``, ...

    Returns
    -------
    pydicom.dataset.FileDataset
        As ``pydicom.dcmread`` gives. Elements behind encapsulated pixels, which
        can only be found by reading all of these, are not in it.

    Raises
    ------
    NotFound, AccessDenied, Unavailable
        As the storage says.
    NotDicom, InvalidDicom
        No DICOM file, or a damaged one.
    InvalidOption
        An unknown tag or size.

    Notes
    -----
    DICOM PS3.10, section 7; PS3.5, section 7 and annex A.
    """
    limit, tags = _bytes(defer_size), _tags(specific_tags)
    reader = open_reader(fp, storage_options=storage_options)
    header = _header(reader, limit, force=force)
    dataset = header.dataset(tags)
    if stop_before_pixels:
        for tag in [tag for tag in dataset.keys() if tag > max(PIXEL_KEYWORDS)]:  # noqa: SIM118
            del dataset[tag]
    elif header.pixel_keyword is not None:
        _add_pixels(dataset, header, reader, tags)
    # What pydicom read is not the object, and would keep copies from being pickled.
    dataset.filename, dataset.buffer = reader.url, None
    return dataset


def _header(reader: Reader, limit: float, *, force: bool) -> Header:
    usual = limit == DEFER_SIZE
    kept = reader.artefact(_KEPT) if usual else None
    if kept is not None:
        try:
            found = Header.from_bytes(kept, reader)
        except Unreadable:
            found = None
        # One without DICM was kept for whoever forces it, and for nobody else.
        if found is not None and (force or found.preamble):
            return found
    header = read_header(reader, later=_larger_than(limit), force=force)
    if usual:
        reader.keep(_KEPT, header.to_bytes())
    return header


def _larger_than(limit: float) -> Later:
    def later(
        source: ByteReader,
        window: Window,  # noqa: ARG001 - what others need to decide
        element: Element,
        encoding: Encoding,  # noqa: ARG001
    ) -> int | None:
        in_memory = isinstance(source, InflatedReader)
        if element.length is None or element.length <= limit or in_memory:
            return None
        return element.value + element.length

    return later


def _add_pixels(
    dataset: FileDataset, header: Header, reader: Reader, tags: list[int] | None
) -> None:
    from nearline.dicom.late_element import late_element

    (tag,) = (tag for tag, name in PIXEL_KEYWORDS.items() if name == header.pixel_keyword)
    if header.pixel_offset is None or not (tags is None or tag in tags):
        return
    source: ByteReader = reader
    if header.deflated:
        source = InflatedReader(reader, header)
    dataset[tag] = late_element(
        source, header.encoding, tag, header.pixel_vr, header.pixel_offset, header.pixel_length
    )


def _bytes(size: int | float | str | None) -> float:
    from pydicom.misc import size_in_bytes

    try:
        found = size_in_bytes(size)
    except ValueError as error:
        raise InvalidOption(f"defer_size={size!r} is no size such as 1024 or '2 MB'.") from error
    return float("inf") if found is None else found


def _tags(given: Sequence[int | str | tuple[int, int]] | None) -> list[int] | None:
    from pydicom.tag import Tag

    if given is None:
        return None
    try:
        return [Tag(one) for one in given]
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidOption(f"specific_tags holds something that is no tag: {error}") from error
