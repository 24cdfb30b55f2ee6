"""Volumes as NIfTI files, placed where highdicom's affine says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from nearline.errors import InvalidOption, MissingExtra

if TYPE_CHECKING:
    from highdicom import Volume

__all__ = ["SUFFIXES", "write_nifti"]

SUFFIXES = (".nii", ".nii.gz")


def write_nifti(volume: Volume, path: str | os.PathLike[str]) -> None:
    """Write a volume; the file is there only once it is complete.

    NIfTI counts x to the right and y to the front, DICOM to the left and to
    the back (PS3.3 C.7.6.2.1.1): the affine is turned, the array is not.

    Parameters
    ----------
    volume : highdicom.Volume
        Of three dimensions: without colours or channels.
    path : str or PathLike
        Ends in ``.nii`` or ``.nii.gz``.

    Raises
    ------
    MissingExtra
        nibabel is not installed.
    InvalidOption
        The volume has channels, or the path another ending.
    """
    target = Path(path)
    suffix = next((one for one in reversed(SUFFIXES) if target.name.lower().endswith(one)), None)
    if suffix is None:
        raise InvalidOption(f"{target} must end in {' or '.join(SUFFIXES)}.")
    if volume.array.ndim != 3:
        raise InvalidOption(
            f"A volume of shape {volume.array.shape} has channels, which a NIfTI file does not: "
            "combine segments, or choose one of them."
        )
    try:
        import nibabel  # noqa: F401
    except ImportError:
        raise MissingExtra('NIfTI files take nibabel: pip install "nearline[nifti]".') from None
    unfinished = target.with_name(f".{os.getpid()}-{target.name.removesuffix(suffix)}{suffix}")
    try:
        volume.to_nibabel().to_filename(unfinished)
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)
