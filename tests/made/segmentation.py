"""Segmentations of any size: highdicom writes the header, frames and their items are bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import highdicom
import numpy as np
from highdicom.sr.coding import Code
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset, write_file_meta_info
from pydicom.uid import ExplicitVRLittleEndian, RLELossless, generate_uid

from made.ct import ct_series, encode
from made.phantom import ORGANS, Phantom

__all__ = ["MadeSegmentation", "describe_segment", "template", "write_segmentation"]

Kind = Literal["BINARY", "FRACTIONAL"]
Order = Literal["segment", "slice"]

_SEQUENCE_END = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
_ITEM_END = struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
_UNDEFINED = 0xFFFFFFFF
_PER_FRAME = (0x5200, 0x9230)


@dataclass(frozen=True)
class MadeSegmentation:
    """A file that was written, and where everything lies in it.

    Attributes
    ----------
    path : Path
        The file.
    segments, slices : ndarray of int, shape (frames,)
        Segment number (from 1) and slice (from 0, from the feet) of each frame.
    frame_offsets, frame_lengths : ndarray of int64, shape (frames,)
        Of the frames' bytes in the file.
    """

    path: Path
    segments: NDArray[np.int64]
    slices: NDArray[np.int64]
    frame_offsets: NDArray[np.int64]
    frame_lengths: NDArray[np.int64]

    @cached_property
    def size(self) -> int:
        """Bytes of the file."""
        return self.path.stat().st_size

    @property
    def header_bytes(self) -> int:
        """Bytes in front of the first frame."""
        return int(self.frame_offsets[0])

    def bytes_of(
        self, *, segments: Sequence[int] | None = None, slices: range | None = None
    ) -> int:
        """Return the bytes of the frames of some segments, in some slices."""
        wanted = np.ones(len(self.segments), bool)
        if segments is not None:
            wanted &= np.isin(self.segments, segments)
        if slices is not None:
            wanted &= np.isin(self.slices, slices)
        return int(self.frame_lengths[wanted].sum())


def describe_segment(number: int, label: str) -> highdicom.seg.SegmentDescription:
    """Return a description; labels of the phantom's organs and any other."""
    return highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=Code("123037004", "SCT", "Anatomical Structure"),
        segmented_property_type=Code("10200004", "SCT", "Liver")
        if label == "Liver"
        else Code(f"{100000 + number}", "99MADE", label),
        algorithm_type="AUTOMATIC",
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            name="phantom",
            version="1",
            family=Code("123109", "DCM", "Artificial Intelligence"),
        ),
        tracking_uid=generate_uid(entropy_srcs=["made", "tracking", str(number)]),
        tracking_id=f"structure {number}",
    )


def template(phantom: Phantom, labels: Sequence[str], kind: Kind = "BINARY") -> Dataset:
    """Return what highdicom writes for a tiny segmentation of all these segments and slices.

    Its frames are those of the first segment and of the first slice.
    """
    tiny = Phantom(2, 2, phantom.slices, phantom.spacing, phantom.seed)
    pixels = np.zeros((tiny.slices, 2, 2, len(labels)), np.uint8)
    pixels[..., 0] = pixels[0] = 1
    return highdicom.seg.Segmentation(
        source_images=list(ct_series(tiny)),
        pixel_array=pixels if kind == "BINARY" else pixels.astype(np.float32),
        segmentation_type=kind,
        segment_descriptions=[describe_segment(n, label) for n, label in enumerate(labels, 1)],
        series_instance_uid=generate_uid(entropy_srcs=["made", "segmentations"]),
        series_number=4,
        sop_instance_uid=generate_uid(entropy_srcs=["made", repr(phantom), repr(labels), kind]),
        instance_number=1,
        manufacturer="nearline",
        manufacturer_model_name="made",
        software_versions="1",
        device_serial_number="1",
    )


def _encoded(ds: Dataset) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = False, True
    write_dataset(buffer, ds)
    return buffer.getvalue()


def _undefined(sequences: Dataset) -> Dataset:
    """Let every sequence below write undefined lengths, as DCMTK does."""
    for element in sequences:
        if element.VR == "SQ":
            element.is_undefined_length = True
            for item in element.value:
                item.is_undefined_length_sequence_item = True
                _undefined(item)
    return sequences


def _only(ds: Dataset, keyword: str, undefined: bool) -> bytes:
    part = Dataset()
    part[keyword] = ds[keyword]
    return _encoded(_undefined(part) if undefined else part)


class _Items:
    """Per-frame items put together from parts that highdicom wrote."""

    def __init__(self, ds: Dataset, undefined: bool) -> None:
        self.undefined = undefined
        groups = ds.PerFrameFunctionalGroupsSequence
        by_slice: dict[int, Dataset] = {}
        by_segment: dict[int, Dataset] = {}
        for group in groups:
            segment, place = group.FrameContentSequence[0].DimensionIndexValues
            by_slice.setdefault(place, group)
            by_segment.setdefault(segment, group)
        self._derivation = {
            place: _only(group, "DerivationImageSequence", undefined)
            for place, group in by_slice.items()
        }
        self._position = {
            place: _only(group, "PlanePositionSequence", undefined)
            for place, group in by_slice.items()
        }
        self._segment = {
            segment: _only(group, "SegmentIdentificationSequence", undefined)
            for segment, group in by_segment.items()
        }
        content = _only(groups[0], "FrameContentSequence", undefined)
        values = struct.pack("<2I", *groups[0].FrameContentSequence[0].DimensionIndexValues)
        self._content = content.split(values)
        if len(self._content) != 2:
            raise ValueError("The index values of the template are not unique bytes.")

    def item(self, segment: int, place: int) -> bytes:
        """Return the item of a frame; `place` is highdicom's own index of the slice, from 1."""
        content = (
            self._derivation[place]
            + struct.pack("<2I", segment, place).join(self._content)
            + self._position[place]
            + self._segment[segment]
        )
        if self.undefined:
            return struct.pack("<HHI", 0xFFFE, 0xE000, _UNDEFINED) + content + _ITEM_END
        return struct.pack("<HHI", 0xFFFE, 0xE000, len(content)) + content

    def sequence(self, items: list[bytes]) -> bytes:
        """Return the element of all frames."""
        content = b"".join(items)
        length = _UNDEFINED if self.undefined else len(content)
        head = struct.pack("<HH2sHI", *_PER_FRAME, b"SQ", 0, length)
        return head + content + (_SEQUENCE_END if self.undefined else b"")


