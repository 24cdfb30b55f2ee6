"""An open image without its Dataset: facts, tiling and frames, from the cache where known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nearline.dicom.artefact import Unreadable
from nearline.dicom.codecs.frame_format import FrameFormat
from nearline.dicom.columns import Columns, References
from nearline.dicom.deflated import InflatedReader
from nearline.dicom.frame_index import FrameIndex, build
from nearline.dicom.header import Header
from nearline.dicom.header_reading import read_header
from nearline.errors import NoPixels
from nearline.image.facts import Facts
from nearline.image.geometry.placement import tiling_of
from nearline.image.reading.frames import Frames, Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydicom.dataset import Dataset

    from nearline.dicom.codecs.decode import DecoderName
    from nearline.fetch.reader import Reader
    from nearline.image.geometry.tiles import Tiling

__all__ = ["Opened", "assemble", "open_image", "read_dataset"]

_DEFLATED = "1.2.840.10008.1.2.1.99"
_HEADER, _FRAMES, _FACTS = "header", "frames", "facts"


@dataclass(frozen=True, slots=True)
class Opened:
    """What an image object is made of.

    Attributes
    ----------
    facts : Facts
        Of the image as a whole.
    frames : Frames
        Its frames.
    tiling : FullTiling, SparseTiling or None
        Where they lie in the total pixel matrix; None without one.
    columns : Columns
        Per-frame attributes by keyword.
    """

    facts: Facts
    frames: Frames
    tiling: Tiling | None
    columns: Columns

    @property
    def reader(self) -> Reader:
        """The object, or the first of a concatenation."""
        return self.frames.parts[0].reader

    def __reduce__(self) -> tuple[Any, ...]:
        parts = [(one.reader, one.index.to_bytes(), one.first) for one in self.frames.parts]
        return _reopened, (self.facts.to_bytes(), parts, self.frames.decoder)


def assemble(facts: Facts, parts: Sequence[Part], decoder: DecoderName) -> Opened:
    """Put an image together from what is known of its parts."""
    frames = Frames(parts, facts.format, decoder, facts.profiles)
    columns = _joined_columns([part.index.columns for part in parts])
    return Opened(facts, frames, tiling_of(facts, columns, len(frames)), columns)


def open_image(reader: Reader, decoder: DecoderName) -> tuple[Opened, Dataset | None]:
    """Open the image that `reader` reads.

    Returns
    -------
    opened : Opened
        The image.
    dataset : Dataset or None
        Its header, where it had to be parsed; None for a known object.

    Raises
    ------
    NotDicom, InvalidDicom
        The object is no DICOM file, or a damaged one.
    NoPixels
        It is a DICOM file without an image.
    """
    kept_facts, kept_frames = reader.artefact(_FACTS), reader.artefact(_FRAMES)
    if kept_facts is not None and kept_frames is not None:
        try:
            facts = Facts.from_bytes(kept_facts)
            index = FrameIndex.from_bytes(kept_frames)
            inflated = _inflated(reader, facts)
        except Unreadable:
            pass
        else:
            return assemble(facts, [Part(reader, index, inflated=inflated)], decoder), None
    header = read_header(reader)
    if header.pixel_keyword is None:
        raise NoPixels(
            f"{reader.url} is a DICOM file without pixels. Read it with nearline.dcmread; reports "
            "with nearline.srread, bulk annotations with nearline.annread."
        )
    inflated = InflatedReader(reader, header) if header.deflated else None
    index = build(reader if inflated is None else inflated, header)
    dataset = header.dataset()
    format_ = FrameFormat.from_dataset(
        dataset,
        header.transfer_syntax_uid,
        pixel_keyword=header.pixel_keyword,
        pixel_vr=header.pixel_vr,
    )
    facts = Facts.from_dataset(dataset, format_, header.functional_groups)
    reader.keep(_HEADER, header.to_bytes())
    reader.keep(_FRAMES, index.to_bytes())
    reader.keep(_FACTS, facts.to_bytes())
    return assemble(facts, [Part(reader, index, inflated=inflated)], decoder), dataset


def read_dataset(reader: Reader) -> Dataset:
    """Parse the header of an object that is open."""
    return _header(reader).dataset()


def _header(reader: Reader) -> Header:
    kept = reader.artefact(_HEADER)
    if kept is not None:
        try:
            return Header.from_bytes(kept, reader)
        except Unreadable:
            pass
    return read_header(reader)


def _inflated(reader: Reader, facts: Facts) -> InflatedReader | None:
    if facts.format.transfer_syntax_uid != _DEFLATED:
        return None
    return InflatedReader(reader, _header(reader))


def _reopened(
    facts: bytes, parts: Sequence[tuple[Reader, bytes, int]], decoder: DecoderName
) -> Opened:
    known = Facts.from_bytes(facts)
    found = [
        Part(reader, FrameIndex.from_bytes(index), first, _inflated(reader, known))
        for reader, index, first in parts
    ]
    return assemble(known, found, decoder)


def _joined_columns(parts: Sequence[Columns]) -> Columns:
    """Columns of all parts, one after the other; those that some part lacks are left out."""
    if len(parts) == 1:
        return parts[0]
    shared = set.intersection(*(set(part) for part in parts))
    gaps = shared & set[str]().union(*(part.missing for part in parts))
    whole = {
        name: np.concatenate(
            [part.missing.get(name, np.zeros(part.number_of_frames, bool)) for part in parts]
        )
        for name in gaps
    }
    values = {name: np.concatenate([part[name] for part in parts]) for name in sorted(shared)}
    number_of_frames = sum(part.number_of_frames for part in parts)
    return Columns(number_of_frames, values, whole, _joined_references(parts))


def _joined_references(parts: Sequence[Columns]) -> References | None:
    firsts = np.cumsum([0, *(part.number_of_frames for part in parts)], dtype=np.int32)
    held = [
        replace(part.references, frame_index=part.references.frame_index + first)
        for part, first in zip(parts, firsts, strict=False)
        if part.references is not None
    ]
    if not held:
        return None
    return References(
        *(np.concatenate([getattr(one, name) for one in held]) for name in References.__slots__)
    )
