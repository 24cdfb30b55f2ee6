"""What an encoder was given comes back: for the syntaxes that pydicom alone cannot vouch for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import openjpeg
import pytest
from numpy.typing import NDArray
from pydicom.pixels.encoders.base import get_encoder

from nearline.dicom.codecs.decode import FrameFormat, decode

J2K, HTJ2K = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.201"
HTJ2K_RPCL, HTJ2K_LOSSY = "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203"
JPEG_LOSSLESS, JPEG_SV1 = "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
JPEG_LS, JPEG_LS_NEAR = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"
JXL, JXL_JPEG, JXL_ANY = (f"1.2.840.10008.1.2.4.{n}" for n in (110, 111, 112))


def picture(kind: str, samples: int, bits: int) -> NDArray[Any]:
    """Draw a smooth picture with noise that uses the whole range of `bits`."""
    rng = np.random.default_rng(bits)
    y, x = np.mgrid[:61, :83]
    top = (1 << bits) - 1
    wave = (np.sin(x / 9)[..., None] * np.cos(y / 7)[..., None] + 1) / 2 * top
    noisy = wave * np.linspace(0.7, 1, samples) + rng.normal(0, top / 50, (61, 83, samples))
    values = noisy.clip(0, top).astype(int)
    values[0, 0], values[0, 1] = 0, top
    if kind == "i":
        values -= 1 << (bits - 1)
    array = values.astype(f"{kind}{1 if bits <= 8 else 2}")
    return array[..., 0] if samples == 1 else array


def layout(syntax: str, array: NDArray[Any], bits: int, photometric: str = "") -> FrameFormat:
    samples = 3 if array.ndim == 3 else 1
    return FrameFormat(
        transfer_syntax_uid=syntax,
        rows=array.shape[0],
        columns=array.shape[1],
        samples_per_pixel=samples,
        photometric_interpretation=photometric or ("RGB" if samples == 3 else "MONOCHROME2"),
        planar_configuration=0,
        bits_allocated=8 * array.itemsize,
        bits_stored=bits,
        high_bit=bits - 1,
        pixel_representation=int(array.dtype.kind == "i"),
    )


def jpeg_lossless(predictor: int) -> Callable[..., bytes]:
    def encode(array: NDArray[Any], bits: int) -> bytes:
        unsigned = array.view(f"u{array.itemsize}")
        return imagecodecs.jpeg8_encode(
            unsigned, lossless=True, predictor=predictor, bitspersample=bits
        )

    return encode


def jpeg_ls(array: NDArray[Any], _bits: int) -> bytes:
    return imagecodecs.jpegls_encode(array.view(f"u{array.itemsize}"))


def j2k(array: NDArray[Any], bits: int) -> bytes:
    return imagecodecs.jpeg2k_encode(array, level=0, reversible=True, bitspersample=bits)


def htj2k(array: NDArray[Any], _bits: int) -> bytes:
    return imagecodecs.htj2k_encode(array, reversible=True)


def jpeg_xl(array: NDArray[Any], bits: int) -> bytes:
    unsigned = array.view(f"u{array.itemsize}")
    return imagecodecs.jpegxl_encode(unsigned, lossless=True, bitspersample=bits)


@pytest.mark.parametrize(
    ("syntax", "encode", "bits"),
    [
        *((JPEG_LOSSLESS, jpeg_lossless(n), 16) for n in range(1, 8)),
        *((JPEG_SV1, jpeg_lossless(1), bits) for bits in (8, 12, 16)),
        *((JPEG_LS, jpeg_ls, bits) for bits in (8, 16)),
        *((J2K, j2k, bits) for bits in (8, 12, 16)),
        *((HTJ2K, htj2k, bits) for bits in (8, 16)),
        *((HTJ2K_RPCL, htj2k, bits) for bits in (8, 16)),
        *((HTJ2K_LOSSY, htj2k, bits) for bits in (8, 16)),
        *((JXL, jpeg_xl, bits) for bits in (8, 12, 16)),
        (JXL_ANY, jpeg_xl, 8),
    ],
    ids=lambda value: value.__name__ if callable(value) else str(value),
)
@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("kind", ["u", "i"])
def test_lossless_frames_come_back(
    syntax: str, encode: Callable[..., bytes], bits: int, samples: int, kind: str
) -> None:
    if samples == 3 and (kind == "i" or bits == 12):
        kind, bits = "u", 8
    if kind == "i" and bits == 12 and encode is not j2k:
        bits = 16  # the codestream has no sign: 12 signed bits would need extending
    array = picture(kind, samples, bits)
    decoded = decode(encode(array, bits), layout(syntax, array, bits))
    assert decoded.dtype == array.dtype
    np.testing.assert_array_equal(decoded, array)


def test_signs_of_jpeg_ls_are_restored_from_its_precision() -> None:
    array = picture("i", 1, 12)
    encoded = bytes(jpeg_ls_of_pyjpegls(array, bits_stored=12))
    assert encoded[encoded.index(b"\xff\xf7") + 4] == 12
    np.testing.assert_array_equal(decode(encoded, layout(JPEG_LS, array, 12)), array)


def jpeg_ls_of_pyjpegls(array: NDArray[Any], bits_stored: int) -> bytes:
    return get_encoder(JPEG_LS).encode(
        array,
        rows=array.shape[0],
        columns=array.shape[1],
        number_of_frames=1,
        samples_per_pixel=1,
        photometric_interpretation="MONOCHROME2",
        bits_allocated=8 * array.itemsize,
        bits_stored=bits_stored,
        pixel_representation=int(array.dtype.kind == "i"),
    )


@pytest.mark.parametrize("kind", ["u", "i"])
def test_jpeg_2000_of_the_wrong_sign_is_read_by_the_images(kind: str) -> None:
    array = picture(kind, 1, 12)
    other = ((array.astype(int) + 2048) % 4096 - 2048 if kind == "u" else array & 0xFFF).astype(
        "i2" if kind == "u" else "u2"
    )
    encoded = imagecodecs.jpeg2k_encode(other, level=0, reversible=True, bitspersample=12)
    np.testing.assert_array_equal(decode(encoded, layout(J2K, array, 12)), array)


@pytest.mark.parametrize("samples", [1, 3])
def test_near_lossless_jpeg_ls_stays_within_its_bound(samples: int) -> None:
    array = picture("u", samples, 8)
    decoded = decode(imagecodecs.jpegls_encode(array, level=3), layout(JPEG_LS_NEAR, array, 8))
    assert np.abs(decoded.astype(int) - array).max() <= 3


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("samples", [1, 3])
def test_lossy_htj2k_equals_openjpeg(bits: int, samples: int) -> None:
    array = picture("u", samples, bits)
    encoded = imagecodecs.htj2k_encode(array, level=0.005, reversible=False)
    decoded = decode(encoded, layout(HTJ2K_LOSSY, array, bits))
    np.testing.assert_array_equal(decoded, openjpeg.decode(encoded))
    assert np.abs(decoded.astype(int) - array).max() < 0.1 * (1 << bits)


def test_extended_jpeg_of_12_bits_is_close_to_its_source() -> None:
    array = picture("u", 1, 12)
    encoded = imagecodecs.jpeg8_encode(array, level=98, bitspersample=12)
    decoded = decode(encoded, layout(JPEG_EXTENDED, array, 12))
    assert decoded.dtype == np.uint16
    assert np.abs(decoded.astype(int) - array).mean() < 40


@pytest.mark.parametrize("photometric", ["YBR_FULL_422", "RGB"])
def test_recompressed_jpeg_equals_the_jpeg(photometric: str) -> None:
    array = picture("u", 3, 8) // 2 + 64
    encoded = imagecodecs.jpeg8_encode(array, level=95, subsampling="444")
    recompressed = imagecodecs.jpegxl_encode_jpeg(encoded)
    assert imagecodecs.jpegxl_decode_jpeg(recompressed) == encoded
    decoded = decode(recompressed, layout(JXL_JPEG, array, 8, photometric))
    # libjxl draws small coefficients towards zero.
    distance = np.abs(decoded.astype(int) - imagecodecs.jpeg8_decode(encoded))
    assert distance.mean() < 1
    assert distance.max() < 16


def test_lossy_jpeg_xl_comes_back_as_rgb() -> None:
    array = picture("u", 3, 8)
    encoded = imagecodecs.jpegxl_encode(array, distance=0.5)
    decoded = decode(encoded, layout(JXL_ANY, array, 8, "XYB"))
    assert np.abs(decoded.astype(int) - array).mean() < 6


@pytest.mark.parametrize("syntax", [JPEG_LS, J2K, HTJ2K, JXL])
def test_full_ybr_in_lossless_syntaxes_becomes_rgb(syntax: str) -> None:
    from PIL import Image

    ybr = picture("u", 3, 8)
    encode = {JPEG_LS: jpeg_ls, J2K: j2k, HTJ2K: htj2k, JXL: jpeg_xl}[syntax]
    decoded = decode(encode(ybr, 8), layout(syntax, ybr, 8, "YBR_FULL"))
    theirs = np.asarray(Image.fromarray(ybr, "YCbCr").convert("RGB"))
    assert np.abs(decoded.astype(int) - theirs).max() <= 1


def test_precision_below_bits_allocated_is_widened() -> None:
    array = picture("u", 1, 8)
    wide = array.astype(np.uint16)
    for syntax, encoded in (
        (J2K, imagecodecs.jpeg2k_encode(array, level=0, reversible=True)),
        (JPEG_LS, imagecodecs.jpegls_encode(array)),
        (JXL, jpeg_xl(array, 8)),
        (JPEG_SV1, jpeg_lossless(1)(array, 8)),
    ):
        decoded = decode(encoded, layout(syntax, wide, 16))
        assert decoded.dtype == np.uint16
        np.testing.assert_array_equal(decoded, wide)
