"""Series, enhanced images, segmentations and maps of one made-up body, written in seconds.

highdicom or pydicom writes the headers; frames and per-frame groups of large files are then put
together as bytes. `tests/test_made.py` holds small ones against highdicom's own writers.
"""

from made.ct import ct_series, enhanced_ct, write_enhanced_ct, write_series
from made.maps import parametric_map
from made.phantom import ORGANS, Phantom
from made.segmentation import MadeSegmentation, write_segmentation

__all__ = [
    "ORGANS",
    "MadeSegmentation",
    "Phantom",
    "ct_series",
    "enhanced_ct",
    "parametric_map",
    "write_enhanced_ct",
    "write_segmentation",
    "write_series",
]
