"""From the pixels of a tile to the bytes of a frame."""

from __future__ import annotations

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import RLELossless

from nearline.testing.slides.recipe import Recipe

__all__ = ["encode_tile"]

_LOSSY_J2K_LEVEL = 36  # PSNR in dB


def _without_app_markers(jpeg: bytes) -> bytes:
    """Drop the APPn segments, which lie between the start of image and the tables."""
    kept, at = bytearray(jpeg[:2]), 2
    while jpeg[at] == 0xFF and jpeg[at + 1] != 0xDA:
        length = 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if not 0xE0 <= jpeg[at + 1] <= 0xEF:
            kept += jpeg[at : at + length]
        at += length
    return bytes(kept) + jpeg[at:]


def _jpeg(tile: NDArray[np.generic], recipe: Recipe) -> bytes:
    stored = {"RGB": "RGB", "MONOCHROME1": "GRAYSCALE", "MONOCHROME2": "GRAYSCALE"}.get(
        recipe.photometric_interpretation, "YCBCR"
    )
    encoded = bytes(
        imagecodecs.jpeg8_encode(
            tile,
            level=recipe.quality,
            colorspace="GRAYSCALE" if recipe.monochrome else "RGB",
            outcolorspace=stored,
            subsampling=recipe.subsampling.replace(":", "") if stored == "YCBCR" else "444",
        )
    )
    return encoded if recipe.jpeg_markers else _without_app_markers(encoded)


def encode_tile(tile: NDArray[np.generic], recipe: Recipe) -> bytes:
    """Encode one tile, without padding to even length.

    Parameters
    ----------
    tile : ndarray of uint8 or uint16, shape (rows, columns) or (rows, columns, 3)
        RGB where there are three samples.
    """
    transformed = recipe.photometric_interpretation in ("YBR_ICT", "YBR_RCT")
    match recipe.codec:
        case "jpeg":
            return _jpeg(tile, recipe)
        case "jpeg-lossless":
            return bytes(
                imagecodecs.jpeg8_encode(
                    tile,
                    lossless=True,
                    predictor=1,
                    colorspace="GRAYSCALE" if recipe.monochrome else "RGB",
                    outcolorspace="GRAYSCALE" if recipe.monochrome else "RGB",
                    bitspersample=recipe.bits,
                )
            )
        case "jpeg2000" | "jpeg2000-lossless":
            lossy = recipe.codec == "jpeg2000"
            return bytes(
                imagecodecs.jpeg2k_encode(
                    tile,
                    level=_LOSSY_J2K_LEVEL if lossy else 0,
                    reversible=not lossy,
                    codecformat="J2K",
                    mct=transformed,
                )
            )
        case "htj2k-lossless":
            return bytes(imagecodecs.htj2k_encode(tile, reversible=True, rgb=transformed))
        case "jpegls":
            return bytes(imagecodecs.jpegls_encode(tile))
        case "jpegxl":
            return bytes(imagecodecs.jpegxl_encode(tile, lossless=True, usecontainer=False))
        case "rle":
            return get_encoder(RLELossless).encode(
                tile.tobytes(),
                rows=recipe.tile_rows,
                columns=recipe.tile_columns,
                samples_per_pixel=recipe.samples_per_pixel,
                photometric_interpretation=recipe.photometric_interpretation,
                bits_allocated=recipe.bits,
                bits_stored=recipe.bits,
                pixel_representation=0,
                planar_configuration=0,
                number_of_frames=1,
            )
        case "native":
            return tile.astype(tile.dtype.newbyteorder("<")).tobytes()
