"""Parametric maps, under highdicom's names."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["pmread"]


def pmread(*_args: Any, **_kwargs: Any) -> NoReturn:
    """Read a DICOM Parametric Map; not in this release.

    Raises
    ------
    NotImplementedError
        Always; the message says what to use meanwhile.
    """
    raise NotImplementedError(
        "nearline.pm.pmread comes with a later release. Meanwhile highdicom reads the same "
        "object over nearline: highdicom.pm.pmread(nl.open(url), lazy_frame_retrieval=True)."
    )
