"""Damaged frames give a fault that names them; never pixels of another shape, never a crash."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import RLELossless

from nearline.dicom.codecs.decode import CODECS, FrameFormat, decode, make_decoder
from nearline.errors import DecodingFailed, InvalidDicom, InvalidOption, UnsupportedTransferSyntax

ROWS, COLUMNS = 24, 32
NATIVE, RLE = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5"
BASELINE, LOSSLESS_JPEG = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.70"


def layout(syntax: str, rows: int = ROWS, samples: int = 3) -> FrameFormat:
    photometric = "YBR_FULL_422" if syntax == BASELINE else "RGB"
    if samples == 1:
        photometric = "MONOCHROME2"
    return FrameFormat(syntax, rows, COLUMNS, samples, photometric, 0, 8, 8, 7, 0)


def pixels() -> np.ndarray:
    rng = np.random.default_rng(1)
    return (rng.integers(-8, 9, (ROWS, COLUMNS, 3)).cumsum(axis=1) % 256).astype(np.uint8)


def rle() -> bytes:
    return get_encoder(RLELossless).encode(
        pixels(),
        rows=ROWS,
        columns=COLUMNS,
        samples_per_pixel=3,
        bits_allocated=8,
        bits_stored=8,
        pixel_representation=0,
        photometric_interpretation="RGB",
        planar_configuration=0,
        number_of_frames=1,
    )


ENCODED = {
    NATIVE: pixels().tobytes(),
    RLE: rle(),
    BASELINE: imagecodecs.jpeg8_encode(pixels(), level=90),
    LOSSLESS_JPEG: imagecodecs.jpeg8_encode(pixels(), lossless=True, predictor=1),
    "1.2.840.10008.1.2.4.80": imagecodecs.jpegls_encode(pixels()),
    "1.2.840.10008.1.2.4.90": imagecodecs.jpeg2k_encode(pixels(), level=0, reversible=True),
    "1.2.840.10008.1.2.4.201": imagecodecs.htj2k_encode(pixels(), reversible=True),
    "1.2.840.10008.1.2.4.203": imagecodecs.htj2k_encode(pixels(), level=0.01, reversible=False),
    "1.2.840.10008.1.2.4.110": imagecodecs.jpegxl_encode(pixels(), lossless=True),
}
syntaxes = st.sampled_from(sorted(ENCODED))


@settings(deadline=None, max_examples=400, suppress_health_check=list(HealthCheck))
@given(syntax=syntaxes, data=st.data())
def test_mutated_frames_give_pixels_of_the_right_shape_or_a_fault(
    syntax: str, data: st.DataObject
) -> None:
    frame = bytearray(ENCODED[syntax])
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(frame) - 1))
        frame[at] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del frame[data.draw(st.integers(0, len(frame))) :]
    try:
        array = decode(bytes(frame), layout(syntax), index=6)
    except DecodingFailed as fault:
        sentence = str(fault)
        assert sentence.startswith(f"Frame 7 ({syntax})"), sentence
    else:
        assert array.shape == (ROWS, COLUMNS, 3)
        assert array.dtype == np.uint8


@settings(deadline=None, max_examples=200, suppress_health_check=list(HealthCheck))
@given(syntax=syntaxes, junk=st.binary(max_size=200))
def test_junk_is_a_fault(syntax: str, junk: bytes) -> None:
    with pytest.raises(DecodingFailed, match=r"^Frame 1 "):
        decode(junk, layout(syntax))


@pytest.mark.parametrize("syntax", sorted(ENCODED))
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_frames_cut_short_are_a_fault(syntax: str, part: float) -> None:
    frame = ENCODED[syntax]
    with pytest.raises(DecodingFailed, match=r"^Frame 1 "):
        decode(frame[: int(part * len(frame))], layout(syntax))


@pytest.mark.parametrize("syntax", sorted(ENCODED))
def test_padding_after_a_frame_is_ignored(syntax: str) -> None:
    for padding in (b"\0", b"\0\0", b"\xff"):
        if syntax == RLE and padding == b"\xff":
            continue
        array = decode(ENCODED[syntax] + padding, layout(syntax))
        np.testing.assert_array_equal(array, decode(ENCODED[syntax], layout(syntax)))


@pytest.mark.parametrize("syntax", sorted(set(ENCODED) - {NATIVE, RLE}))
def test_image_of_another_size_is_a_fault_that_names_both(syntax: str) -> None:
    with pytest.raises(DecodingFailed, match=rf"\({ROWS}, {COLUMNS}, 3\).*\(25, {COLUMNS}, 3\)"):
        decode(ENCODED[syntax], layout(syntax, rows=25))


@pytest.mark.parametrize("syntax", sorted(ENCODED))
def test_colour_where_grey_is_announced_is_a_fault(syntax: str) -> None:
    if syntax == NATIVE:
        return
    with pytest.raises(DecodingFailed):
        decode(ENCODED[syntax], layout(syntax, samples=1))


def test_codestream_wider_than_bits_allocated_is_a_fault() -> None:
    wide = np.arange(ROWS * COLUMNS, dtype=np.uint16).reshape(ROWS, COLUMNS) * 80
    encoded = imagecodecs.jpeg2k_encode(wide, level=0, reversible=True)
    with pytest.raises(DecodingFailed, match=r"uint16.*8 bits"):
        decode(encoded, layout("1.2.840.10008.1.2.4.90", samples=1))


@pytest.mark.parametrize(
    "syntax",
    ["1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.94", "1.2.840.10008.1.2.7.1", "1.2.3"],
)
def test_unknown_syntax_is_named(syntax: str) -> None:
    assert syntax not in CODECS
    with pytest.raises(UnsupportedTransferSyntax, match=syntax.replace(".", r"\.")):
        decode(b"", layout(syntax))


def test_pydicom_without_a_decoder_is_said() -> None:
    with pytest.raises(UnsupportedTransferSyntax, match=r"4\.110.*decoder"):
        make_decoder(layout("1.2.840.10008.1.2.4.110"), "pydicom")


def test_unknown_decoder_is_refused() -> None:
    with pytest.raises(InvalidOption, match="fastest"):
        make_decoder(layout(NATIVE), "fastest")  # type: ignore[arg-type]


def test_impossible_bits_are_named_with_their_tag() -> None:
    strange = FrameFormat(NATIVE, 2, 2, 1, "MONOCHROME2", 0, 12, 12, 11, 0)
    with pytest.raises(InvalidDicom, match=r"\(0028,0100\).*12"):
        make_decoder(strange)
