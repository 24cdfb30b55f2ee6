"""Frames stacked along their normal: which slice each one is, and where the volume lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nearline.errors import AmbiguousFrames, InvalidOption, NoVolume

if TYPE_CHECKING:
    from highdicom import VolumeGeometry
    from numpy.typing import ArrayLike, NDArray

    from nearline.dicom.columns import Columns
    from nearline.image.geometry.region import Span

__all__ = ["Planes", "Stack", "planes_of", "stack_of"]

# Odd numbers without pattern, by which three coordinates become one key.
_MIX = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)


@dataclass(frozen=True, slots=True, eq=False)
class Planes:
    """Where frames lie, each in the patient's coordinates (PS3.3 C.7.6.2.1.1).

    Attributes
    ----------
    positions : ndarray of float64, shape (n, 3)
        Centre of the first pixel, in mm.
    orientation : ndarray of float64, shape (6,)
        Direction cosines of rows and columns, that of all frames.
    pixel_spacing : ndarray of float64, shape (2,)
        Between rows, then between columns, in mm.
    slice_spacing : float or None
        Spacing Between Slices in mm, as far as all frames have the same.
    shape : tuple of (int, int)
        Rows and columns of a frame.
    """

    positions: NDArray[np.float64]
    orientation: NDArray[np.float64]
    pixel_spacing: NDArray[np.float64]
    slice_spacing: float | None
    shape: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """A volume of frames that are parallel and evenly spaced along their normal.

    Attributes
    ----------
    slice_of : ndarray of intp, shape (n,)
        For each frame, its 0-based slice: ascending along the normal, so that
        slices, rows and columns make a right-handed system.
    number_of_slices : int
        Slices up to the last frame's, those included that no frame shows.
    geometry : highdicom.VolumeGeometry
        Of the whole volume.
    """

    slice_of: NDArray[np.intp]
    number_of_slices: int
    geometry: VolumeGeometry

    def within(self, slices: Span) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the frames that lie in some slices, and which of these slices each is."""
        frames = np.flatnonzero((self.slice_of >= slices.start) & (self.slice_of < slices.stop))
        return frames, self.slice_of[frames] - slices.start


def planes_of(
    per_frame: Columns,
    shape: tuple[int, int],
    *,
    name: str,
    frames: NDArray[np.intp] | None = None,
) -> Planes:
    """Collect where frames lie.

    Parameters
    ----------
    per_frame : Columns
        Attributes of all frames of the image.
    shape : tuple of (int, int)
        Rows and columns of a frame.
    name : str
        Of the image, for messages.
    frames : ndarray of intp, optional
        0-based indices of those asked for; by default all.

    Raises
    ------
    NoVolume
        A frame has no position, or they differ in orientation or spacing.
    """
    positions = _rows(per_frame, "ImagePositionPatient", frames, name)
    orientation = _rows(per_frame, "ImageOrientationPatient", frames, name)
    spacing = _rows(per_frame, "PixelSpacing", frames, name)
    between: float | None = None
    if "SpacingBetweenSlices" in per_frame:
        known = _chosen(per_frame["SpacingBetweenSlices"], frames)
        if not np.isnan(known).any():
            between = float(_same(known[:, np.newaxis], "SpacingBetweenSlices", name)[0])
    return Planes(
        np.asarray(positions, np.float64),
        _same(orientation, "ImageOrientationPatient", name),
        _same(spacing, "PixelSpacing", name),
        between,
        shape,
    )


def stack_of(
    planes: Planes,
    *,
    name: str,
    frame_of_reference_uid: str | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    perpendicular_tol: float | None = None,
    allow_missing_positions: bool = False,
    allow_duplicate_positions: bool = True,
) -> Stack:
    """Sort frames into slices, as `highdicom.spatial.get_volume_positions` does.

    Parameters
    ----------
    planes : Planes
        At least one.
    name : str
        Of the image, for messages.
    frame_of_reference_uid : str, optional
        For the geometry.
    rtol, atol : float, optional
        By how much spacings may differ from their mean: relatively (0.01 unless
        given), or in mm. Only one of them.
    perpendicular_tol : float, optional
        By how much the cosine between the direction of stacking and the normal
        may differ from 1; 0.001 unless given.
    allow_missing_positions : bool
        Let there be slices that no frame shows.
    allow_duplicate_positions : bool
        Let several frames lie at one place.

    Raises
    ------
    NoVolume
        The frames are not evenly spaced along their normal; says what was found.
    AmbiguousFrames
        Several lie at one place, and must not.
    InvalidOption
        `rtol` and `atol` together, or a negative tolerance.
    """
    from highdicom import CoordinateSystemNames, VolumeGeometry
    from highdicom.spatial import get_volume_positions

    if rtol is not None and atol is not None:
        raise InvalidOption("rtol and atol exclude each other: give one of them.")
    if perpendicular_tol is not None and perpendicular_tol < 0:
        raise InvalidOption(f"perpendicular_tol={perpendicular_tol} must not be negative.")
    distinct, which = _distinct(planes.positions)
    if not allow_duplicate_positions and len(distinct) < len(planes.positions):
        raise _duplicates(which, name)
    # A spacing of 0 says nothing: highdicom refuses it, and with it the image.
    hint = abs(planes.slice_spacing) if planes.slice_spacing else None
    try:
        spacing, places = get_volume_positions(
            distinct.tolist(),
            planes.orientation.tolist(),
            rtol=rtol,
            atol=atol,
            perpendicular_tol=perpendicular_tol,
            allow_missing_positions=allow_missing_positions,
            spacing_hint=hint,
        )
        if spacing is None or places is None:
            raise NoVolume(
                f"The frames of {name} do not make a volume: "
                + _reason(distinct, planes.orientation, hint, allow_missing_positions)
            )
        slice_of = np.asarray(places, np.intp)[which]
        number_of_slices = max(places) + 1
        geometry = VolumeGeometry.from_attributes(
            image_position=planes.positions[np.argmin(slice_of)].tolist(),
            image_orientation=planes.orientation.tolist(),
            rows=planes.shape[0],
            columns=planes.shape[1],
            pixel_spacing=planes.pixel_spacing.tolist(),
            number_of_frames=number_of_slices,
            spacing_between_slices=spacing,
            coordinate_system=CoordinateSystemNames.PATIENT,
            frame_of_reference_uid=frame_of_reference_uid,
        )
    except NoVolume:
        raise
    except ValueError as error:
        raise NoVolume(f"The frames of {name} do not make a volume: {error}") from None
    if not allow_duplicate_positions and len(set(places)) < len(places):
        # Nearly one place: less apart than the spacing that the image announces.
        raise _duplicates(slice_of, name)
    return Stack(slice_of, number_of_slices, geometry)


