"""Synthetic slides are what they say, by readers that had no part in writing them."""

from __future__ import annotations

import io

import highdicom
import imagecodecs
import numpy as np
import pydicom
import pytest
import tifffile
from PIL import Image, ImageCms
from pydicom.encaps import generate_frames, parse_basic_offsets

from slides import Recipe, icc_profile, tissue, write_slide

LOSSLESS = ("jpeg2000-lossless", "jpegls", "rle", "native")


def frames_of(path):
    """Encoded frames as pydicom finds them."""
    ds = pydicom.dcmread(path)
    extended = None
    if "ExtendedOffsetTable" in ds:
        extended = (ds.ExtendedOffsetTable, ds.ExtendedOffsetTableLengths)
    return list(
        generate_frames(ds.PixelData, number_of_frames=ds.NumberOfFrames, extended_offsets=extended)
    )


def decoded(path):
    """Total pixel matrix of the first plane as highdicom decodes it."""
    image = highdicom.imread(path, lazy_frame_retrieval=True)
    return image.get_total_pixel_matrix(
        dtype=np.dtype(f"u{image.BitsAllocated // 8}"),
        apply_icc_profile=False,
        apply_presentation_lut=False,
        apply_modality_transform=False,
    )


@pytest.mark.parametrize("codec", LOSSLESS)
@pytest.mark.parametrize("samples", ["colour", "8 bit", "16 bit"])
def test_lossless_tiles_come_back_bit_for_bit(tmp_path, codec, samples):
    photometric = None if samples == "colour" else "MONOCHROME2"
    slide = write_slide(
        tmp_path / "s.dcm",
        rows=130,
        columns=101,
        tile_rows=64,
        tile_columns=48,
        codec=codec,
        photometric=photometric,
        bits=16 if samples == "16 bit" else 8,
    )
    assert np.array_equal(decoded(slide.path), slide.matrix())


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(
    ("codec", "decode"),
    # pydicom needs plugins for these; neither decoder is the encoder's library
    [("jpeg-lossless", imagecodecs.ljpeg_decode), ("htj2k-lossless", imagecodecs.jpeg2k_decode)],
)
def test_lossless_tiles_come_back_from_another_decoder(tmp_path, codec, decode, bits):
    slide = write_slide(
        tmp_path / "s.dcm",
        rows=64,
        columns=96,
        tile_rows=32,
        tile_columns=32,
        codec=codec,
        photometric="MONOCHROME2",
        bits=bits,
    )
    for index, frame in enumerate(frames_of(slide.path)):
        assert np.array_equal(decode(frame), slide.stored(index))


def test_colour_htj2k_comes_back_from_another_decoder(tmp_path):
    slide = write_slide(tmp_path / "s.dcm", rows=64, columns=96, codec="htj2k-lossless")
    (frame,) = frames_of(slide.path)
    assert np.array_equal(imagecodecs.jpeg2k_decode(frame), slide.stored(0))


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("photometric", [None, "RGB"])
@pytest.mark.parametrize("markers", [True, False])
def test_jpeg_tiles_look_like_what_was_encoded(tmp_path, subsampling, photometric, markers):
    slide = write_slide(
        tmp_path / "s.dcm",
        rows=300,
        columns=200,
        tile_rows=128,
        tile_columns=128,
        subsampling=subsampling,
        photometric=photometric,
        jpeg_markers=markers,
        quality=95,
    )
    difference = decoded(slide.path).astype(int) - slide.matrix()
    assert np.abs(difference).mean() < 6
    assert abs(difference.mean()) < 0.5
    assert (b"JFIF" in slide.encoded(0) or b"Adobe" in slide.encoded(0)) is markers


def test_jpeg_subsampling_is_what_the_recipe_says(tmp_path):
    for subsampling, factors in {"4:4:4": 0x11, "4:2:2": 0x21, "4:2:0": 0x22}.items():
        slide = write_slide(tmp_path / "s.dcm", rows=64, columns=64, subsampling=subsampling)
        frame = slide.encoded(0)
        start_of_frame = frame.index(b"\xff\xc0")
        assert frame[start_of_frame + 11] == factors


def test_lossy_jpeg_2000_looks_like_what_was_encoded(tmp_path):
    slide = write_slide(tmp_path / "s.dcm", rows=256, columns=256, codec="jpeg2000")
    assert np.abs(decoded(slide.path).astype(int) - slide.matrix()).mean() < 5
    assert len(slide.encoded(0)) < 256 * 256 * 3 / 2


