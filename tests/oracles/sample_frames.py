"""Encoded frames of real files: those that come with pydicom, and samples beside the checkout."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import data_store
import pydicom.data
from pydicom import Dataset, dcmread
from pydicom.encaps import get_frame

from nearline.dicom.codecs.frame_format import FrameFormat

__all__ = ["SampleFrame", "sample_frames", "sample_paths"]

_FOLDERS = (
    Path(pydicom.data.__file__).parent / "test_files",
    Path(data_store.__file__).parent,  # the package pydicom-data
    Path(__file__).parents[3] / "shared" / "data" / "dicom",
)
_KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


@dataclass(frozen=True)
class SampleFrame:
    """The first or last frame of a file."""

    name: str
    format: FrameFormat
    index: int
    data: bytes

    @property
    def syntax(self) -> str:
        """Transfer syntax UID."""
        return self.format.transfer_syntax_uid

    @property
    def is_swapped(self) -> bool:
        """Whether bytes are held in big-endian words, of which highdicom is not told."""
        big_endian = self.syntax == "1.2.840.10008.1.2.2"
        return big_endian and self.format.bits_allocated == 8 and self.format.pixel_vr == "OW"

    def __str__(self) -> str:
        return f"{self.name}[{self.index}]"


def sample_paths() -> list[Path]:
    """Return every sample, readable or not."""
    return sorted(path for folder in _FOLDERS for path in folder.rglob("*.dcm"))


@lru_cache(maxsize=1)
def sample_frames() -> tuple[SampleFrame, ...]:
    """Return the first and last frame of every sample that can be taken apart."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tuple(frame for path in sample_paths() for frame in _frames(path))


def _frames(path: Path) -> Iterator[SampleFrame]:
    try:
        ds = dcmread(path)
        count = int(ds.get("NumberOfFrames") or 1)
        keyword = next(one for one in _KEYWORDS if one in ds)
        syntax = ds.file_meta.TransferSyntaxUID
        layout = FrameFormat.from_dataset(ds, syntax, pixel_vr=ds[keyword].VR)
    except Exception:  # noqa: BLE001 - made to be broken, or without pixels
        return
    for index in sorted({0, count - 1}):
        try:
            data = _frame_of(ds, keyword, layout, index, count)
        except Exception:  # noqa: BLE001 - made to be broken
            return
        yield SampleFrame(path.name, layout, index, data)


def _frame_of(ds: Dataset, keyword: str, layout: FrameFormat, index: int, count: int) -> bytes:
    value: bytes = ds[keyword].value
    if not layout.is_native:
        return get_frame(value, index, number_of_frames=count)
    bits = layout.native_bits
    word = 2 if layout.is_in_words else 1
    unit = 8 * word
    return value[index * bits // unit * word : -(-(index + 1) * bits // unit) * word]
