"""How the pixels of one frame are laid out and encoded: the Image Pixel module as a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nearline.dicom.damage import damage_told
from nearline.errors import InvalidDicom

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["EXPLICIT_BIG_ENDIAN", "NATIVE_SYNTAXES", "FrameFormat"]

EXPLICIT_BIG_ENDIAN = "1.2.840.10008.1.2.2"
NATIVE_SYNTAXES = frozenset(
    {
        "1.2.840.10008.1.2",  # Implicit VR Little Endian
        "1.2.840.10008.1.2.1",  # Explicit VR Little Endian
        "1.2.840.10008.1.2.1.99",  # Deflated Explicit VR Little Endian
        EXPLICIT_BIG_ENDIAN,
    }
)
"""Transfer syntaxes whose pixel data is one unencapsulated value."""

_FLOAT_BITS = {"FloatPixelData": 32, "DoubleFloatPixelData": 64}


@dataclass(frozen=True, slots=True)
class FrameFormat:
    """What a decoder must know about the frames of an image (PS3.3 C.7.6.3).

    Attributes
    ----------
    transfer_syntax_uid : str
        Of the pixel data.
    rows, columns : int
        Of one frame, in pixels.
    samples_per_pixel : int
        1, or 3 for colour.
    photometric_interpretation : str
        As the object says, that is, of the encoded pixels.
    planar_configuration : int
        0: colour by pixel; 1: colour by plane. 0 where the object has none.
    bits_allocated, bits_stored, high_bit : int
        Per sample.
    pixel_representation : int
        0: unsigned; 1: two's complement.
    pixel_keyword : str
        "PixelData", "FloatPixelData" or "DoubleFloatPixelData".
    pixel_vr : str
        Value representation of the pixel data; empty where it does not matter
        (it does for 8-bit pixels in big endian only, PS3.5 8.1.2).
    """

    transfer_syntax_uid: str
    rows: int
    columns: int
    samples_per_pixel: int
    photometric_interpretation: str
    planar_configuration: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    pixel_representation: int
    pixel_keyword: str = "PixelData"
    pixel_vr: str = ""

    @classmethod
    def from_dataset(
        cls,
        dataset: Dataset,
        transfer_syntax_uid: str,
        *,
        pixel_keyword: str | None = None,
        pixel_vr: str = "",
    ) -> FrameFormat:
        """Read the Image Pixel module of a dataset, whose pixel data may be left out.

        Parameters
        ----------
        dataset : pydicom.Dataset
            Any image.
        transfer_syntax_uid : str
            Of the file that holds it.
        pixel_keyword : str, optional
            Keyword of the pixel data element; by default what the dataset holds
            or, if the pixel data was left out, what the other attributes imply.
        pixel_vr : str, optional
            Value representation of that element.

        Raises
        ------
        InvalidDicom
            A required attribute is missing or impossible; the message names it.
        """
        keyword = pixel_keyword or _pixel_keyword(dataset)
        with damage_told("What the image says of its pixels cannot be read"):
            integer = keyword == "PixelData"
            bits = _number(dataset, "BitsAllocated", None if integer else _FLOAT_BITS[keyword])
            stored = _number(dataset, "BitsStored", bits)
            return cls(
                transfer_syntax_uid=str(transfer_syntax_uid),
                rows=_number(dataset, "Rows"),
                columns=_number(dataset, "Columns"),
                samples_per_pixel=_number(dataset, "SamplesPerPixel", None if integer else 1),
                photometric_interpretation=str(
                    dataset.get("PhotometricInterpretation") or "MONOCHROME2"
                ),
                planar_configuration=int(dataset.get("PlanarConfiguration") or 0),
                bits_allocated=bits,
                bits_stored=stored,
                high_bit=int(dataset.get("HighBit", stored - 1) or 0),
                pixel_representation=int(dataset.get("PixelRepresentation") or 0),
                pixel_keyword=keyword,
                pixel_vr=pixel_vr,
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a decoded frame: (rows, columns) or (rows, columns, samples)."""
        if self.samples_per_pixel == 1:
            return (self.rows, self.columns)
        return (self.rows, self.columns, self.samples_per_pixel)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a decoded sample, in the byte order of this machine.

        Raises
        ------
        InvalidDicom
            NumPy has no type of that many bits.
        """
        if self.pixel_keyword in _FLOAT_BITS:
            return np.dtype(f"f{_FLOAT_BITS[self.pixel_keyword] // 8}")
        if self.bits_allocated == 1:
            return np.dtype(np.uint8)
        if self.bits_allocated not in (8, 16, 32, 64):
            raise InvalidDicom(
                f"(0028,0100) Bits Allocated is {self.bits_allocated}; pixels have 1, 8, 16, 32 "
                "or 64 bits."
            )
        return np.dtype(f"{'i' if self.pixel_representation else 'u'}{self.bits_allocated // 8}")

    @property
    def is_native(self) -> bool:
        """Whether the pixel data is uncompressed and unencapsulated."""
        return self.transfer_syntax_uid in NATIVE_SYNTAXES

    @property
    def is_in_words(self) -> bool:
        """Whether 8-bit pixels are held in big-endian 16-bit words: swapped in pairs (PS3.5 8.1.2).

        A word may then belong to two frames of an odd number of bytes.
        """
        return (
            self.transfer_syntax_uid == EXPLICIT_BIG_ENDIAN
            and self.pixel_keyword == "PixelData"
            and self.bits_allocated == 8
            and self.pixel_vr == "OW"
        )

    @property
    def native_bits(self) -> int:
        """Bits that one uncompressed frame takes in the pixel data.

        Frames of single-bit pixels need not begin on a byte (PS3.5 8.1.1); frames
        of YBR_FULL_422 carry two samples per pixel (PS3.3 C.7.6.3.1.2).
        """
        samples = self.rows * self.columns * self.samples_per_pixel
        if self.photometric_interpretation == "YBR_FULL_422" and self.samples_per_pixel == 3:
            samples = samples // 3 * 2
        return samples * self.bits_allocated

    @property
    def is_monochrome(self) -> bool:
        """Whether the pixels are grey values."""
        return self.photometric_interpretation in ("MONOCHROME1", "MONOCHROME2")


def _pixel_keyword(dataset: Dataset) -> str:
    for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"):
        if keyword in dataset:
            return keyword
    if "BitsStored" not in dataset:
        # Bits Stored belongs to the Image Pixel module only, never to the modules of
        # floating point pixels.
        by_bits = {bits: keyword for keyword, bits in _FLOAT_BITS.items()}
        return by_bits.get(int(dataset.get("BitsAllocated") or 0), "PixelData")
    return "PixelData"


def _number(dataset: Dataset, keyword: str, default: int | None = None) -> int:
    value = dataset.get(keyword)
    if value is None or value == "":
        value = default
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = 0
    if number < 1:
        raise InvalidDicom(f"The image says {value!r} for {keyword}, which must be a count.")
    return number