def _rows(
    per_frame: Columns, keyword: str, frames: NDArray[np.intp] | None, name: str
) -> NDArray[Any]:
    column = per_frame.get(keyword)
    if column is None:
        raise NoVolume(
            f"{name} does not say where its frames lie: it has no {keyword}. "
            "Read its frames with get_frames."
        )
    found = _chosen(column, frames)
    lacking = np.flatnonzero(~np.isfinite(found).all(axis=1))
    if len(lacking):
        frame = lacking[0] if frames is None else frames[lacking[0]]
        raise NoVolume(
            f"{len(lacking)} frames of {name} have no {keyword}, frame {frame + 1} being the "
            "first. Read its frames with get_frames."
        )
    return found


def _chosen(column: NDArray[Any], frames: NDArray[np.intp] | None) -> NDArray[Any]:
    return column if frames is None else column[frames]


def _same(found: NDArray[Any], keyword: str, name: str) -> NDArray[np.float64]:
    differing = np.flatnonzero((found != found[0]).any(axis=1))
    if len(differing):
        raise NoVolume(
            f"The frames of {name} differ in {keyword}: {_text(found[0])} and "
            f"{_text(found[differing[0]])} are found. Frames that are not parallel and alike make "
            "no volume; read them with get_frames."
        )
    return np.asarray(found[0], np.float64)


def _distinct(positions: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return each position once, and for each frame which of them it has."""
    # Zero has two signs.
    rows = np.ascontiguousarray(positions + 0.0)
    keys = (rows.view(np.uint64) * _MIX).sum(axis=1, dtype=np.uint64)
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    distinct = rows[first]
    if not np.array_equal(distinct[which], rows):
        # Two positions share a key.
        distinct, which = np.unique(rows, axis=0, return_inverse=True)
    return distinct, np.asarray(which.reshape(-1), np.intp)


def _duplicates(which: NDArray[np.intp], name: str) -> AmbiguousFrames:
    counts = np.bincount(which)
    place = int(np.argmax(counts))
    frames = (np.flatnonzero(which == place) + 1).tolist()
    shown = ", ".join(map(str, frames[:5])) + (", ..." if len(frames) > 5 else "")
    return AmbiguousFrames(
        f"Several frames of {name} lie at one place: frames {shown} do. A volume has one frame a "
        "slice; read the frames that you want with get_frames."
    )


def _reason(
    positions: NDArray[np.float64],
    orientation: NDArray[np.float64],
    hint: float | None,
    allow_missing: bool,
) -> str:
    """Say what keeps positions, at least two and all distinct, from making a volume."""
    normal = np.cross(orientation[3:], orientation[:3])
    heights = positions @ normal
    order = np.argsort(heights)
    gaps = np.diff(heights[order])
    aside = positions[order] - positions[order[0]]
    aside -= np.outer(aside @ normal, normal)
    shift = float(np.linalg.norm(aside, axis=1).max())
    smallest, mean, largest = (float(one) for one in (gaps.min(), gaps.mean(), gaps.max()))
    if shift > max(mean, 1e-6) * 0.04:
        return (
            f"they are shifted against each other by up to {shift:.4g} mm within their plane. "
            "perpendicular_tol widens what is tolerated; else read them with get_frames."
        )
    if hint is not None and largest - smallest <= 0.01 * mean:
        return (
            f"they lie {mean:.4g} mm apart, but SpacingBetweenSlices says {hint:.4g} mm. "
            "rtol or atol widens what is tolerated; else read them with get_frames."
        )
    advice = (
        "rtol or atol widens what is tolerated; else read them with get_frames."
        if allow_missing
        else "If slices are missing, pass allow_missing_positions=True; rtol or atol widens what "
        "is tolerated."
    )
    return (
        f"they are not evenly spaced: neighbours lie between {smallest:.4g} and {largest:.4g} mm "
        f"apart. {advice}"
    )


def _text(row: ArrayLike) -> str:
    return "\\".join(f"{one:g}" for one in np.atleast_1d(np.asarray(row)).tolist())
