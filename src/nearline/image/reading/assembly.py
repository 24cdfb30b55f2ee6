"""Frames put together: stacked, or pasted side by side into one array."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nearline.image.geometry.region import Region, Span
from nearline.image.geometry.tiles import plan_pastes
from nearline.image.reading.rendering import Rendering, render
from nearline.image.reading.runs import visit_runs
from nearline.image.transforms.options import TransformOptions

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray
    from pydicom.dataset import Dataset

    from nearline.image.geometry.tiles import Tiling
    from nearline.image.opened import Opened

__all__ = ["frame_stack", "paste_frames", "region_array"]


_FEW = 16
"""So few whole frames are read one by one: decoded, they stay in memory for the next time."""


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
    if region is None:
        whole = Span(0, format_.rows), Span(0, format_.columns)
        region = Region(*whole)
    out = np.empty((len(frames), *region.shape, *rendering.samples), rendering.dtype)
    paste_frames(opened, frames, np.arange(len(frames)), rendering, region, out)
    return out


def paste_frames(
    opened: Opened,
    frames: Sequence[int] | NDArray[np.intp],
    places: NDArray[np.intp],
    rendering: Rendering,
    region: Region,
    out: NDArray[Any],
) -> None:
    """Read frames, in the order of the object, and put each where it belongs.

    Parameters
    ----------
    frames : sequence of int
        0-based indices; may repeat.
    places : ndarray of intp
        For each of them, an index into the first axis of `out`.
    rendering : Rendering
        Made for exactly these frames.
    region : Region
        Rows and columns to take from each.
    out : ndarray, shape (n, rows, columns, ...)
        Is filled at `places`, and nowhere else.
    """
    chosen = np.asarray(frames, np.intp)
    places_of: dict[int, list[int]] = defaultdict(list)
    for frame, place in zip(chosen.tolist(), places.tolist(), strict=True):
        places_of[frame].append(place)
    rows, columns = region.rows.as_slice, region.columns.as_slice

    def use_one(frame: int, values: NDArray[Any]) -> None:
        place, *others = places_of[frame]
        rendering.paste(frame, values, out[place])
        for other in others:
            out[other] = out[place]

    whole = region.shape == opened.facts.format.shape[:2]
    if rendering.profiles is None and not (whole and len(chosen) <= _FEW):
        # Positions that a step leaves out lie between those read.
        across = slice(None, None, rows.step), slice(None, None, columns.step)

        def use(indices: NDArray[np.intp], values: NDArray[Any]) -> None:
            for index, frame in enumerate(indices.tolist()):
                use_one(frame, values[index, *across])

        visit_runs(
            opened.frames,
            chosen,
            use,
            rows=slice(rows.start, rows.stop),
            columns=slice(columns.start, columns.stop),
        )
        return
    opened.frames.visit(
        chosen.tolist(),
        use_one,
        profiles=rendering.profiles,
        cuts={frame: [(rows, columns)] for frame in places_of},
    )


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
    target_of = {one.frame: one.target for one in pastes}
    held: dict[int, NDArray[Any]] = {}

    def use(frame: int, values: NDArray[Any]) -> None:
        rendered = rendering(frame, values)
        if overlapping:
            held[frame] = rendered.copy()
        else:
            out[target_of[frame]] = rendered

    cuts = {one.frame: [one.source] for one in pastes}
    opened.frames.visit(frames, use, profiles=rendering.profiles, cuts=cuts)
    if overlapping:
        # Where tiles overlap, their order decides.
        for one in pastes:
            out[one.target] = held[one.frame]
    return out
