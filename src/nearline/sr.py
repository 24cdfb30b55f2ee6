"""Structured reports, under highdicom's names."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["srread"]


def srread(*_args: Any, **_kwargs: Any) -> NoReturn:
    """Read a DICOM Structured Report; not in this release.

    Raises
    ------
    NotImplementedError
        Always; the message says what to use meanwhile.
    """
    raise NotImplementedError(
        "nearline.sr.srread comes with a later release. Meanwhile highdicom reads the same "
        "object over nearline: highdicom.sr.srread(nl.open(url))."
    )
