"""Files that hypothesis draws and highdicom writes."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import highdicom
import numpy as np
import pydicom
from hypothesis import reject
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

from made import Phantom, ct_series, enhanced_ct, parametric_map
from made.files import as_bytes
from made.segmentation import describe_segment
from nearline.testing.slides import write_slide

__all__ = ["Drawn", "enhanced", "maps", "segmentations", "series"]

_COSINE, _SINE = round(float(np.cos(0.3)), 6), round(float(np.sin(0.3)), 6)
_ORIENTATIONS = (
    (1, 0, 0, 0, 1, 0),
    (1, 0, 0, 0, 0, -1),
    (0, 1, 0, 0, 0, -1),
    (-1, 0, 0, 0, -1, 0),
    (_COSINE, _SINE, 0, -_SINE, _COSINE, 0),
    (1, 0, 0, 0, _COSINE, -_SINE),
)

orientations = st.sampled_from(_ORIENTATIONS)
"""Axial, coronal, sagittal, turned over, and two that are oblique."""


@dataclass(frozen=True)
class Drawn:
    """A file, and what may be asked about it.

    Attributes
    ----------
    data : bytes
        The file.
    kind : str
        Segmentation type, or "image" or "map".
    numbers : tuple of int
        Segments.
    extent : tuple of int
        Slices (1 where tiled), rows and columns of the whole.
    source_uids : tuple of str
        Of single-frame sources; one of a multi-frame source.
    many : bool
        Whether the source has many frames.
    tiled : bool
        Whether frames are tiles.
    """

    data: bytes
    kind: str
    numbers: tuple[int, ...]
    extent: tuple[int, int, int]
    source_uids: tuple[str, ...]
    many: bool = False
    tiled: bool = False

    def __repr__(self) -> str:
        ds = pydicom.dcmread(io.BytesIO(self.data), stop_before_pixels=True)
        syntax = ds.file_meta.TransferSyntaxUID.name
        return (
            f"<{self.kind} of {self.extent}, segments {self.numbers}, {ds.get('NumberOfFrames')} "
            f"frames of {ds.Rows} x {ds.Columns}, {syntax}, {ds.get('DimensionOrganizationType')}>"
        )

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(repr(self))  # else hypothesis would print all bytes


@st.composite
def phantoms(draw: st.DrawFn, *, slices: st.SearchStrategy[int] | None = None) -> Phantom:
    """Draw a small body; its spacing is such as scanners write."""
    spacing = tuple(draw(st.sampled_from([0.5, 0.703125, 1.0, 2.5, 5.0])) for _ in range(3))
    return Phantom(
        draw(st.integers(3, 20)),
        draw(st.integers(3, 20)),
        draw(st.integers(1, 7) if slices is None else slices),
        spacing,
        draw(st.integers(0, 3)),
    )


@cache
def _slide(rows: int, columns: int, tile: int, organisation: str) -> Dataset:
    with TemporaryDirectory() as folder:
        slide = write_slide(
            Path(folder) / "s.dcm",
            rows=rows,
            columns=columns,
            tile_rows=tile,
            tile_columns=tile,
            organisation=organisation,
            distinct_tiles=4,
        )
        return pydicom.dcmread(slide.path)


def _masks(
    rng: np.random.Generator, shape: tuple[int, ...], numbers: tuple[int, ...], kind: str
) -> NDArray[Any]:
    """Return pixels for the writer; some slices and tiles are empty."""
    labels = rng.integers(0, len(numbers) + 1, shape)
    labels[rng.random(shape[0]) < 0.3] = 0
    labels[:, rng.random(shape[1]) < 0.3] = 0
    if not labels.any():
        labels[0, 0, 0] = 1
    if kind == "LABELMAP":
        lookup = np.array([0, *numbers], np.uint16 if max(numbers) > 255 else np.uint8)
        return lookup[labels]
    masks = labels[..., None] == np.arange(1, len(numbers) + 1)
    return masks.astype(np.uint8)


_SYNTAXES = {
    "BINARY": (ExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian),
    "FRACTIONAL": (ExplicitVRLittleEndian, RLELossless, JPEGLSLossless),
    "LABELMAP": (ExplicitVRLittleEndian, RLELossless, JPEGLSLossless),
}


def _described(numbers: tuple[int, ...], alike: bool) -> list[highdicom.seg.SegmentDescription]:
    """Describe segments; where `alike`, several share label, type and tracking identifier."""
    found = []
    for n in numbers:
        description = describe_segment(n, "Liver" if n % 2 or not alike else f"Structure {n}")
        if alike and n % 3 == 0:
            description.SegmentAlgorithmType = "MANUAL"
        found.append(description)
    return found


def _palette(numbers: tuple[int, ...]) -> highdicom.PaletteColorLUTTransformation:
    count = max(numbers) + 1
    levels = np.arange(count)
    kind = np.uint8 if count <= 256 else np.uint16
    luts = [
        highdicom.PaletteColorLUT(0, (levels * step % 256).astype(kind), color)
        for step, color in ((7, "red"), (31, "green"), (53, "blue"))
    ]
    return highdicom.PaletteColorLUTTransformation(*luts, palette_color_lut_uid=generate_uid())


@contextmanager
def _encoders_that_fail() -> Iterator[None]:
    """Draw anew where an encoder gives up: frames of a few pixels do not fit its buffer."""
    try:
        yield
    except RuntimeError as error:
        if "Unable to encode" not in str(error):
            raise
        reject()


@st.composite
def segmentations(draw: st.DrawFn, *, tiled: bool = False) -> Drawn:
    """Draw a segmentation of any type, of a series, an enhanced image or a slide."""
    kind = draw(st.sampled_from(["BINARY", "BINARY", "FRACTIONAL", "LABELMAP"]))
    count = draw(st.integers(1, 4))
    numbers = tuple(range(1, count + 1))
    if kind == "LABELMAP":
        numbers = tuple(sorted(draw(st.sets(st.integers(1, 255), min_size=1, max_size=4))))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 16)))
    many, organisation = tiled, None
    if tiled:
        rows, columns, tile = (draw(st.integers(*span)) for span in ((5, 40), (5, 40), (4, 16)))
        kept = draw(st.sampled_from(["TILED_FULL", "TILED_SPARSE"]))
        sources = [_slide(rows, columns, tile, kept)]
        shape = (1, rows, columns)
        organisation = draw(st.sampled_from(["TILED_FULL", "TILED_SPARSE", None]))
    else:
        phantom = draw(phantoms())
        shape = phantom.shape
        orientation = draw(orientations)
        many = phantom.slices > 1 and draw(st.booleans())
        if many:
            sources = [enhanced_ct(phantom, orientation=orientation, distinct=1)]
        else:
            sources = list(ct_series(phantom, orientation=orientation))
    pixels = _masks(rng, shape, numbers, kind)
    if kind != "LABELMAP" and draw(st.booleans()):  # overlaps
        pixels = np.maximum(pixels, rng.random(pixels.shape) < 0.2).astype(np.uint8)
    most = 255
    if kind == "FRACTIONAL":
        most = draw(st.sampled_from([255, 100, 1]))
        whole = draw(st.booleans())
        pixels = pixels * (1.0 if whole else rng.integers(0, most + 1, pixels.shape) / most)
        if not pixels.any():
            pixels[0, 0, 0, 0] = 1
    palette = kind == "LABELMAP" and draw(st.booleans())
    with warnings.catch_warnings(), _encoders_that_fail():
        warnings.simplefilter("ignore")
        seg = highdicom.seg.Segmentation(
            source_images=sources,
            pixel_array=pixels,
            segmentation_type=kind,
            segment_descriptions=_described(numbers, draw(st.booleans())),
            series_instance_uid=generate_uid(),
            series_number=1,
            sop_instance_uid=generate_uid(),
            instance_number=1,
            manufacturer="nearline",
            manufacturer_model_name="drawn",
            software_versions="1",
            device_serial_number="1",
            max_fractional_value=most,
            transfer_syntax_uid=draw(st.sampled_from(_SYNTAXES[kind])),
            omit_empty_frames=organisation != "TILED_FULL" and draw(st.booleans()),
            dimension_organization_type=organisation,
            tile_pixel_array=tiled,
            palette_color_lut_transformation=_palette(numbers) if palette else None,
            use_extended_offset_table=False,
        )
    uids = tuple(str(source.SOPInstanceUID) for source in sources)
    return Drawn(as_bytes(seg), kind, numbers, shape, uids, many=many, tiled=tiled)


@st.composite
def series(draw: st.DrawFn) -> list[Dataset]:
    """Draw the objects of a CT series, in any order."""
    phantom = draw(phantoms(slices=st.integers(1, 6)))
    slopes = draw(st.sampled_from([((1, 0),), ((1, -1024),), ((0.5, -1024), (2, -1024))]))
    objects = ct_series(
        phantom,
        syntax=draw(st.sampled_from(["native", "implicit", "rle", "jpegls", "htj2k"])),
        signed=draw(st.booleans()) if min(intercept for _, intercept in slopes) < 0 else True,
        slopes=slopes,
        orientation=draw(orientations),
    )
    return draw(st.permutations(list(objects)))


@st.composite
def enhanced(draw: st.DrawFn) -> Drawn:
    """Draw an enhanced CT."""
    phantom = draw(phantoms(slices=st.integers(1, 7)))
    slopes = draw(st.sampled_from([((1, -1024),), ((0.5, -1024), (2, -1024))]))
    syntax = draw(st.sampled_from(["native", "implicit", "rle", "jpegls", "jpeg2000", "htj2k"]))
    ds = enhanced_ct(
        phantom,
        syntax=syntax,
        signed=draw(st.booleans()),
        slopes=slopes,
        orientation=draw(orientations),
        extended=syntax not in ("native", "implicit") and draw(st.booleans()),
    )
    uids = tuple(
        str(group.ConversionSourceAttributesSequence[0].ReferencedSOPInstanceUID)
        for group in ds.PerFrameFunctionalGroupsSequence
    )
    return Drawn(as_bytes(ds), "image", (), phantom.shape, uids)


@st.composite
def maps(draw: st.DrawFn) -> Drawn:
    """Draw a parametric map: floats of both sizes, and integers with a slope."""
    phantom = draw(phantoms(slices=st.integers(1, 6)))
    dtype = np.dtype(draw(st.sampled_from(["float32", "float64", "uint16", "uint8"])))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 16)))
    slope, intercept, syntax = 1.0, 0.0, ExplicitVRLittleEndian
    if dtype.kind == "f":
        values = rng.normal(0, 100, phantom.shape).astype(dtype)
    else:
        values = rng.integers(0, np.iinfo(dtype).max, phantom.shape, endpoint=True, dtype=dtype)
        slope = draw(st.sampled_from([1.0, 0.25, 3.7]))
        intercept = draw(st.sampled_from([0.0, -10.0]))
        syntax = draw(st.sampled_from([ExplicitVRLittleEndian, JPEGLSLossless]))
    orientation = draw(orientations)
    with _encoders_that_fail():
        ds = parametric_map(
            phantom,
            values,
            slope=slope,
            intercept=intercept,
            transfer_syntax_uid=syntax,
            orientation=orientation,
        )
    uids = tuple(str(source.SOPInstanceUID) for source in ct_series(phantom))
    return Drawn(as_bytes(ds), "map", (), phantom.shape, uids)
