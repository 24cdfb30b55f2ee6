"""What a call gives, arrays or errors, compared on both sides."""

from __future__ import annotations

import builtins
import sqlite3
from typing import Any

import highdicom
import numpy as np
from hypothesis import HealthCheck, Phase, settings
from numpy.testing import assert_allclose

import nearline as nl
from oracles.pixels import assert_same

__all__ = [
    "BROAD",
    "assert_same_geometry",
    "assert_same_outcome",
    "assert_same_volume",
    "shared_bases",
]

BROAD = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    # Files are costly to draw: what fails is shown as it was drawn.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
"""Of every test that compares with highdicom on drawn files."""

_COMMON = {object, BaseException, Exception}


def shared_bases(one: Exception, two: Exception) -> set[type]:
    """Return the builtin classes that both errors are, but for those that all are."""
    return _builtin_bases(one) & _builtin_bases(two)


def _builtin_bases(error: Exception) -> set[type]:
    found = {kind for kind in type(error).__mro__ if kind.__name__ in vars(builtins)}
    return found - _COMMON


def _is_broken(theirs: Any) -> bool:
    """Whether highdicom failed in its database, on None, on nothing, or on a single slice."""
    if isinstance(theirs, highdicom.Volume):
        return theirs.array.size == 0
    if isinstance(theirs, ValueError) and not theirs.args:
        return True
    told = str(theirs)
    return (
        isinstance(theirs, sqlite3.Error)
        or "unsupported operand type" in told
        or "zero-size array" in told
    )


def assert_same_geometry(ours: Any, theirs: Any) -> None:
    """Compare what is in space."""
    if theirs is None:
        assert ours is None
        return
    assert isinstance(ours, highdicom.volume.VolumeGeometry | highdicom.Volume)
    assert_allclose(ours.affine, theirs.affine, rtol=1e-12, atol=1e-9)
    assert ours.spatial_shape == theirs.spatial_shape
    if theirs.frame_of_reference_uid is not None:  # its own geometries often forget it
        assert ours.frame_of_reference_uid == theirs.frame_of_reference_uid
    assert ours.coordinate_system == theirs.coordinate_system


def assert_same_volume(ours: Any, theirs: highdicom.Volume) -> None:
    """Compare values, type, place and channels."""
    assert isinstance(ours, highdicom.Volume)
    assert_same(ours.array, theirs.array)
    assert_same_geometry(ours, theirs)
    assert ours.channel_descriptors == theirs.channel_descriptors
    for descriptor in theirs.channel_descriptors:
        one, two = ours.get_channel_values(descriptor), theirs.get_channel_values(descriptor)
        assert list(one) == list(two)


def assert_same_outcome(ours: Any, theirs: Any) -> None:
    """Compare two results of `attempt`.

    Where highdicom breaks inside, or gives a volume of nothing, we answer or say why not.
    """
    if _is_broken(theirs):
        assert not isinstance(ours, Exception) or isinstance(ours, nl.NearlineError)
        return
    if isinstance(theirs, Exception):
        assert isinstance(ours, Exception), f"highdicom says {theirs!r}, we give {ours!r}"
        assert shared_bases(ours, theirs), f"{ours!r} is none of {type(theirs)}: {theirs}"
        told = isinstance(ours, nl.NearlineError | TypeError)
        assert told, f"not a class of ours: {ours!r}"
        return
    if isinstance(ours, Exception):
        raise AssertionError(f"highdicom gives {type(theirs)}, we say {ours!r}") from ours
    if isinstance(theirs, highdicom.Volume):
        assert_same_volume(ours, theirs)
    elif isinstance(theirs, highdicom.volume.VolumeGeometry):
        assert_same_geometry(ours, theirs)
    elif isinstance(theirs, np.ndarray):
        assert_same(ours, theirs)
    else:
        assert ours == theirs
