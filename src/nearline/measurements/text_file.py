"""Bytes of a text file of measurements: refused unless they are one, whole and of a sane size.

Servers answer login pages, cut bodies and empty ones as if they were the file. Each of them is
named here, before anything is read as a number.
"""

from __future__ import annotations

import math
import re
from typing import NoReturn

from nearline.errors import UnreadableMeasurements

__all__ = ["lines_of", "number", "refuse"]

MAX_BYTES = 16 * 1024 * 1024
"""Larger than any table that the supported programs write (a wmparc.stats has 20 KiB)."""

MAX_NUMBER = 64
"""Characters of a number: more are no number that a program printed."""

_CONTROLS = bytes(set(range(32)) - {9, 10, 11, 12, 13}) + b"\x7f"
_DECIMAL = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,4})?", re.ASCII)


def refuse(where: str, why: str, line: int | None = None) -> NoReturn:
    """Raise for a file that cannot be read.

    Parameters
    ----------
    where : str
        Names the file for people: server, session and path as the caller knows them.
    why : str
        What is wrong, a part of a sentence.
    line : int, optional
        Number of the line at fault, from 1.

    Raises
    ------
    UnreadableMeasurements
        Always.
    """
    place = where if line is None else f"{where}, line {line}"
    raise UnreadableMeasurements(f"{place}: {why}.")


def lines_of(data: bytes, *, where: str) -> list[str]:
    """Lines of a text file, without their ends.

    Parameters
    ----------
    data : bytes
        The whole file. UTF-8; Latin-1 is taken where UTF-8 fails (names of users and hosts in
        headers). Line ends may be LF, CRLF or CR.
    where : str
        Names the file in errors.

    Returns
    -------
    list of str
        Line 1 first.

    Raises
    ------
    UnreadableMeasurements
        Empty, larger than 16 MiB, HTML, binary, or cut: the last line does not end.
    """
    if not data.strip():
        refuse(where, "the file is empty")
    if len(data) > MAX_BYTES:
        refuse(where, f"the file has {len(data)} bytes, too many for a table of measurements")
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
        refuse(where, "this is a web page or XML, not measurements; is the login still valid?")
    if len(data.translate(None, _CONTROLS)) != len(data):
        refuse(where, "the file is binary, not text")
    if not data.endswith((b"\n", b"\r")):
        refuse(where, "the file is cut: its last line does not end", data.count(b"\n") + 1)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    del lines[-1]
    return lines


def number(text: str, *, where: str, line: int | None, what: str) -> float:
    """Read a finite decimal number.

    Parameters
    ----------
    text : str
        As it stands in the file.
    where, line
        Name the place in errors.
    what : str
        Names the value in errors, such as ``Volume_mm3 of Left-Hippocampus``.

    Returns
    -------
    float
        The nearest float64.

    Raises
    ------
    UnreadableMeasurements
        Not a number, not a finite one, or one that no program prints (hexadecimal,
        underscores, more than 64 characters).
    """
    if len(text) > MAX_NUMBER or not _DECIMAL.fullmatch(text):
        refuse(where, f"{what} is {text[:MAX_NUMBER]!r}, not a finite number", line)
    value = float(text)
    if not math.isfinite(value):
        refuse(where, f"{what} is {text!r}, too large for a number", line)
    return value
