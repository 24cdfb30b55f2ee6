"""Encoded values of many frames at once, as NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["numbers", "text"]

_BINARY = {
    b"US": "u2",
    b"SS": "i2",
    b"UL": "u4",
    b"SL": "i4",
    b"UV": "u8",
    b"SV": "i8",
    b"FL": "f4",
    b"FD": "f8",
}
_BACKSLASH = 0x5C


def numbers(
    block: NDArray[np.uint8], vr: bytes, *, little_endian: bool
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Read the numbers of one attribute.

    Parameters
    ----------
    block : ndarray of uint8, shape (m, length)
        The encoded values, one row a frame.

    Returns
    -------
    values : ndarray, shape (m, k)
        float64 for DS and IS, else of the VR's type.
    present : ndarray of bool, shape (m, k)
        False where a value is empty or no number.
    """
    rows, size = block.shape
    if (code := _BINARY.get(vr)) is not None:
        dtype = np.dtype(code).newbyteorder("<" if little_endian else ">")
        whole = size - size % dtype.itemsize
        values = np.ascontiguousarray(block[:, :whole]).view(dtype)
        return values, np.ones(values.shape, bool)
    if size == 0:
        return np.zeros((rows, 0)), np.zeros((rows, 0), bool)
    if rows > 1 and (block == block[0]).all():
        values, present = numbers(block[:1], vr, little_endian=little_endian)
        shape = (rows, values.shape[1])
        return np.broadcast_to(values, shape), np.broadcast_to(present, shape)
    return _decimals(block)


def _decimals(block: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    counts = (block == _BACKSLASH).sum(axis=1) + 1
    width = int(counts.max())
    separator = np.full((len(block), 1), _BACKSLASH, np.uint8)
    words = np.concatenate([block, separator], axis=1).tobytes().split(b"\\")[:-1]
    try:
        flat = np.array(words).astype(np.float64)
        known = np.isfinite(flat)
    except ValueError:
        flat = np.array([_decimal(word) for word in words])
        known = np.isfinite(flat)
    if (counts == width).all():
        return flat.reshape(-1, width), known.reshape(-1, width)
    values = np.full((len(block), width), np.nan)
    present = np.zeros((len(block), width), bool)
    filled = np.arange(width) < counts[:, None]
    values[filled], present[filled] = flat, known
    return values, present


def _decimal(word: bytes) -> float:
    try:
        return float(word.strip(b" \0"))
    except ValueError:
        return np.nan


def text(block: NDArray[np.uint8]) -> NDArray[np.bytes_]:
    """Read the text of one attribute, padding removed, in its own character set.

    Returns
    -------
    ndarray of bytes, shape (m,)
    """
    rows, size = block.shape
    if size == 0:
        return np.zeros(rows, "S1")
    if rows > 1 and (block == block[0]).all():
        return np.repeat(text(block[:1]), rows)
    return np.char.strip(np.ascontiguousarray(block).view(f"S{size}")[:, 0], b" \0")
