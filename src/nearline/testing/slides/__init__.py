"""Synthetic whole slide images, written as DICOM in the many layouts that archives hold.

`write_slide` makes a file of any size in seconds: it encodes a pool of
distinct tiles once and repeats them. The same recipe gives the same bytes,
except that encoders of another release may compress differently.
"""

from nearline.testing.slides.icc_profile import icc_profile
from nearline.testing.slides.recipe import Recipe
from nearline.testing.slides.slide import Slide, write_slide
from nearline.testing.slides.tissue import tissue

__all__ = ["Recipe", "Slide", "icc_profile", "tissue", "write_slide"]
