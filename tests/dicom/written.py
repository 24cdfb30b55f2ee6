"""Objects written by pydicom, or byte by byte where no library writes such a thing."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from itertools import accumulate
from struct import pack

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

NATIVE = {
    "explicit": ExplicitVRLittleEndian,
    "implicit": ImplicitVRLittleEndian,
    "big endian": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
}


def encode(dataset: Dataset, transfer_syntax: str, *, preamble: bytes = bytes(128)) -> bytes:
    """Write a dataset as a file."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = transfer_syntax
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.6"
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    dataset.file_meta = meta
    dataset.preamble = preamble
    file = BytesIO()
    dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


def image(frames: int = 1, *, rows: int = 4, columns: int = 6, bits: int = 8) -> Dataset:
    """Return a grey image without its pixels."""
    found = Dataset()
    found.PatientName = "Slide^Test"
    found.SamplesPerPixel = 1
    found.PhotometricInterpretation = "MONOCHROME2"
    found.NumberOfFrames = frames
    found.Rows, found.Columns = rows, columns
    found.BitsAllocated = found.BitsStored = bits
    found.HighBit = bits - 1
    found.PixelRepresentation = 0
    return found


def native(dataset: Dataset, pixels: bytes, syntax: str = "explicit") -> bytes:
    """Write an image with native pixels."""
    dataset.PixelData = pixels + b"\0" * (len(pixels) % 2)
    dataset["PixelData"].VR = "OW" if dataset.BitsAllocated > 8 else "OB"
    if syntax == "implicit":
        dataset["PixelData"].VR = "OW"
    return encode(dataset, NATIVE[syntax])


def item(payload: bytes) -> bytes:
    return pack("<HHI", 0xFFFE, 0xE000, len(payload)) + payload


def encapsulated(
    frames: Sequence[Sequence[bytes]],
    *,
    table: Sequence[int] | str | None = None,
    extended: tuple[Sequence[int], Sequence[int] | None] | None = None,
    dataset: Dataset | None = None,
    syntax: str = JPEGBaseline8Bit,
    delimiter: bool = True,
    tail: bytes = b"",
    preamble: bytes = bytes(128),
    padding: int = 0,
) -> bytes:
    """Write frames as fragments, byte by byte.

    `table`: entries of the Basic Offset Table, or "right" for true ones;
    `extended`: entries of the Extended Offset Table and of its lengths.
    `padding`: bytes of a private element that puts the pixels further back.
    """
    header = dataset if dataset is not None else image(len(frames))
    if padding:
        header.private_block(0x0011, "nearline", create=True).add_new(1, "OB", bytes(padding))
    data = encode(header, syntax, preamble=preamble)
    if extended is not None:
        for number, entries in zip((1, 2), extended, strict=True):
            if entries is not None:
                value = np.array(entries, "<u8").tobytes()
                data += pack("<HH2sHI", 0x7FE0, number, b"OV", 0, len(value)) + value
    if table == "right":
        table = offsets_of(frames)
    assert not isinstance(table, str)
    data += pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF)
    data += item(np.array(table or [], "<u4").tobytes())
    data += b"".join(item(fragment) for frame in frames for fragment in frame)
    return data + (pack("<HHI", 0xFFFE, 0xE0DD, 0) if delimiter else b"") + tail


def offsets_of(frames: Sequence[Sequence[bytes]]) -> list[int]:
    """Where each frame begins, counted from the first item behind the table."""
    sizes = [sum(8 + len(fragment) for fragment in frame) for frame in frames]
    return [0, *accumulate(sizes[:-1])]


JPEG = b"\xff\xd8\xff\xe0"


def jpeg(content: bytes) -> bytes:
    """Return something that begins like a JPEG image, of even length."""
    return JPEG + content + bytes(len(content) % 2)
