"""ICC profiles of a scanner's size."""

from __future__ import annotations

import struct

__all__ = ["icc_profile"]

_GAMMA = 1.8
_WHITE = (0.9642, 1.0, 0.8249)  # D50, the white of the connection space
# Primaries somewhat wider than those of sRGB, adapted to D50; they sum to the white.
_PRIMARIES = {
    b"rXYZ": (0.5151, 0.2652, 0.0131),
    b"gXYZ": (0.2919, 0.6602, 0.0669),
    b"bXYZ": (0.1572, 0.0746, 0.7449),
}


def _fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def icc_profile(size: int = 0) -> bytes:
    """Return a matrix profile of an RGB input device with gamma 1.8, not the identity to sRGB.

    Parameters
    ----------
    size : int
        Bytes of the profile, rounded up to a multiple of 4; the rest is filled
        with a private tag, as profiles of scanners carry large ones. What the
        profile needs (about 500 bytes) is the least.

    Returns
    -------
    bytes
        A profile by ICC.1:2001 that any colour management can apply.
    """
    name = b"nearline test scanner\0"
    bodies = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(name)) + name + bytes(78),
        b"cprt": b"text\0\0\0\0freely usable\0",
        b"wtpt": b"XYZ \0\0\0\0" + _fixed(*_WHITE),
        **{tag: b"XYZ \0\0\0\0" + _fixed(*xyz) for tag, xyz in _PRIMARIES.items()},
        **dict.fromkeys(
            (b"rTRC", b"gTRC", b"bTRC"),
            b"curv\0\0\0\0" + struct.pack(">IH", 1, round(_GAMMA * 256)),
        ),
    }
    bodies = {tag: body + bytes(-len(body) % 4) for tag, body in bodies.items()}
    directory = 128 + 4 + 12 * (len(bodies) + 1)
    filling = max(8, size - directory - sum(map(len, bodies.values())))
    bodies[b"nlFI"] = b"data\0\0\0\0" + bytes(filling - 8 + (-filling % 4))

    table, data = struct.pack(">I", len(bodies)), b""
    for tag, body in bodies.items():
        table += tag + struct.pack(">II", directory + len(data), len(body))
        data += body
    header = struct.pack(
        ">I4sI4s4s4s6H4s4sI4s4sQI12s",
        directory + len(data),
        b"\0\0\0\0",
        0x02400000,
        b"scnr",
        b"RGB ",
        b"XYZ ",
        *(2026, 1, 1, 0, 0, 0),
        b"acsp",
        b"\0\0\0\0",
        0,
        b"\0\0\0\0",
        b"\0\0\0\0",
        0,
        0,
        _fixed(*_WHITE),
    )
    return header + bytes(128 - len(header)) + table + data
