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

_START_OF_FRAME, _START_OF_SCAN, _APPLICATION = 0xC0, 0xDA, range(0xE0, 0xF0)  # JPEG markers


def _without_app_markers(jpeg: bytes) -> bytes:
    """Drop the APPn segments and number the components 1, 2, 3.

    Nothing in the result tells RGB from YCbCr.
    """
    kept, at, marker = bytearray(jpeg[:2]), 2, 0
    while marker != _START_OF_SCAN:
        marker = jpeg[at + 1]
        length = 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        segment = bytearray(jpeg[at : at + length])
        if marker == _START_OF_FRAME:
            segment[10::3] = bytes(range(1, segment[9] + 1))
        elif marker == _START_OF_SCAN:
            count = segment[4]
            segment[5 : 5 + 2 * count : 2] = bytes(range(1, count + 1))
        if marker not in _APPLICATION:
            kept += segment
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
