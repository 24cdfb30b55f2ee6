"""Slides for the tests; `tests/test_slides.py` holds them against other readers."""

from nearline.testing.slides import Recipe, Slide, icc_profile, tissue, write_slide

__all__ = ["Recipe", "Slide", "icc_profile", "tissue", "write_slide"]
