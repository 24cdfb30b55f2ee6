"""The form in which derived facts are kept: a JSON head and raw little-endian arrays."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Unreadable", "pack", "unpack"]

_MAGIC = b"nearline"
_PREAMBLE = struct.Struct("<8s16sHI")
_DTYPE = re.compile(r"[<|][biufS]\d{1,6}\Z")


class Unreadable(ValueError):
    """Kept facts cannot be used (another version, or damaged): derive them anew."""


def pack(
    kind: str, version: int, head: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> bytes:
    """Encode a head that JSON can carry and named arrays of numbers or bytes."""
    little = {
        name: np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        for name, array in arrays.items()
    }
    layout = [[name, one.dtype.str, list(one.shape)] for name, one in little.items()]
    text = json.dumps({"head": head, "arrays": layout}, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + _PREAMBLE.size) % 8)
    parts: list[Any] = [_PREAMBLE.pack(_MAGIC, kind.encode(), version, len(text)), text]
    for one in little.values():
        parts += [one, bytes(-one.nbytes % 8)]
    return b"".join(parts)


def unpack(
    kind: str, version: int, data: bytes | memoryview
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Decode what `pack` wrote; the arrays are read-only views of `data`.

    Raises
    ------
    Unreadable
        Written as another kind or version, or not written by `pack` at all.
    """
    try:
        magic, found, found_version, size = _PREAMBLE.unpack_from(data, 0)
        if (magic, found.rstrip(b"\0"), found_version) != (_MAGIC, kind.encode(), version):
            raise Unreadable(f"Not a {kind} of version {version}.")
        text = bytes(data[_PREAMBLE.size : _PREAMBLE.size + size])
        body = json.loads(text)
        position = _PREAMBLE.size + size
        arrays: dict[str, NDArray[Any]] = {}
        for name, code, shape in body["arrays"]:
            if not (isinstance(name, str) and _DTYPE.match(code)):
                raise Unreadable(f"An array of a {kind} has no known type.")
            if not all(type(side) is int and 0 <= side < 1 << 48 for side in shape):
                raise Unreadable(f"An array of a {kind} has no known shape.")
            dtype, count = np.dtype(code), prod(shape)
            arrays[name] = np.frombuffer(data, dtype, count, position).reshape(shape)
            arrays[name].flags.writeable = False
            position += -(-count * dtype.itemsize // 8) * 8
        head = body["head"]
    except Unreadable:
        raise
    except (ValueError, KeyError, TypeError, struct.error, RecursionError, OverflowError) as error:
        raise Unreadable(f"A {kind} that was kept is damaged.") from error
    if not isinstance(head, dict):
        raise Unreadable(f"A {kind} that was kept is damaged.")
    return head, arrays
