"""Segments by the images that they were drawn on."""

from __future__ import annotations

from nearline.image.segmentation.in_space import InSpace

__all__ = ["BySource"]


class BySource(InSpace):
    """Reading a segmentation by its source images."""
