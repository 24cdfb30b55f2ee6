"""Frames of a segmentation, read in the order of the file and pasted where they belong."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from nearline.image.geometry.tiles import plan_pastes
from nearline.image.reading.runs import visit_runs
from nearline.image.segmentation.canvas import canvas_for
from nearline.image.segmentation.colours import colours_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

    from nearline.image.geometry.region import Region
    from nearline.image.geometry.tiles import Paste, Tiling
    from nearline.image.opened import Opened
    from nearline.image.segmentation.request import Request
    from nearline.image.segmentation.selection import Selection

__all__ = ["matrix_array", "places_at_once", "stack_array"]

_AT_ONCE = 256 << 10
"""Pixels that are worked on together: few enough to stay in a processor's own cache."""

_WHOLE = slice(None)


def places_at_once(opened: Opened) -> int:
    """Say how many frames are pasted together, for `select`."""
    format_ = opened.facts.format
    return max(1, _AT_ONCE // max(1, format_.rows * format_.columns))


def stack_array(
    opened: Opened,
    dataset: Dataset,
    request: Request,
    selection: Selection,
    count: int,
    *,
    rows: slice = _WHOLE,
    columns: slice = _WHOLE,
) -> NDArray[Any]:
    """Read frames and stack them by their places.

    Where pixels decide whether the request can be met, frames are looked at as
    a whole, also where they are cropped, so that a crop never hides a conflict.

    Parameters
    ----------
    dataset : Dataset
        The header; only colours need it.
    request : Request
        Which segments, and how to show them.
    selection : Selection
        Which frames, and their places.
    count : int
        Places.
    rows, columns : slice
        What to take of each; of step 1.

    Returns
    -------
    ndarray of the request's dtype, shape (count, rows, columns) or with one axis more
        Places without frames are background.
    """
    format_ = opened.facts.format
    all_rows, all_columns = range(format_.rows), range(format_.columns)
    cropped = (len(all_rows[rows]), len(all_columns[columns]))
    crops = cropped != (format_.rows, format_.columns)
    crops_result = crops and request.checks_overlap
    crops_frames = crops and request.checks_values and not crops_result
    shape = (format_.rows, format_.columns) if crops_result else cropped
    canvas = canvas_for(request, (count, *shape), colours_of(dataset, request))

    def use(indices: NDArray[np.intp], values: NDArray[Any]) -> None:
        for group in selection.groups(indices):
            some = values[group.values]
            canvas.check(some)
            if crops_frames:
                some = some[:, rows, columns]
            canvas.paste((group.places, _WHOLE, _WHOLE), group.channel, some, group.stripe)

    crops_early = crops and not crops_result and not crops_frames
    visit_runs(
        opened.frames,
        selection.frames,
        use,
        rows=rows if crops_early else _WHOLE,
        columns=columns if crops_early else _WHOLE,
    )
    made = canvas.result()
    return made[:, rows, columns].copy() if crops_result else made


def matrix_array(
    opened: Opened, tiling: Tiling, dataset: Dataset, request: Request, region: Region
) -> NDArray[Any]:
    """Read a region of the total pixel matrix.

    Parameters
    ----------
    tiling : FullTiling or SparseTiling
        That of the image.
    region : Region
        Rows and columns of the matrix.

    Returns
    -------
    ndarray of the request's dtype, shape (rows, columns) or with one axis more
        Background where no tile is.

    Raises
    ------
    AmbiguousFrames
        Several tiles of one segment lie at one place.
    """
    canvas = canvas_for(request, region.shape, colours_of(dataset, request))
    wanted: dict[int, list[tuple[Paste, int]]] = defaultdict(list)
    late: list[tuple[Paste, int]] = []
    numbers = request.numbers.tolist() if tiling.channel == "segment" else [None]
    for channel, number in enumerate(numbers):
        path = None if number is None else str(number)
        placed = tiling.place(region, optical_path=path, focal_plane=None)
        pastes, overlapping = plan_pastes(tiling, region, placed, allow_missing=True)
        for one in pastes:
            wanted[one.frame].append((one, channel))
        if overlapping:
            late += [(one, channel) for one in pastes]
    held: dict[int, NDArray[Any]] = {}
    holding = {one.frame for one, _ in late}

    def use(indices: NDArray[np.intp], values: NDArray[Any]) -> None:
        for frame, tile in zip(indices.tolist(), values, strict=True):
            if frame in holding:
                held[frame] = tile.copy()
                continue
            for one, channel in wanted[frame]:
                canvas.check(tile[one.source])
                canvas.paste(one.target, channel, tile[one.source])

    visit_runs(opened.frames, list(wanted), use)
    for one, channel in late:
        part = held[one.frame][one.source]
        canvas.check(part)
        canvas.paste(one.target, channel, part)
    return canvas.result()
