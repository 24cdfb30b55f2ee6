"""Regions of slides as highdicom and wsidicom read them; rows and columns 0-based."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import highdicom
import numpy as np
from numpy.typing import NDArray

__all__ = ["region_by_highdicom", "region_by_wsidicom"]


def region_by_highdicom(path: Path, rows: slice, columns: slice, **transforms: Any) -> NDArray[Any]:
    """Read a region with highdicom, uint8 unless told otherwise."""
    image = highdicom.imread(path, lazy_frame_retrieval=True)
    return image.get_total_pixel_matrix(
        row_start=rows.start,
        row_end=rows.stop,
        column_start=columns.start,
        column_end=columns.stop,
        as_indices=True,
        **{"dtype": np.uint8, **transforms},
    )


def region_by_wsidicom(path: Path, rows: slice, columns: slice) -> NDArray[np.uint8]:
    """Read a region of the only level of a slide with wsidicom: no colour transform."""
    from wsidicom import WsiDicom

    size = columns.stop - columns.start, rows.stop - rows.start
    with WsiDicom.open(path) as slide:
        return np.asarray(slide.read_region((columns.start, rows.start), 0, size))
