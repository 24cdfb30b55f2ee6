"""NIfTI images as programs write them, by nibabel."""

from __future__ import annotations

import gzip
import io

import nibabel
import numpy as np

__all__ = ["nifti"]


def nifti(array, *, sizes=(1.0, 1.0, 1.0), scale=None, packed=True, big=False) -> bytes:
    """Return the bytes of an image file; `scale` is slope and intercept of the header."""
    affine = np.diag([*sizes[:3], 1.0])
    header = nibabel.Nifti1Header(endianness=">" if big else "<")
    header.set_data_dtype(array.dtype)
    image = nibabel.Nifti1Image(array, affine, header)
    image.header.set_zooms(sizes)
    if scale:
        image.header.set_slope_inter(*scale)
    file = io.BytesIO()
    image.to_file_map({"image": nibabel.FileHolder(fileobj=file)})
    data = file.getvalue()
    return gzip.compress(data, mtime=0) if packed else data
