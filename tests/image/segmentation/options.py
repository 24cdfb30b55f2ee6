"""Options that all reading methods of a segmentation share, as hypothesis draws them."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from image.segmentation.drawn import Recipe

__all__ = ["MANY", "SOME", "crops", "leaves_one_label", "segment_options"]

# Writing takes so long that a failure is shown as it was drawn, and not made smaller first.
_ANY = settings(
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
)
MANY = settings(_ANY, max_examples=40)
SOME = settings(_ANY, max_examples=15)

DTYPES = [
    None,
    np.uint8,
    np.uint16,
    np.int8,
    np.int32,
    np.uint64,
    np.float16,
    np.float32,
    np.float64,
    bool,
    "complex64",
]


@st.composite
def segment_options(draw: st.DrawFn, recipe: Recipe, *, mistakes: bool = True) -> dict[str, Any]:
    """Draw options, most of them possible: all, unless there may be mistakes."""
    options: dict[str, Any] = {}
    if draw(st.booleans()):
        options["combine_segments"] = draw(st.booleans())
    if draw(st.booleans()):
        options["relabel"] = draw(st.booleans())
    if draw(st.booleans()):
        options["skip_overlap_checks"] = draw(st.booleans())
    if draw(st.integers(0, 3)) == 0 and (mistakes or not options.get("combine_segments")):
        options["rescale_fractional"] = draw(st.booleans())
    if draw(st.integers(0, 2)) == 0:
        options["dtype"] = draw(st.sampled_from(DTYPES if mistakes else [None, np.float64]))
    if draw(st.booleans()):
        some = draw(
            st.lists(st.sampled_from(recipe.numbers), unique=True, min_size=0 if mistakes else 1)
        )
        if mistakes and draw(st.integers(0, 19)) == 0:
            some.append(draw(st.sampled_from([0, 256, 3, 77])))
        options["segment_numbers"] = some
    return options


def leaves_one_label(recipe: Recipe, options: dict[str, Any]) -> bool:
    """Whether highdicom 0.28 leaves one label in that was not asked for (its own mistake)."""
    asked = options.get("segment_numbers")
    return (
        recipe.kind == "LABELMAP"
        and bool(options.get("combine_segments"))
        and not options.get("relabel")
        and asked is not None
        and len(set(asked)) == len(recipe.numbers) - 1
    )


@st.composite
def crops(draw: st.DrawFn, sizes: dict[str, int]) -> dict[str, Any]:
    """Draw starts and ends along named axes, now and then impossible ones."""
    found: dict[str, Any] = {}
    for axis, size in sizes.items():
        if draw(st.booleans()):
            continue
        start, stop = sorted(draw(st.tuples(st.integers(1, size + 1), st.integers(1, size + 1))))
        if draw(st.booleans()):
            found[f"{axis}_start"] = start if draw(st.integers(0, 3)) else start - size - 1
        if draw(st.booleans()):
            found[f"{axis}_end"] = stop
    return found
