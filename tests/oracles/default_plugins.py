"""highdicom as it is without optional plugins: pydicom decodes lossy JPEG with Pillow.

pylibjpeg is installed for lossless JPEG and HTJ2K, which nothing else here decodes beside us; for
lossy JPEG it would come before Pillow and give other pixels, up to 9 levels away.
"""

from __future__ import annotations

__all__ = ["use_default_plugins"]


def use_default_plugins() -> None:
    """Take pylibjpeg from pydicom's decoders of lossy JPEG, in this process."""
    from pydicom.pixels.decoders.base import JPEGBaseline8BitDecoder, JPEGExtended12BitDecoder

    for decoder in (JPEGBaseline8BitDecoder, JPEGExtended12BitDecoder):
        if "pylibjpeg" in decoder.available_plugins:
            decoder.remove_plugin("pylibjpeg")