def test_jpeg_xl_frames_are_lossless(tmp_path):
    slide = write_slide(
        tmp_path / "s.dcm", rows=64, columns=64, tile_rows=64, tile_columns=64, codec="jpegxl"
    )
    (frame,) = frames_of(slide.path)
    assert np.array_equal(imagecodecs.jpegxl_decode(frame), slide.matrix())


@pytest.mark.parametrize("table", ["basic", "extended", None, "tiff", "bigtiff"])
def test_frames_lie_where_the_slide_says(tmp_path, table):
    slide = write_slide(
        tmp_path / "s.dcm", rows=200, columns=200, tile_rows=64, tile_columns=64, offset_table=table
    )
    content = slide.path.read_bytes()
    found = frames_of(slide.path)
    assert len(found) == slide.number_of_frames == 16
    for index, frame in enumerate(found):
        start, length = int(slide.item_offsets[index, 0]), int(slide.item_lengths[index, 0])
        assert content[start : start + length] == frame
        assert content[start - 8 : start - 4] == b"\xfe\xff\x00\xe0"
        assert frame.startswith(slide.encoded(index))


@pytest.mark.parametrize("table", ["basic", "extended", None])
def test_the_offset_table_is_the_one_asked_for(tmp_path, table):
    slide = write_slide(tmp_path / "s.dcm", rows=512, columns=512, offset_table=table)
    ds = pydicom.dcmread(slide.path)
    assert bool(parse_basic_offsets(ds.PixelData)) is (table == "basic")
    assert ("ExtendedOffsetTable" in ds) is (table == "extended")
    assert slide.pixel_data_offset == slide.path.read_bytes().index(b"\xe0\x7f\x10\x00OB") + 12


def test_fragments_join_to_the_frame(tmp_path):
    slide = write_slide(
        tmp_path / "s.dcm", rows=128, columns=128, tile_rows=64, tile_columns=64, fragments=3
    )
    assert slide.item_offsets.shape == (4, 3)
    content = slide.path.read_bytes()
    for index, frame in enumerate(frames_of(slide.path)):
        pieces = zip(slide.item_offsets[index], slide.item_lengths[index], strict=True)
        assert b"".join(content[start : start + length] for start, length in pieces) == frame
        assert frame.rstrip(b"\0") == slide.encoded(index).rstrip(b"\0")


def test_odd_items_are_odd(tmp_path):
    slide = write_slide(
        tmp_path / "s.dcm", rows=256, columns=256, tile_rows=32, tile_columns=32, odd_items=True
    )
    assert (slide.item_lengths % 2 == 1).any()
    assert [len(slide.encoded(i)) for i in range(64)] == slide.item_lengths[:, 0].tolist()


@pytest.mark.parametrize("table", ["tiff", "bigtiff"])
@pytest.mark.parametrize("codec", ["jpeg", "jpeg2000", "native"])
def test_dual_files_are_tiff_with_the_same_pixels(tmp_path, table, codec):
    slide = write_slide(
        tmp_path / "s.dcm",
        rows=300,
        columns=200,
        tile_rows=64,
        tile_columns=64,
        offset_table=table,
        codec=codec,
        icc_size=2000,
        odd_items=codec == "jpeg",
    )
    with tifffile.TiffFile(slide.path) as tiff:
        page = tiff.pages[0]
        assert tiff.is_bigtiff is (table == "bigtiff")
        assert page.shape == (300, 200, 3)
        assert list(page.dataoffsets) == slide.item_offsets[:, 0].tolist()
        assert list(page.databytecounts) == slide.item_lengths[:, 0].tolist()
        assert page.tags[34675].value == icc_profile(2000)
        pixels = page.asarray()
    if codec == "jpeg":
        with Image.open(io.BytesIO(slide.encoded(0))) as tile:
            assert np.array_equal(np.asarray(tile), pixels[:64, :64])
    elif codec == "native":
        assert np.array_equal(pixels, slide.matrix())
    assert np.abs(pixels.astype(int) - slide.matrix()).mean() < 6
    offset = int.from_bytes(slide.path.read_bytes()[4:8], "little")
    assert table == "bigtiff" or offset > slide.item_offsets.max()
    assert pydicom.dcmread(slide.path)[0xFFFC, 0xFFFC].VR == "OB"
    if codec != "jpeg":  # odd items stop highdicom
        assert np.array_equal(decoded(slide.path).shape, pixels.shape)


def test_sparse_dual_files_leave_missing_tiles_empty(tmp_path):
    slide = write_slide(
        tmp_path / "s.dcm",
        rows=256,
        columns=256,
        tile_rows=64,
        tile_columns=64,
        offset_table="tiff",
        organisation="TILED_SPARSE",
        missing=0.4,
        optical_paths=2,
    )
    with tifffile.TiffFile(slide.path) as tiff:
        assert len(tiff.pages) == 2
        tiles = sum((np.asarray(page.databytecounts) > 0).sum() for page in tiff.pages)
        assert tiles == slide.number_of_frames < 32


