"""Which ICC profile describes the colours of a frame (PS3.3 C.11.15, C.8.12.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nearline.errors import InvalidDicom

if TYPE_CHECKING:
    from pydicom import Dataset

    from nearline.image.transforms.levels import TransformLevels

__all__ = ["find_icc_profile"]


def find_icc_profile(
    levels: TransformLevels, optical_path: str | None = None
) -> tuple[bytes | None, bool]:
    """Find the profile of a frame.

    Parameters
    ----------
    levels : TransformLevels
        The image and the frame.
    optical_path : str, optional
        Identifier of the frame's optical path, where the image's functional
        groups need not be asked for it.

    Returns
    -------
    profile : bytes or None
        None if the image carries none for the frame.
    shared : bool
        Whether it holds for all frames.

    Raises
    ------
    InvalidDicom
        Of several optical paths, the frame's cannot be found.
    """
    image = levels.image
    if "ICCProfile" in image:
        return image.ICCProfile, True
    paths = image.get("OpticalPathSequence")
    if not paths:
        return None, True
    if len(paths) == 1:
        return paths[0].get("ICCProfile"), True
    identifier, shared = (optical_path, False) if optical_path else _identifier(levels)
    for path in paths:
        if path.get("OpticalPathIdentifier") == identifier:
            return path.get("ICCProfile"), shared
    raise InvalidDicom(
        f"The image has {len(paths)} optical paths, and frame {levels.frame_index + 1} does not "
        "say which of them is its own."
        if identifier is None
        else f"Frame {levels.frame_index + 1} belongs to optical path {identifier!r}, of which "
        "(0048,0105) Optical Path Sequence says nothing."
    )


def _identifier(levels: TransformLevels) -> tuple[str | None, bool]:
    own = _path_of(levels.own)
    if own is not None:
        return own, False
    return _path_of(levels.shared), True


def _path_of(groups: Dataset | None) -> str | None:
    items = groups.get("OpticalPathIdentificationSequence") if groups is not None else None
    return str(items[0].OpticalPathIdentifier) if items else None
