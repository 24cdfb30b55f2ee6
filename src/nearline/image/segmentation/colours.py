"""The palette of a label map, of which only the segments asked for keep their colours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nearline.image.transforms.lookup_table import LookupTable
from nearline.image.transforms.transform import make_transform

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

    from nearline.image.segmentation.request import Request

__all__ = ["colours_of"]


def colours_of(dataset: Dataset, request: Request) -> Callable[[NDArray[Any]], NDArray[Any]] | None:
    """Return what turns stored labels into RGB; None where no colours are asked for.

    The callable takes any number of axes; labels that were not asked for get
    the colour of the background.

    Raises
    ------
    TransformMissing, InvalidTransform
        The image carries no palette, or not the ICC profile that is required.
    """
    if not request.palette:
        return None
    transform = make_transform(
        dataset,
        output_dtype=request.dtype,
        apply_real_world_transform=False,
        apply_modality_transform=False,
        apply_palette_color_lut=True,
        apply_icc_profile=request.icc,
    )
    table = transform.stage
    if isinstance(table, LookupTable):
        asked = set(request.numbers.tolist())
        hidden = [number for number in request.segments.labels if number not in asked]
        values = table.values.copy()
        places = np.array(hidden, np.intp) - table.first
        places = places[(places >= 0) & (places < len(values))]
        values[places] = values[
            min(max(request.segments.background - table.first, 0), len(values) - 1)
        ]
        transform = replace(transform, stage=LookupTable(table.first, values, table.clip))

    def colour(labels: NDArray[Any]) -> NDArray[Any]:
        if labels.ndim == 2:
            return transform(labels)
        made = [transform(frame) for frame in labels]
        return np.stack(made) if made else np.zeros((*labels.shape, 3), request.dtype)

    return colour
