"""Arguments that hypothesis draws: good ones mostly, and wrong ones of every sort."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from volumes.drawn import Drawn

__all__ = ["crops", "image_options", "segment_options", "some"]


def some(strategies: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw any subset of the arguments."""
    return st.fixed_dictionaries({}, optional=strategies)


def _bound(length: int, from_: int) -> st.SearchStrategy[int]:
    good = st.integers(from_, length + from_)
    wild = st.integers(-length, length + 3).filter(lambda bound: bound != 0)
    return st.one_of(good, good, good, wild)


@st.composite
def crops(draw: st.DrawFn, extent: tuple[int, int, int], *, slices: bool = True) -> dict[str, Any]:
    """Draw where a volume or matrix begins and ends.

    What lies far before the beginning is not drawn, nor an end of 0, nor 0 among numbers from 1:
    there highdicom returns other pixels than were asked for, and we refuse.
    """
    names = ("slice", "row", "column")
    as_indices = draw(st.booleans())
    strategies = {
        f"{name}_{end}": _bound(length, 0 if as_indices and end == "start" else 1)
        for name, length in zip(names, extent, strict=True)
        for end in ("start", "end")
        if slices or name != "slice"
    }
    where = draw(some(strategies))
    return where | ({"as_indices": as_indices} if where or as_indices else {})


_DTYPES = [np.uint8, np.uint16, np.uint32, np.int16, np.float32, np.float64, "uint8"]


def segment_options(drawn: Drawn) -> st.SearchStrategy[dict[str, Any]]:
    """Draw the arguments that all methods of segmentations share."""
    numbers = st.sampled_from(drawn.numbers)
    known = st.lists(numbers, min_size=1, max_size=4, unique=True)
    if drawn.kind == "LABELMAP":
        # highdicom returns the one segment that is left out, too.
        known = known.filter(lambda asked: len(drawn.numbers) - len(asked) != 1)
    asked = st.one_of(
        known, known, known, st.none(), st.lists(st.integers(0, 5), max_size=2, unique=True)
    )
    return some(
        {
            "segment_numbers": asked,
            "combine_segments": st.booleans(),
            "relabel": st.booleans(),
            "rescale_fractional": st.booleans(),
            "skip_overlap_checks": st.booleans(),
            "dtype": st.one_of(st.none(), st.sampled_from(_DTYPES)),
        }
        | (
            {"apply_palette_color_lut": st.sampled_from([False, False, True])}
            if drawn.kind == "LABELMAP"
            else {}
        )
    )


def image_options() -> st.SearchStrategy[dict[str, Any]]:
    """Draw the transforms of images."""
    ternary = st.sampled_from([None, True, False])
    return some(
        {
            "dtype": st.sampled_from([np.float64, np.float32, np.int16, np.int32, np.uint16]),
            "apply_real_world_transform": ternary,
            "apply_modality_transform": ternary,
            "apply_voi_transform": ternary,
            "voi_output_range": st.sampled_from([(0.0, 1.0), (0.0, 255.0)]),
            "apply_presentation_lut": st.booleans(),
        }
    )
