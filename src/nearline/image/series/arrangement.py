"""Slices in space: the checks of `highdicom.get_volume_from_series`, purely."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nearline.errors import InvalidOption, NoVolume
from nearline.image.geometry.stack import Planes, Stack, stack_of

__all__ = ["Place", "arrange", "in_order"]

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Place:
    """Where one object lies, as its header says.

    Attributes
    ----------
    url : str
    frame_of_reference : str
        UID.
    position : tuple of float
        Centre of the first pixel in mm, patient's coordinates (PS3.3 C.7.6.2.1.1).
    orientation : tuple of float
        Direction cosines of rows and columns.
    spacing : tuple of float
        Pixel Spacing: between rows, then between columns, in mm.
    shape : tuple of int
        Rows and columns.
    between : float or None
        Spacing Between Slices in mm.
    number : int
        Instance Number.
    """

    url: str
    frame_of_reference: str
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing: tuple[float, ...]
    shape: tuple[int, int]
    between: float | None
    number: int


def in_order(places: Sequence[Place]) -> list[int]:
    """Return the indices of objects along their normal; by number where they are not parallel."""
    orientations = {one.orientation for one in places}
    if len(orientations) == 1:
        cosines = np.array(orientations.pop(), np.float64)
        normal = np.cross(cosines[3:], cosines[:3])
        heights = np.array([one.position for one in places], np.float64) @ normal
        return sorted(range(len(places)), key=lambda i: (heights[i], places[i].number))
    return sorted(range(len(places)), key=lambda i: (places[i].number, places[i].url))


def arrange(
    places: Sequence[Place],
    *,
    name: str,
    rtol: float | None,
    atol: float | None,
    perpendicular_tol: float | None,
    orientation_tol: float | None,
) -> Stack:
    """Stack the objects of a series.

    Raises
    ------
    NoVolume
        They do not share frame of reference, orientation, spacing or size, or
        are not evenly spaced; says which objects differ.
    AmbiguousFrames
        Two lie at one place.
    """
    _check_same(places, lambda one: one.frame_of_reference, "FrameOfReferenceUID", name)
    _check_same(places, lambda one: one.shape, "Rows and Columns", name)
    if orientation_tol is None:
        hint = "orientation_tol= allows for small differences; else p"
        _check_same(places, lambda one: one.orientation, "ImageOrientationPatient", name, hint)
        orientation = places[0].orientation
    else:
        orientation = _common_orientation(places, orientation_tol, name)
    _check_same(places, lambda one: one.spacing, "PixelSpacing", name)
    planes = Planes(
        np.array([one.position for one in places], np.float64),
        np.array(orientation, np.float64),
        np.array(places[0].spacing, np.float64),
        # What the positions say counts, unless there is but one.
        places[0].between if len(places) == 1 else None,
        places[0].shape,
    )
    return stack_of(
        planes,
        name=name,
        frame_of_reference_uid=places[0].frame_of_reference,
        rtol=rtol,
        atol=atol,
        perpendicular_tol=perpendicular_tol,
        allow_duplicate_positions=False,
    )


def _check_same(
    places: Sequence[Place],
    value: Callable[[Place], Hashable],
    keyword: str,
    name: str,
    hint: str = "P",
) -> None:
    counts = Counter(map(value, places))
    if len(counts) == 1:
        return
    common = counts.most_common(1)[0][0]
    others = [one for one in places if value(one) != common]
    raise NoVolume(
        f"The objects of {name} differ in {keyword}: {len(places) - len(others)} have "
        f"{_text(common)}, and {len(others)} have others, such as {_text(value(others[0]))} "
        f"({_urls(others)}). {hint}ass a list of the URLs that belong together."
    )


def _common_orientation(places: Sequence[Place], tolerance: float, name: str) -> tuple[float, ...]:
    if tolerance < 0:
        raise InvalidOption(f"orientation_tol={tolerance} must not be negative.")
    common = Counter(one.orientation for one in places).most_common(1)[0][0]
    wanted = np.array(common, np.float64).reshape(2, 3)
    found = np.array([one.orientation for one in places], np.float64).reshape(-1, 2, 3)
    cosines = (found * wanted).sum(axis=2)
    far = np.flatnonzero((cosines < 1.0 - tolerance).any(axis=1))
    if len(far):
        others = [places[i] for i in far.tolist()]
        raise NoVolume(
            f"The orientations of {name} are not the same within orientation_tol={tolerance}: "
            f"{len(others)} objects differ by more from {_text(common)} ({_urls(others)}). Pass a "
            "list of the URLs that belong together."
        )
    return common


def _urls(places: Sequence[Place]) -> str:
    shown = ", ".join(one.url for one in places[:_SHOWN])
    return f"{shown}, ..." if len(places) > _SHOWN else shown


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return "\\".join(f"{one:g}" for one in value)
    return str(value)
