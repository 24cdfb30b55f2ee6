"""Bulk annotations, under highdicom's names."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["annread"]


def annread(*_args: Any, **_kwargs: Any) -> NoReturn:
    """Read DICOM Microscopy Bulk Simple Annotations; not in this release.

    Raises
    ------
    NotImplementedError
        Always; the message says what to use meanwhile.
    """
    raise NotImplementedError(
        "nearline.ann.annread comes with a later release. Meanwhile highdicom reads the same "
        "object over nearline: highdicom.ann.annread(nl.open(url))."
    )
