"""Frames arranged in space: announced under highdicom's names, for a later release."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["VolumeMethods"]


class VolumeMethods:
    """Methods of `highdicom.Image` that this release lacks; each says what to use meanwhile."""

    def get_volume(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Not in this release."""
        raise _later("get_volume")

    def get_volume_geometry(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Not in this release."""
        raise _later("get_volume_geometry")

    def get_pixels_by_source_instance(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Not in this release."""
        raise _later("get_pixels_by_source_instance")

    def get_pixels_by_source_frame(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Not in this release."""
        raise _later("get_pixels_by_source_frame")


def _later(name: str) -> NotImplementedError:
    return NotImplementedError(
        f"Image.{name} comes with a later release. Meanwhile highdicom reads the same object over "
        f"nearline: highdicom.imread(nl.open(url), lazy_frame_retrieval=True).{name}(...)."
    )
