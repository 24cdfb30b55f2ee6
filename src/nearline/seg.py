"""Segmentations, under highdicom's names."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["segread"]


def segread(*_args: Any, **_kwargs: Any) -> NoReturn:
    """Read a DICOM Segmentation; not in this release.

    Raises
    ------
    NotImplementedError
        Always; the message says what to use meanwhile.
    """
    raise NotImplementedError(
        "nearline.seg.segread comes with a later release. Meanwhile highdicom reads the same "
        "object over nearline: highdicom.seg.segread(nl.open(url), lazy_frame_retrieval=True)."
    )
