"""Frames put together: stacked, or pasted side by side into one array."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nearline.image.rendering import Rendering, render
from nearline.image.tiles import Paste, plan_pastes
from nearline.image.transforms.options import TransformOptions

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray
    from pydicom.dataset import Dataset

    from nearline.image.opened import Opened
    from nearline.image.region import Region, Span
    from nearline.image.tiles import Tiling

__all__ = ["frame_stack", "region_array"]


def frame_stack(
    opened: Opened, frames: Sequence[int], rendering: Rendering, region: Region | None = None
) -> NDArray[Any]:
    """Read frames and stack them in the order given.

    Parameters
    ----------
    frames : sequence of int
        0-based indices; may repeat.
    rendering : Rendering
        Made for exactly these frames.
    region : Region, optional
        Rows and columns to take from each; by default all.

    Returns
    -------
    ndarray, shape (n, rows, columns, ...)
    """
    format_ = opened.facts.format
    shape = (format_.rows, format_.columns) if region is None else region.shape
    cut = (...,) if region is None else (_slice(region.rows), _slice(region.columns))
    out = np.empty((len(frames), *shape, *rendering.samples), rendering.dtype)
    places: dict[int, list[int]] = defaultdict(list)
    for place, frame in enumerate(frames):
        places[frame].append(place)

    def use(frame: int, values: NDArray[Any]) -> None:
        rendered = rendering(frame, values)[cut]
        for place in places[frame]:
            out[place] = rendered

    opened.frames.visit(frames, use, profiles=rendering.profiles)
    return out


def region_array(
    opened: Opened,
    tiling: Tiling,
    dataset: Dataset,
    region: Region,
    dtype: DTypeLike,
    options: TransformOptions,
    *,
    optical_path: str | None,
    focal_plane: int | None,
    allow_missing: bool,
) -> NDArray[Any]:
    """Read a region of the total pixel matrix.

    Parameters
    ----------
    tiling : FullTiling or SparseTiling
        That of the image.
    region : Region
        Rows and columns of the matrix.
    optical_path : str or None
        Identifier.
    focal_plane : int or None
        0-based.
    allow_missing : bool
        Leave 0 where no tile is.

    Returns
    -------
    ndarray, shape (rows, columns, ...)
    """
    placed = tiling.place(region, optical_path=optical_path, focal_plane=focal_plane)
    pastes, overlapping = plan_pastes(tiling, region, placed, allow_missing=allow_missing)
    frames = [one.frame for one in pastes]
    rendering = render(opened, dataset, frames, dtype, options)
    out = np.zeros((*region.shape, *rendering.samples), rendering.dtype)
    by_frame = {one.frame: one for one in pastes}
    held: dict[int, NDArray[Any]] = {}

    def paste(one: Paste, values: NDArray[Any]) -> None:
        out[one.target] = values[one.source]

    def use(frame: int, values: NDArray[Any]) -> None:
        rendered = rendering(frame, values)
        if overlapping:
            held[frame] = rendered.copy()
        else:
            paste(by_frame[frame], rendered)

    opened.frames.visit(frames, use, profiles=rendering.profiles)
    if overlapping:
        for one in pastes:
            paste(one, held[one.frame])
    return out


def _slice(span: Span) -> slice:
    return slice(span.start, span.stop, span.step)
