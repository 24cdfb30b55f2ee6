"""Colour of JPEG follows Photometric Interpretation, with and without APP segments."""

from __future__ import annotations

from io import BytesIO

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from pydicom.pixels.processing import convert_color_space

from nearline.dicom.codecs.decode import FrameFormat, decode
from nearline.dicom.codecs.jpeg_markers import read_jpeg_header

BASELINE, LOSSLESS = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.70"
ADOBE = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00"
JFIF = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"


def layout(photometric: str, syntax: str = BASELINE) -> FrameFormat:
    samples = 1 if photometric.startswith("MONO") else 3
    return FrameFormat(syntax, 40, 56, samples, photometric, 0, 8, 8, 7, 0)


def tissue() -> np.ndarray:
    rng = np.random.default_rng(5)
    steps = rng.integers(-9, 10, (40, 56, 3)).cumsum(axis=1)
    return (steps + np.array([190, 120, 160])).clip(0, 255).astype(np.uint8)


def bare(jpeg: bytes, ids: bytes = b"\1\2\3") -> bytes:
    """Drop the APP segments and rename the components: nothing tells the colours any more."""
    out, at = bytearray(jpeg[:2]), 2
    while True:
        marker, length = jpeg[at + 1], 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        segment = bytearray(jpeg[at : at + length])
        if marker in (0xC0, 0xC3):
            segment[10:19:3] = ids
        if marker == 0xDA:
            segment[5:11:2] = ids
        if not 0xE0 <= marker <= 0xEF:
            out += segment
        at += length
        if marker == 0xDA:
            return bytes(out) + jpeg[at:]


def encoded(stored: str, subsampling: str = "444") -> bytes:
    return bare(
        imagecodecs.jpeg8_encode(
            tissue(), level=95, colorspace="RGB", outcolorspace=stored, subsampling=subsampling
        )
    )


def with_segment(jpeg: bytes, segment: bytes) -> bytes:
    return jpeg[:2] + segment + jpeg[2:]


@pytest.mark.parametrize("subsampling", ["444", "422", "420"])
@pytest.mark.parametrize("photometric", ["YBR_FULL_422", "YBR_FULL"])
def test_ycbcr_is_bit_equal_to_pillows_rgb(photometric: str, subsampling: str) -> None:
    jpeg = encoded("YCBCR", subsampling)
    theirs = np.asarray(Image.open(BytesIO(jpeg)).convert("RGB"))
    np.testing.assert_array_equal(decode(jpeg, layout(photometric)), theirs)


def test_grey_is_bit_equal_to_pillow() -> None:
    jpeg = imagecodecs.jpeg8_encode(tissue()[..., 0].copy(), level=80)
    theirs = np.asarray(Image.open(BytesIO(jpeg)))
    np.testing.assert_array_equal(decode(jpeg, layout("MONOCHROME2")), theirs)


# What must be done to the components to give RGB, by the image's word, the components' names
# and the segments.
@pytest.mark.parametrize(
    ("photometric", "stored", "segment", "ids"),
    [
        ("RGB", "RGB", b"", b"\1\2\3"),
        ("RGB", "RGB", b"", b"RGB"),
        ("RGB", "RGB", ADOBE + b"\0", b"\1\2\3"),
        ("RGB", "YCBCR", ADOBE + b"\1", b"\1\2\3"),
        ("RGB", "YCBCR", JFIF, b"\1\2\3"),
        ("YBR_FULL_422", "YCBCR", b"", b"\1\2\3"),
        ("YBR_FULL_422", "YCBCR", b"", b"\0\1\2"),
        ("YBR_FULL_422", "YCBCR", ADOBE + b"\1", b"\1\2\3"),
        ("YBR_FULL_422", "YCBCR", ADOBE + b"\0", b"\1\2\3"),
        ("YBR_FULL_422", "YCBCR", JFIF, b"\1\2\3"),
        ("YBR_FULL_422", "RGB", b"", b"RGB"),
        ("YBR_ICT", "YCBCR", b"", b"\1\2\3"),
    ],
)
def test_colour_is_right_whatever_the_markers_say(
    photometric: str, stored: str, segment: bytes, ids: bytes
) -> None:
    jpeg = with_segment(bare(encoded(stored), ids), segment)
    decoded = decode(jpeg, layout(photometric))
    assert np.abs(decoded.astype(int) - tissue()).mean() < 4


@pytest.mark.parametrize("segment", [b"", JFIF])
def test_lossless_ycbcr_is_converted_once(segment: bytes) -> None:
    jpeg = imagecodecs.jpeg8_encode(tissue(), lossless=True, predictor=1)
    jpeg = with_segment(bare(jpeg), segment)
    theirs = np.asarray(Image.fromarray(tissue(), "YCbCr").convert("RGB"))
    decoded = decode(jpeg, layout("YBR_FULL", LOSSLESS))
    assert np.abs(decoded.astype(int) - theirs).max() <= 1


def test_lossless_rgb_is_left_alone() -> None:
    jpeg = bare(imagecodecs.jpeg8_encode(tissue(), lossless=True, predictor=1))
    np.testing.assert_array_equal(decode(jpeg, layout("RGB", LOSSLESS)), tissue())


def test_fill_bytes_before_markers_are_skipped() -> None:
    jpeg = encoded("RGB")
    filled = jpeg[:2] + b"\xff\xff" + jpeg[2:]
    assert read_jpeg_header(filled) == read_jpeg_header(jpeg)
    np.testing.assert_array_equal(decode(filled, layout("RGB")), decode(jpeg, layout("RGB")))


def test_both_decoders_agree_without_markers() -> None:
    for photometric, stored in (("RGB", "RGB"), ("YBR_FULL_422", "YCBCR")):
        jpeg = encoded(stored)
        ours = decode(jpeg, layout(photometric)).astype(int)
        theirs = decode(jpeg, layout(photometric), decoder="pydicom")
        assert np.abs(ours - theirs).max() <= (1 if _default_plugin() else 8)


def _default_plugin() -> bool:
    from pydicom.pixels.decoders.base import get_decoder

    return get_decoder(BASELINE).available_plugins == ("pillow",)


@pytest.mark.parametrize("luminance", [128, 222, 255])
def test_colours_are_pydicoms_but_for_one_level_of_green_and_blue(luminance: int) -> None:
    """Every pair of Cb and Cr, each in a block of its own, which level 100 stores exactly."""
    blue, red = np.meshgrid(np.arange(256), np.arange(256), indexing="ij")
    samples = np.stack([np.full_like(blue, luminance), blue, red], axis=-1).astype(np.uint8)
    blocks = samples.repeat(8, axis=0).repeat(8, axis=1)
    jpeg = imagecodecs.jpeg8_encode(
        blocks, level=100, colorspace="YCBCR", outcolorspace="YCBCR", subsampling="444"
    )
    whole = FrameFormat(BASELINE, 2048, 2048, 3, "YBR_FULL", 0, 8, 8, 7, 0)
    ours = decode(jpeg, whole)[::8, ::8]
    difference = ours.astype(int) - convert_color_space(samples, "YBR_FULL", "RGB")
    assert not difference[..., 0].any()
    assert np.abs(difference).max() == 1
    # Near halves, which 16 bits of fraction and float32 round to different sides.
    assert np.count_nonzero(difference[..., 1]) <= 45
    assert len(np.unique(blue[difference[..., 2] != 0])) <= 1
