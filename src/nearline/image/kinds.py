"""From whatever holds an image to the most special class for it, in one opening."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nearline.image.image import Image
from nearline.image.opened import open_image
from nearline.opening import open_reader

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["open_special"]

_SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
_PARAMETRIC_MAP = "1.2.840.10008.5.1.4.1.1.30"


def open_special(target: Any, *, storage_options: Mapping[str, Any] | None = None) -> Image:
    """Open a segmentation as `Segmentation`, a map as `ParametricMap`, all else as `Image`.

    Raises as `imread` does.
    """
    opened, dataset = open_image(open_reader(target, storage_options=storage_options), "default")
    kind = opened.facts.sop_class_uid
    if kind in _SEGMENTATIONS:
        from nearline.image.segmentation.segmentation import Segmentation

        return Segmentation(opened, dataset)
    if kind == _PARAMETRIC_MAP:
        from nearline.image.parametric_map import ParametricMap

        return ParametricMap(opened, dataset)
    return Image(opened, dataset)
