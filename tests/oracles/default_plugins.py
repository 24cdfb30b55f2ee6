"""highdicom as it is without optional plugins: pydicom decodes JPEG with Pillow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["default_plugins"]

_PYLIBJPEG = "pydicom.pixels.decoders.pylibjpeg"


@contextmanager
def default_plugins() -> Iterator[None]:
    """Hide pylibjpeg, which other tests need, from pydicom's JPEG decoders."""
    from pydicom.pixels.decoders.base import JPEGBaseline8BitDecoder

    decoder = JPEGBaseline8BitDecoder
    hidden = "pylibjpeg" in decoder.available_plugins
    if hidden:
        decoder.remove_plugin("pylibjpeg")
    try:
        yield
    finally:
        if hidden:
            decoder.add_plugin("pylibjpeg", (_PYLIBJPEG, "_decode_frame"))