def test_sparse_slides_have_their_tiles_where_the_items_say(tmp_path):
    slide = write_slide(
        tmp_path / "s.dcm",
        rows=256,
        columns=200,
        tile_rows=64,
        tile_columns=64,
        codec="native",
        organisation="TILED_SPARSE",
        shuffled=True,
    )
    assert [tuple(place[2:]) for place in slide.places] != sorted(p[2:] for p in slide.places)
    assert np.array_equal(decoded(slide.path), slide.matrix())


@pytest.mark.parametrize("undefined_length", [True, False])
def test_missing_tiles_are_missing_and_lengths_may_be_too(tmp_path, undefined_length):
    slide = write_slide(
        tmp_path / "s.dcm",
        rows=320,
        columns=320,
        tile_rows=64,
        tile_columns=64,
        organisation="TILED_SPARSE",
        missing=0.5,
        undefined_length=undefined_length,
    )
    ds = pydicom.dcmread(slide.path, stop_before_pixels=True)
    assert slide.number_of_frames == len(ds.PerFrameFunctionalGroupsSequence) == 12
    assert ds["PerFrameFunctionalGroupsSequence"].is_undefined_length is undefined_length
    with pytest.raises(RuntimeError, match="missing"):
        decoded(slide.path)


@pytest.mark.parametrize("organisation", ["TILED_FULL", "TILED_SPARSE"])
def test_planes_differ_and_follow_each_other(tmp_path, organisation):
    slide = write_slide(
        tmp_path / "s.dcm",
        rows=128,
        columns=64,
        tile_rows=64,
        tile_columns=64,
        codec="native",
        organisation=organisation,
        optical_paths=2,
        focal_planes=3,
    )
    image = highdicom.imread(slide.path, lazy_frame_retrieval=True)
    assert image.number_of_frames == 12
    assert [place[:2] for place in slide.places[::2]] == [
        (0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)
    ]  # fmt: skip
    for index in range(12):
        assert np.array_equal(image.get_stored_frame(index + 1), slide.stored(index))
    assert not np.array_equal(slide.stored(0), slide.stored(2))


def test_the_profile_has_its_size_and_can_be_applied(tmp_path):
    profile = icc_profile(150_000)
    assert len(profile) == 150_000
    slide = write_slide(tmp_path / "s.dcm", rows=64, columns=64, icc_size=150_000)
    image = highdicom.imread(slide.path)
    assert image.OpticalPathSequence[0].ICCProfile == profile
    changed = image.get_frame(1, dtype=np.uint8)
    plain = image.get_frame(1, dtype=np.uint8, apply_icc_profile=False)
    parsed = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    assert ImageCms.getProfileDescription(parsed).strip() == "nearline test scanner"
    expected = ImageCms.profileToProfile(
        Image.fromarray(plain),
        parsed,
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.getDefaultIntent(parsed),
    )
    assert np.array_equal(changed, np.asarray(expected))
    assert not np.array_equal(changed, plain)


def test_the_same_recipe_gives_the_same_file(tmp_path):
    recipe = Recipe(rows=200, columns=300, tile_rows=64, tile_columns=64, icc_size=700)
    first = write_slide(tmp_path / "a.dcm", recipe)
    second = write_slide(tmp_path / "b.dcm", recipe)
    third = write_slide(tmp_path / "c.dcm", recipe, seed=1)
    assert first.path.read_bytes() == second.path.read_bytes() != third.path.read_bytes()


def test_tissue_repeats_without_a_seam():
    picture = tissue(256, 256).astype(int)
    across = np.abs(picture[:, 0] - picture[:, -1]).mean()
    inside = np.abs(np.diff(picture, axis=1)).mean()
    assert across < 2 * inside


def test_large_slides_repeat_a_pool_of_tiles(tmp_path):
    slide = write_slide(
        tmp_path / "s.dcm",
        rows=1000,
        columns=1000,
        tile_rows=32,
        tile_columns=32,
        distinct_tiles=12,
        organisation="TILED_SPARSE",
    )
    assert slide.number_of_frames == 1024
    assert len({slide.encoded(index) for index in range(1024)}) == 12


@pytest.mark.parametrize(
    "impossible",
    [
        {"missing": 0.5},
        {"bits": 16},
        {"fragments": 2, "offset_table": "tiff"},
        {"codec": "native", "odd_items": True},
    ],
)
def test_impossible_recipes_are_refused(impossible):
    with pytest.raises(ValueError, match=r"\.$"):
        Recipe(**impossible)
