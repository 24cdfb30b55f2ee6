"""Segmentations drawn by hypothesis, written by highdicom."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import highdicom
import numpy as np
from highdicom.color import CIELabColor
from highdicom.sr.coding import Code
from hypothesis import strategies as st
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

from made import Phantom, ct_series, enhanced_ct
from made.files import as_bytes

__all__ = ["Recipe", "describe", "recipes", "written"]

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
OBLIQUE = (0.8, 0.6, 0.0, 0.0, 0.0, -1.0)
UPSIDE_DOWN = (-1.0, 0.0, 0.0, 0.0, 1.0, 0.0)

NATIVE = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
PACKED = (RLELossless, JPEG2000Lossless, JPEGLSLossless)

CATEGORIES = (
    Code("123037004", "SCT", "Anatomical Structure"),
    Code("49755003", "SCT", "Morphologically Abnormal Structure"),
)
TYPES = (
    Code("10200004", "SCT", "Liver"),
    Code("108369006", "SCT", "Neoplasm"),
    Code("78961009", "SCT", "Spleen"),
)


@dataclass(frozen=True)
class Recipe:
    """What a segmentation is made of.

    Attributes
    ----------
    kind : str
        Segmentation Type.
    numbers : tuple of int
        Segment numbers.
    shape : tuple of (int, int, int)
        Slices, rows and columns.
    overlapping : bool
        Segments may share pixels (drawn independently of each other).
    partial : bool
        Fractions between 0 and 1.
    """

    kind: str
    numbers: tuple[int, ...]
    shape: tuple[int, int, int]
    seed: int
    overlapping: bool
    partial: bool
    syntax: str
    orientation: tuple[float, ...]
    spacing: tuple[float, float, float]
    backwards: bool
    omit_empty: bool
    largest: int
    multi_frame: bool

    @cached_property
    def pixels(self) -> np.ndarray:
        rng = np.random.default_rng(self.seed)
        if self.kind == "LABELMAP":
            labels = rng.choice([0, 0, *self.numbers], self.shape)
            labels[rng.random(self.shape[0]) < 0.3] = 0
            return labels.astype(np.uint16 if max(self.numbers) > 255 else np.uint8)
        count = len(self.numbers)
        if self.overlapping:
            there = rng.random((*self.shape, count)) < 0.3
        else:
            there = rng.choice([0, 0, *self.numbers], self.shape)[..., None] == self.numbers
        there &= (rng.random((self.shape[0], 1, 1, count)) < 0.7) | (count == 1)
        if self.kind == "BINARY":
            return there.astype(np.uint8)
        values = rng.random(there.shape) if self.partial else 1.0
        return (there * values).astype(np.float32)


def describe(number: int, *, coloured: bool = True) -> highdicom.seg.SegmentDescription:
    """Describe a segment; labels, codes and algorithm types repeat."""
    return highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=f"Structure {number % 4}",
        segmented_property_category=CATEGORIES[number % 2],
        segmented_property_type=TYPES[number % 3],
        algorithm_type=("AUTOMATIC", "SEMIAUTOMATIC", "MANUAL")[number % 3],
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            name="drawn", version="1", family=Code("123109", "DCM", "Artificial Intelligence")
        ),
        tracking_uid=generate_uid(entropy_srcs=["tracking", str(number // 2)]),
        tracking_id=f"track {number // 2}",
        display_color=CIELabColor(50.0, 0.0, 0.0) if coloured else None,
    )


def common(seed: object) -> dict[str, Any]:
    """Arguments that all segmentations share."""
    return {
        "series_instance_uid": generate_uid(entropy_srcs=["drawn", repr(seed)]),
        "series_number": 4,
        "sop_instance_uid": generate_uid(entropy_srcs=["drawn sop", repr(seed)]),
        "instance_number": 1,
        "manufacturer": "nearline",
        "manufacturer_model_name": "drawn",
        "software_versions": "1",
        "device_serial_number": "1",
    }


@cache
def _sources(shape, spacing, orientation, multi_frame: bool) -> list[Any]:
    slices, rows, columns = shape
    phantom = Phantom(rows, columns, slices, spacing, 1)
    if multi_frame:
        return [enhanced_ct(phantom)]
    return list(ct_series(phantom, orientation=orientation))


def written(recipe: Recipe) -> bytes:
    """Let highdicom write the segmentation."""
    sources = _sources(recipe.shape, recipe.spacing, recipe.orientation, recipe.multi_frame)
    pixels = recipe.pixels
    if recipe.backwards and not recipe.multi_frame:
        sources = sources[::-1]
    return as_bytes(
        highdicom.seg.Segmentation(
            source_images=sources,
            pixel_array=pixels,
            segmentation_type=recipe.kind,
            segment_descriptions=[describe(number) for number in recipe.numbers],
            omit_empty_frames=recipe.omit_empty,
            transfer_syntax_uid=recipe.syntax,
            max_fractional_value=recipe.largest,
            **common(recipe),
        )
    )


@st.composite
def recipes(draw: st.DrawFn, kind: str | None = None) -> Recipe:
    """Draw what highdicom's writer accepts."""
    kind = kind or draw(st.sampled_from(["BINARY", "FRACTIONAL", "LABELMAP"]))
    if kind == "LABELMAP":
        # Labels of more than eight bits are highdicom's writer's affair, not its reader's.
        numbers = tuple(draw(st.lists(st.integers(1, 255), min_size=1, max_size=4, unique=True)))
    else:
        numbers = tuple(range(1, draw(st.integers(1, 4)) + 1))
    multi_frame = draw(st.booleans())
    shape = (draw(st.integers(1, 5)), draw(st.integers(2, 9)), draw(st.integers(2, 9)))
    # Whole bytes of bits are another path than parts of them.
    shape = draw(st.sampled_from([shape, (shape[0], 8, 8), (shape[0], 5, 3)]))
    syntax = draw(st.sampled_from(NATIVE + (PACKED if kind != "BINARY" else PACKED[1:2])))
    if syntax in (JPEG2000Lossless, JPEGLSLossless):
        # What their encoders can do.
        shape = (shape[0], 32, 33)
    return Recipe(
        kind=kind,
        numbers=tuple(sorted(numbers)),
        shape=shape,
        seed=draw(st.integers(0, 9999)),
        overlapping=draw(st.booleans()),
        partial=draw(st.booleans()),
        syntax=syntax,
        orientation=draw(st.sampled_from([AXIAL, SAGITTAL, OBLIQUE, UPSIDE_DOWN])),
        spacing=draw(st.sampled_from([(1.0, 1.0, 1.0), (2.5, 0.7, 0.8), (1.25, 0.625, 0.625)])),
        backwards=draw(st.booleans()),
        omit_empty=draw(st.booleans()),
        largest=draw(st.sampled_from([255, 10, 1])),
        multi_frame=multi_frame and shape[0] > 1,
    )
