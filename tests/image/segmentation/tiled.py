"""Tiled segmentations of a small slide, written by highdicom."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import highdicom
import pydicom
from hypothesis import strategies as st
from pydicom.uid import RLELossless

from image.segmentation.drawn import NATIVE, Recipe, common, describe, recipes
from made.files import as_bytes
from slides import Recipe as Slide
from slides import write_slide

__all__ = ["COLUMNS", "ROWS", "tiled", "tiled_recipes"]

ROWS, COLUMNS = 20, 27
"""Of the total pixel matrix."""


@cache
def slide() -> pydicom.Dataset:
    """Return the slide that was segmented."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "slide.dcm"
        write_slide(
            path, Slide(rows=ROWS, columns=COLUMNS, tile_rows=8, tile_columns=8, distinct_tiles=4)
        )
        return pydicom.dcmread(path)


def tiled(recipe: Recipe, *, full: bool) -> bytes:
    """Let highdicom write a tiled segmentation; rows and columns of `shape` are a tile's."""
    whole = replace(recipe, shape=(1, ROWS, COLUMNS))
    return as_bytes(
        highdicom.seg.Segmentation(
            source_images=[slide()],
            pixel_array=whole.pixels,
            segmentation_type=recipe.kind,
            segment_descriptions=[describe(number) for number in recipe.numbers],
            omit_empty_frames=recipe.omit_empty and not full,
            transfer_syntax_uid=recipe.syntax,
            max_fractional_value=recipe.largest,
            dimension_organization_type="TILED_FULL" if full else "TILED_SPARSE",
            tile_pixel_array=True,
            tile_size=recipe.shape[1:],
            **common((recipe, full)),
        )
    )


@st.composite
def tiled_recipes(draw: st.DrawFn, kind: str | None = None) -> Recipe:
    """Draw what highdicom's writer accepts."""
    recipe = draw(recipes(kind))
    packed = (RLELossless,) if recipe.kind != "BINARY" else ()
    return replace(
        recipe,
        shape=(1, draw(st.integers(3, 12)), draw(st.integers(3, 12))),
        syntax=draw(st.sampled_from(NATIVE + packed)),
        multi_frame=False,
    )
