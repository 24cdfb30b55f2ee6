"""The two sides: how each opens an object, and reads a region where it is a slide.

Nothing of the other side is imported, and nothing of either before it is asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from oracles.default_plugins import use_default_plugins

__all__ = ["Nearline", "Peer", "Reader", "Region", "clock", "side"]

Region = tuple[int, int, int, int]
"""Row start, row end, column start, column end: 1-based, ends excluded."""


class Reader(Protocol):
    """One side of a comparison."""

    def prepare(self, target: Mapping[str, Any]) -> Callable[[], Any]:
        """Do what needs no connection; return the function that opens the object.

        Target: ``read`` names the function (default `imread`), ``path`` or ``url`` and
        ``options`` the object, ``settings`` how nearline shall read.
        """
        ...

    def region(self, image: Any, region: Region, *, icc: bool) -> NDArray[np.uint8]:
        """Read a region as uint8."""
        ...


def _region(image: Any, region: Region, *, icc: bool) -> NDArray[np.uint8]:
    top, bottom, left, right = region
    pixels: NDArray[np.uint8] = image.get_total_pixel_matrix(
        row_start=top,
        row_end=bottom,
        column_start=left,
        column_end=right,
        dtype=np.uint8,
        apply_icc_profile=None if icc else False,
    )
    return pixels


class Nearline:
    """nearline, with a cache folder of the measurement's own."""

    region = staticmethod(_region)

    def prepare(self, target: Mapping[str, Any]) -> Callable[[], Any]:
        import nearline as nl

        read = getattr(nl, target.get("read", "imread"))

        def open_object() -> Any:
            # An image keeps the settings it was opened with.
            with nl.settings(**target["settings"]):
                if "path" in target:
                    return read(target["path"])
                return read(target["url"], storage_options=target["options"])

        return open_object


class Peer:
    """highdicom over s3fs with blocks of 500 kB, as highdicom's documentation advises.

    The filesystem and its client are made beforehand and cost the peer nothing.
    """

    region = staticmethod(_region)

    def prepare(self, target: Mapping[str, Any]) -> Callable[[], Any]:
        import highdicom

        use_default_plugins()
        name = target.get("read", "imread")
        read = highdicom.seg.segread if name == "segread" else getattr(highdicom, name)
        if "path" in target:
            return lambda: read(target["path"], lazy_frame_retrieval=True)
        import s3fs

        fs = s3fs.S3FileSystem(**target["options"], default_block_size=500_000)
        fs.connect()

        def open_object() -> Any:
            reader = fs.open(target["url"], mode="rb")
            return read(reader, lazy_frame_retrieval=True)

        return open_object


def side(name: str) -> Reader:
    """Return a reader by name, "ours" or "theirs"."""
    return Nearline() if name == "ours" else Peer()


def clock() -> float:
    """Seconds on the clock that all processes of the machine share."""
    return time.monotonic()
