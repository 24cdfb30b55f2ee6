"""Voxels of a NIfTI-1 file, as far as volumes of segmentations need them.

Single files (``.nii``, ``.nii.gz``) with one of the plain number types
(nifti.nimh.nih.gov/pub/dist/src/niftilib/nifti1.h).
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nearline.measurements.text_file import refuse

__all__ = ["Nifti"]

MAX_BYTES = 1 << 30
"""Of the voxels, unpacked: a head at half a millimetre has 0.5 GiB as float32."""

_HEADER = 348
_FIRST = 352
_TYPES = {
    2: "u1",
    4: "i2",
    8: "i4",
    16: "f4",
    64: "f8",
    256: "i1",
    512: "u2",
    768: "u4",
    1024: "i8",
    1280: "u8",
}


@dataclass(frozen=True, slots=True)
class Nifti:
    """An image.

    Parameters
    ----------
    where : str
        Names the file in errors.
    shape : tuple of int
        Columns, rows, slices, ...
    voxel_volume : float
        Product of the first three sizes of a voxel, mm^3 where the file keeps to the custom.
    stored : ndarray, shape (n,)
        Numbers as stored, the first index fastest.
    slope, inter : float
        The value of a voxel is ``stored * slope + inter``.
    """

    where: str
    shape: tuple[int, ...]
    voxel_volume: float
    stored: NDArray[np.generic]
    slope: float
    inter: float

    @classmethod
    def parse(cls, data: bytes, *, where: str) -> Nifti:
        """Read an image from the bytes of its file.

        Parameters
        ----------
        data : bytes
            The whole file, compressed by gzip or not.
        where : str
            Names the file in errors.

        Returns
        -------
        Nifti
            The image.

        Raises
        ------
        UnreadableMeasurements
            Another format or number type, cut, damaged, or more than 1 GiB of voxels.
        """
        packed = data[:2] == b"\x1f\x8b"
        head = _unpacked(data, _FIRST, where=where) if packed else data[:_FIRST]
        if len(head) < _HEADER:
            refuse(where, "the file is too short for a NIfTI image")
        order = "<" if head[:4] == struct.pack("<i", _HEADER) else ">"
        if head[:4] != struct.pack(f"{order}i", _HEADER) or head[344:348] != b"n+1\0":
            refuse(where, "this is not a NIfTI-1 image in one file")
        dim = struct.unpack_from(f"{order}8h", head, 40)
        kind = struct.unpack_from(f"{order}h", head, 70)[0]
        sizes = struct.unpack_from(f"{order}8f", head, 76)
        offset, slope, inter = struct.unpack_from(f"{order}3f", head, 108)
        if not 1 <= dim[0] <= 7 or min(dim[1 : dim[0] + 1]) < 1:
            refuse(where, f"the image has dimensions {dim[:8]}")
        if kind not in _TYPES:
            refuse(where, f"the number type {kind} of the image is not read")
        voxel_volume = math.prod(sizes[1:4])
        if not (math.isfinite(voxel_volume) and voxel_volume > 0 and _FIRST <= offset < 1 << 20):
            refuse(where, "the header gives no size of a voxel, or a wild offset")
        shape = tuple(dim[1 : dim[0] + 1])
        dtype = np.dtype(order + _TYPES[kind])
        start, size = int(offset), math.prod(shape) * dtype.itemsize
        if size > MAX_BYTES:
            refuse(where, f"the image has {size} bytes of voxels, more than are read")
        whole = _unpacked(data, start + size, where=where, ends=True) if packed else data
        if len(whole) < start + size:
            refuse(where, "the image is cut: voxels are missing")
        stored = np.frombuffer(whole, dtype, math.prod(shape), start)
        if not (math.isfinite(slope) and math.isfinite(inter)) or slope == 0:
            slope, inter = 1.0, 0.0
        return cls(where, shape, voxel_volume, stored, slope, inter)

    def values(self) -> NDArray[np.float64]:
        """Return the values of all voxels, shape (n,), the first index fastest.

        Raises
        ------
        UnreadableMeasurements
            Some are not finite.
        """
        values = self.stored.astype(np.float64)
        if (self.slope, self.inter) != (1.0, 0.0):
            values *= self.slope
            values += self.inter
        if not np.isfinite(values).all():
            refuse(self.where, "some voxels are not finite")
        return values


def _unpacked(data: bytes, wanted: int, *, where: str, ends: bool = False) -> bytearray:
    """Return the first bytes of a gzip file, a byte more than wanted so that its end is seen."""
    out = bytearray()
    rest = data
    try:
        while rest[:2] == b"\x1f\x8b" and len(out) < wanted + 1:
            stream = zlib.decompressobj(wbits=31)
            out += stream.decompress(rest, wanted + 1 - len(out))
            if ends and not stream.eof and len(out) <= wanted:
                refuse(where, "the file is cut: its compressed data do not end")
            rest = stream.unused_data
    except zlib.error:
        refuse(where, "the compressed data are damaged")
    return out
