"""What a synthetic slide shall be like."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Literal

__all__ = ["Codec", "OffsetTable", "Organisation", "Recipe"]

Codec = Literal[
    "jpeg",
    "jpeg-lossless",
    "jpeg2000",
    "jpeg2000-lossless",
    "htj2k-lossless",
    "jpegls",
    "jpegxl",
    "rle",
    "native",
]
OffsetTable = Literal["basic", "extended", "tiff", "bigtiff"]
Organisation = Literal["TILED_FULL", "TILED_SPARSE"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a synthetic slide shall be like.

    Attributes
    ----------
    rows, columns : int
        Of the total pixel matrix.
    tile_rows, tile_columns : int
        Of one frame; tiles at the edges are padded.
    codec : str
        How frames are encoded; "native" is not encapsulated. "jpeg2000" is
        lossy, "jpegxl" lossless.
    subsampling : {"4:4:4", "4:2:2", "4:2:0"}
        Of the chroma; "jpeg" only.
    quality : int
        Of "jpeg", 1 to 100.
    photometric : str or None
        PhotometricInterpretation. None: the one that is usual for the codec.
        MONOCHROME1 and MONOCHROME2 make slides of one sample; RGB with "jpeg"
        stores RGB without a colour transform.
    bits : {8, 16}
        Per sample; 16 for monochrome slides of a codec that can.
    jpeg_markers : bool
        Keep the JFIF and Adobe markers, from which decoders guess the colour
        space. Many scanners write neither.
    organisation : {"TILED_FULL", "TILED_SPARSE"}
        Tile positions by arithmetic, or one per-frame item each.
    missing : float
        Share of tiles that a sparse slide lacks, 0 up to 1.
    shuffled : bool
        Frames of a sparse slide in random order.
    offset_table : {"basic", "extended", "tiff", "bigtiff"} or None
        How the frames can be found. "tiff" and "bigtiff" are files of dual
        personality: a TIFF header in the preamble, the directory behind the
        pixel data, and no DICOM table.
    icc_size : int
        Bytes of the ICC profile; 0: none.
    optical_paths, focal_planes : int
        How many of each.
    fragments : int
        Items per frame.
    odd_items : bool
        Leave items of odd length unpadded, which is wrong and does occur.
    undefined_length : bool
        Write the per-frame sequence and its items without their lengths.
    distinct_tiles : int
        At most so many different tiles per plane; they are repeated over
        larger slides.
    spacing_mm : float
        Distance of two pixels.
    seed : int
        Everything random follows from it.
    """

    rows: int = 1024
    columns: int = 1024
    tile_rows: int = 256
    tile_columns: int = 256
    codec: Codec = "jpeg"
    subsampling: Literal["4:4:4", "4:2:2", "4:2:0"] = "4:2:2"
    quality: int = 80
    photometric: str | None = None
    bits: Literal[8, 16] = 8
    jpeg_markers: bool = True
    organisation: Organisation = "TILED_FULL"
    missing: float = 0.0
    shuffled: bool = False
    offset_table: OffsetTable | None = "basic"
    icc_size: int = 0
    optical_paths: int = 1
    focal_planes: int = 1
    fragments: int = 1
    odd_items: bool = False
    undefined_length: bool = False
    distinct_tiles: int = 240
    spacing_mm: float = 0.0005
    seed: int = 0

    def __post_init__(self) -> None:
        if (self.missing or self.shuffled) and self.organisation != "TILED_SPARSE":
            raise ValueError("Only a TILED_SPARSE slide can lack tiles or shuffle them.")
        if self.bits == 16 and (not self.monochrome or self.codec in ("jpeg", "jpegxl")):
            raise ValueError("16 bits are for monochrome slides of a codec that keeps them.")
        if self.fragments > 1 and (self.dual_tiff or self.offset_table == "extended"):
            raise ValueError("TIFF tags and the extended table need one fragment per frame.")
        if self.codec == "native" and (self.fragments > 1 or self.odd_items):
            raise ValueError("Native pixel data has no items.")

    @property
    def monochrome(self) -> bool:
        """Whether the slide has one sample per pixel."""
        return self.photometric in ("MONOCHROME1", "MONOCHROME2")

    @property
    def samples_per_pixel(self) -> int:
        """1 or 3."""
        return 1 if self.monochrome else 3

    @property
    def dual_tiff(self) -> bool:
        """Whether the file is TIFF, too."""
        return self.offset_table in ("tiff", "bigtiff")

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of tiles in a plane."""
        return ceil(self.rows / self.tile_rows), ceil(self.columns / self.tile_columns)

    @property
    def planes(self) -> int:
        """Optical paths times focal planes."""
        return self.optical_paths * self.focal_planes

    @property
    def photometric_interpretation(self) -> str:
        """PhotometricInterpretation of the file."""
        if self.photometric is not None:
            return self.photometric
        if self.codec == "jpeg":
            return "YBR_FULL" if self.subsampling == "4:4:4" else "YBR_FULL_422"
        return {
            "jpeg2000": "YBR_ICT",
            "jpeg2000-lossless": "YBR_RCT",
            "htj2k-lossless": "YBR_RCT",
        }.get(self.codec, "RGB")

    @property
    def transfer_syntax_uid(self) -> str:
        """Transfer syntax of the file."""
        return {
            "jpeg": "1.2.840.10008.1.2.4.50",
            "jpeg-lossless": "1.2.840.10008.1.2.4.70",
            "jpeg2000": "1.2.840.10008.1.2.4.91",
            "jpeg2000-lossless": "1.2.840.10008.1.2.4.90",
            "htj2k-lossless": "1.2.840.10008.1.2.4.201",
            "jpegls": "1.2.840.10008.1.2.4.80",
            "jpegxl": "1.2.840.10008.1.2.4.110",
            "rle": "1.2.840.10008.1.2.5",
            "native": "1.2.840.10008.1.2.1",
        }[self.codec]
