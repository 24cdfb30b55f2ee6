"""Reading the same thing with both libraries."""

from __future__ import annotations

import sqlite3
from io import BytesIO
from typing import Any

import highdicom
import numpy as np

import nearline as nl

__all__ = ["assert_equal", "both"]


def both(content: bytes, method: str, *args: Any, **keywords: Any) -> tuple[Any, Any]:
    """Call a method in both libraries; return the two results, or errors.

    highdicom gets a fresh object each time: one that has raised stays locked.
    """
    found = []
    for library in (
        lambda: highdicom.seg.segread(BytesIO(content)),
        lambda: nl.segread(content),
    ):
        image = library()
        try:
            found.append(getattr(image, method)(*args, **keywords))
        except Exception as error:  # noqa: BLE001 - compared
            found.append(error)
    return found[0], found[1]


def assert_equal(content: bytes, method: str, *args: Any, **keywords: Any) -> Any:
    """Require equal arrays, dtypes and affines, or errors with a builtin base in common.

    Returns
    -------
    Any
        What both gave; None for errors.
    """
    theirs, ours = both(content, method, *args, **keywords)
    if isinstance(theirs, Exception) or isinstance(ours, Exception):
        assert isinstance(theirs, Exception), f"{ours!r}, but highdicom reads it"
        assert isinstance(ours, nl.NearlineError), f"{ours!r}, highdicom: {theirs!r}"
        assert str(ours).endswith(".")
        if not isinstance(theirs, sqlite3.Error):
            kind = next(one for one in type(theirs).__mro__ if one.__module__ == "builtins")
            assert isinstance(ours, kind), f"{ours!r}, highdicom: {theirs!r}"
        return None
    expected = theirs
    if isinstance(theirs, highdicom.Volume):
        assert isinstance(ours, highdicom.Volume)
        assert np.array_equal(theirs.affine, ours.affine)
        assert theirs.coordinate_system == ours.coordinate_system
        assert theirs.frame_of_reference_uid == ours.frame_of_reference_uid
        assert theirs.channel_descriptors == ours.channel_descriptors
        for descriptor in theirs.channel_descriptors:
            assert theirs.get_channel_values(descriptor) == ours.get_channel_values(descriptor)
        theirs, ours = theirs.array, ours.array
    assert ours.dtype == theirs.dtype
    assert ours.shape == theirs.shape
    assert np.array_equal(ours, theirs)
    return expected