Mask = Callable[[int, int], NDArray[np.uint8]]
"""Frame of a segment (from 1) in a slice (from 0): 0 and 1, or fractions of 255."""


def _organ_masks(phantom: Phantom) -> tuple[Mask, list[tuple[int, int]]]:
    volume = phantom.label_volume()
    there = [
        (segment, index)
        for segment in range(1, len(ORGANS) + 1)
        for index in range(phantom.slices)
        if (volume[index] == segment).any()
    ]
    return (lambda segment, index: (volume[index] == segment).astype(np.uint8)), there


def write_segmentation(
    path: Path,
    phantom: Phantom,
    *,
    labels: Sequence[str] = ORGANS,
    kind: Kind = "BINARY",
    rle: bool = False,
    order: Order = "segment",
    undefined_length: bool = True,
    frames: Sequence[tuple[int, int]] | None = None,
    mask: Mask | None = None,
    overlap: bool = False,
) -> MadeSegmentation:
    """Write a segmentation, by default of the phantom's organs, with empty frames left out.

    Parameters
    ----------
    order : {"segment", "slice"}
        Whether the file holds all frames of the first segment first, as dcmqi writes, or all of
        the first slice.
    undefined_length : bool
        Per-frame groups as DCMTK, and so dcmqi, writes them; False: as highdicom does.
    frames : sequence of (segment number, slice), optional
        Which there are. Default: where the organs are.
    mask : callable, optional
        What a frame holds. Default: the organs.
    overlap : bool
        What the header says about it.
    """
    if mask is None or frames is None:
        mask, frames = _organ_masks(phantom)
    frames = sorted(frames, key=None if order == "segment" else lambda frame: frame[::-1])
    ds = template(phantom, labels, kind)
    items = _Items(ds, undefined_length)
    # highdicom counts slices along the normal of its own sorting: from the head here.
    places = {
        round(float(group.PlanePositionSequence[0].ImagePositionPatient[2]), 6): int(
            group.FrameContentSequence[0].DimensionIndexValues[1]
        )
        for group in ds.PerFrameFunctionalGroupsSequence
    }
    place_of = [places[height] for height in sorted(places)]
    per_frame = items.sequence([items.item(segment, place_of[z]) for segment, z in frames])

    ds.file_meta.TransferSyntaxUID = RLELossless if rle else ExplicitVRLittleEndian
    ds.Rows, ds.Columns = phantom.rows, phantom.columns
    ds.NumberOfFrames = len(frames)
    ds.SegmentsOverlap = "YES" if overlap else "NO"
    del ds.PerFrameFunctionalGroupsSequence
    del ds.PixelData
    head = DicomBytesIO()
    head.is_implicit_VR, head.is_little_endian = False, True
    head.write(bytes(128) + b"DICM")
    write_file_meta_info(head, ds.file_meta)
    with path.open("wb") as file:
        # The per-frame groups and the pixels come after everything else (PS3.5 7.1).
        file.write(head.getvalue() + _encoded(ds) + per_frame)
        pixels = (mask(segment, z) for segment, z in frames)
        if rle:
            lengths, offsets = _write_encapsulated(file, pixels)
        else:
            lengths, offsets = _write_native(file, pixels, kind, phantom, len(frames))
    segments, slices = np.array(frames, np.int64).T
    return MadeSegmentation(path, segments, slices, offsets, lengths)


def _write_native(file, pixels: Iterator[NDArray[np.uint8]], kind: Kind, phantom, count: int):
    binary = kind == "BINARY"
    size = phantom.rows * phantom.columns
    if binary and size % 8:
        raise ValueError("Frames of one bit must fill whole bytes; let highdicom write others.")
    size = size // 8 if binary else size
    total = size * count
    file.write(struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, total + total % 2))
    offsets = file.tell() + size * np.arange(count)
    for frame in pixels:
        packed = np.packbits(frame, axis=None, bitorder="little") if binary else frame
        file.write(packed.tobytes())
    file.write(bytes(total % 2))
    return np.full(count, size), offsets


def _write_encapsulated(file, pixels: Iterator[NDArray[np.uint8]]):
    encoded: dict[bytes, bytes] = {}
    frames = []
    for frame in pixels:
        data = frame.tobytes()
        if data not in encoded:
            value = encode(frame, "rle")
            encoded[data] = value + bytes(len(value) % 2)
        frames.append(encoded[data])
    lengths = np.array([len(frame) for frame in frames])
    starts = np.cumsum(lengths + 8) - lengths - 8
    table = starts.astype("<u4").tobytes()
    file.write(struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, _UNDEFINED))
    file.write(struct.pack("<HHI", 0xFFFE, 0xE000, len(table)) + table)
    first = file.tell() + 8
    for frame in frames:
        file.write(struct.pack("<HHI", 0xFFFE, 0xE000, len(frame)) + frame)
    file.write(_SEQUENCE_END)
    return lengths, first + starts
