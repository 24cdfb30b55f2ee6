"""Reading frames as a user of the frame index does."""

from __future__ import annotations

from dicom.memory_reader import MemoryReader
from nearline.dicom.byte_reader import ByteReader
from nearline.dicom.frame_index import FrameIndex, build
from nearline.dicom.header_reading import read_header


def frame(reader: ByteReader, index: FrameIndex, number: int) -> bytes:
    data = bytes(reader.read(*index.range_of(number)))
    while more := index.missing(number, data):
        data += bytes(reader.read(*more))
    return bytes(index.payload(number, data))


def frames_of(reader: MemoryReader) -> list[bytes]:
    index = build(reader, read_header(reader))
    return [frame(reader, index, number) for number in range(index.number_of_frames)]
